import copy
import subprocess
import sys
from pathlib import Path

import pytest

from ncst.errors import NcstError
from ncst.plan import entries, inputs, needs, selection, sharding
from ncst.plan.config import load_config, merge
from ncst.plan.estimate import estimate
from ncst.plan.validate import validate


def refuse(config, sentence):
    with pytest.raises(NcstError, match=sentence):
        validate(config)


def test_shipped_configurations_are_valid(config):
    validate(config)
    for overlay in ("small", "st_codecfake", "mitigations"):
        validate(load_config(f"config/{overlay}.yaml"))


def test_wrong_keys_are_named(config):
    refuse(config | {"codec": []}, "at the top level: .*'codec' was unexpected.*it may hold")
    refuse(config | {"select": {"model": None}}, "at select: .*'model'")
    refuse(config | {"roots": {"vctkk": "/data"}}, r"at roots: \['vctkk'\]")
    refuse(config | {"weights": {"default": "big"}}, "at weights.default: 'big'")
    refuse(config | {"weights": {"default": "compact", "nocodec": "official"}}, "at weights: .*nocodec")
    refuse(config | {"seeds": []}, "at seeds")


@pytest.mark.parametrize(("there", "absent"), [("vctk", "aishell3"), ("aishell3", "vctk")])
def test_the_small_run_takes_one_corpus_alone_and_says_so(there, absent):
    config = merge(load_config("config/small.yaml"), {"roots": {there: "/data"}})
    splits = selection.splits(config)
    assert {"train", "dev", "eval_id", "ood_multi"} <= set(splits)
    assert selection.source_sets(config) == ["st_eval", "st_dev", "st_train"]
    assert inputs.indexes(config, "st_train") == [f"<results>/corpora/{there}.parquet"]
    assert {tuple(options["corpora"]) for options in inputs.pool(config, "st_dev").values()} == {(there,)}
    told = f"st_eval, st_dev, st_train draw from {there} alone, as roots.{absent} is not set."
    assert list(selection.narrowed(config)) == [told]
    assert not any(absent in row.corpora for row in estimate(config).rows if row.split in splits)
    merge(config, {"roots": {absent: "/data"}})
    assert list(selection.narrowed(config)) == []
    assert len(inputs.indexes(config, "st_train")) == 2


def test_without_any_root_a_set_needs_all_its_corpora(config):
    config["roots"] = dict.fromkeys(config["roots"]) | {"vctk": "/data"}
    assert selection.source_sets(config) == []


def test_all_utterances_are_counted_as_full_shards(config):
    merge(config, {"sources": {"ncssd": {"size": "all", "shards": 4, "shard_size": 50}}})
    assert len(sharding.shards(config, "ncssd")) == 4
    assert selection.clips(config, "unseen_real/ncssd") == 200


def test_the_robustness_grid_names_what_exists(config):
    assert selection.robustness_cells(config)[:2] == ["clean", "mp3_32"]
    grid = config["robustness"]
    refuse(config | {"robustness": grid | {"perturbations": ["aac"]}}, r"at robustness.perturbations: \['aac'\]")
    refuse(config | {"robustness": grid | {"detectors": ["odin"]}}, r"at robustness.detectors: \['odin'\]")
    assert selection.robustness_cells(config | {"robustness": grid | {"perturbations": []}}) == []
    assert selection.real_splits(config) == [f"unseen_real/{c}" for c in ("asvspoof2019_la", "in_the_wild", "ncssd")]


def test_wrong_entries_are_named(config):
    broken = copy.deepcopy(config)
    broken["splits"]["train"]["pairs"][0]["source"] = "st_tran"
    refuse(broken, "at splits.train: no source set 'st_tran'")
    broken = copy.deepcopy(config)
    broken["splits"]["id_config/encodec_12"]["pairs"][0]["codecs"] = ["encodec_13"]
    refuse(broken, "at splits.id_config/encodec_12: no codec 'encodec_13'")
    broken = copy.deepcopy(config)
    broken["codecs"]["mimi"]["bitrate"] = 3
    refuse(broken, "at codecs.mimi: .*'bitrate'")


def test_selection_of_unknown_names(config):
    config["select"]["codecs"] = ["real", "mp4"]
    with pytest.raises(NcstError, match=r"select.codecs names \['mp4'\]"):
        selection.codecs(config)


def test_selected_codec_without_weights_of_the_kind(config):
    assert "lyra" not in selection.codecs(config)
    config["select"]["codecs"] = ["real", "lyra"]
    with pytest.raises(NcstError, match=r"'lyra' of config/codecs has no compact weights.*set weights.lyra"):
        selection.codecs(config)
    config["weights"]["lyra"] = "official"
    assert selection.codecs(config) == ["real", "lyra"]


def test_splits_without_their_corpora_are_left_out(config):
    everything = selection.splits(config)
    config["roots"] |= {"ncssd": None, "in_the_wild": None, "asvspoof2019_la": None}
    left = selection.splits(config)
    assert {"train", "dev", "eval_id", "ood_multi"} <= set(left)
    assert not any("ncssd" in s or s.startswith(("unseen_real", "id_source")) or s == "ood_vocoder" for s in left)
    assert set(left) < set(everything)


def test_an_experiment_without_training_speech_is_refused(config):
    config["roots"]["vctk"] = None
    with pytest.raises(
        NcstError, match=r"^Name the folder of vctk in `roots`: without it train, dev, .*eval_id are empty\."
    ):
        needs.page(config)


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ({"models": []}, "select.models: none is named, so there is nothing to train"),
        ({"codecs": ["real"]}, r"select.codecs: \['real'\] leave fewer than two classes in the split 'train'"),
    ],
)
def test_a_selection_with_nothing_to_train_is_said(config, select, said):
    assert list(needs.run_problems(config)) == []
    config["select"] |= select
    with pytest.raises(NcstError, match=said):
        needs.page(config)


def test_merging_replaces_lists_and_merges_mappings():
    assert merge({"a": {"b": 1, "c": [1, 2]}}, {"a": {"c": [3]}}) == {"a": {"b": 1, "c": [3]}}


def test_planning_imports_nothing_heavy():
    heavy = ("torch", "pyarrow", "pandas", "numpy")
    modules = "ncst.plan.config, ncst.plan.inputs, ncst.plan.code, ncst.cli"
    code = f"import sys, {modules}; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_unreadable_overlays(tmp_path):
    with pytest.raises(NcstError, match="Cannot read the config file"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [1")
    with pytest.raises(NcstError, match="not valid YAML"):
        load_config(tmp_path / "bad.yaml")


BENCHMARK_ALMS = {"moshi": (1, 10_000), "mini_omni": (6, 10_000), "speechgpt_gen": (2, 18), "valle": (4, 4_436)}


def test_language_models_of_the_benchmark_have_its_labels_and_counts(config):
    for name, (label, count) in BENCHMARK_ALMS.items():
        split = config["splits"][f"alm/{name}"]
        assert (split["role"], split["label"]) == ("single", label)
        assert split["pairs"] == [{"source": name, "codecs": ["real"]}]
        assert config["sources"][name]["size"] == count
    columns = Path("resources/paper/table6.csv").read_text(encoding="utf-8")
    assert all(f",alm/{name}," in columns for name in BENCHMARK_ALMS)
    assert not [split for split in selection.splits(config) if split.startswith("alm/") and split != "alm/demo"]
    config["roots"]["valle"] = "/data/valle"
    assert "alm/valle" in selection.splits(config | {"select": config["select"] | {"splits": None}})


def test_generated_language_models_get_the_class_of_their_codec(config):
    for name, alm in config["alms"].items():
        split = config["splits"][f"alm/{name.removesuffix('_alm')}"]
        entry = config["codecs"][alm["codec"]]
        assert split["label"] == entry["class_id"]
        assert split["role"] == ("single" if entry["role"] == "id" else "ood")
        assert split["pairs"] == [{"source": name, "codecs": ["real"]}]
        assert config["corpora"][name]["module"] == "alm"
        assert config["sources"][name]["size"] <= alm["clips"]


def test_what_cannot_be_generated_is_named(config):
    refuse(config | {"roots": {"moshi": "generate"}}, "at roots.moshi: only what config/alms.yaml lists")
    refuse(config | {"roots": {"csm": "generate"}}, r"'csm' of config/alms has no compact weights.*set weights\.csm")
    official = {"default": "compact", "csm": "official"}
    refuse(config | {"roots": {"csm": "generate"}, "weights": official}, "those of the official mimi: set weights.mimi")
    config["alms"]["demo_alm"]["codec"] = "mimmi"
    refuse(config, "at alms.demo_alm: no codec 'mimmi'")


def test_other_training_lists_are_whole_and_hold_nothing_that_is_tested():
    config = load_config("config/mitigations.yaml")
    name = "w2v2_aasist_more_real"
    with pytest.raises(NcstError, match=r"lacks the source sets \['more_real'\]: name the roots"):
        selection.training_splits(config, name)
    config["roots"]["more_real"] = "/data/reading"
    assert selection.training_splits(config, name) == ["train_more_real", "dev"]
    assert selection.pairs(config, "train_more_real")[-1] == ("more_real", "real")
    config["splits"]["train_more_real"]["pairs"].append({"source": "in_the_wild_bonafide", "codecs": ["real"]})
    with pytest.raises(NcstError, match="in_the_wild_bonafide/real is in 'train_more_real' and in 'unseen_real/in"):
        selection.training_splits(config, name)
    config["models"][name]["train"] = "trian"
    refuse(config, f"models.{name}: no split 'trian'")


def test_ratios_of_real_speech_are_counted_and_unused_lists_left_out(config):
    clips = {name: selection.clips(config, name) for name in config["splits"] if name.startswith("train")}
    assert clips == {
        "train": 420,
        "train_more_real": 420,
        "train_real_1_12": 390,
        "train_real_1_3": 240,
        "train_real_1_1": 120,
    }
    config["select"] |= {"splits": None, "models": ["mel_lcnn", "w2v2_aasist_real_1_1"]}
    assert selection.splits(config, "train") == ["train", "train_real_1_1"]


def test_keys_beside_the_sizes_change_both(config):
    for size in ("published", "compact"):
        config["model_sizes"]["default"] = size
        base, changed = (entries.model_entry(config, f"w2v2_aasist{end}") for end in ("", "_balanced_real"))
        assert changed["training"] == base["training"] | {"sampler": "balanced_real"}
        assert changed["options"] == base["options"]
