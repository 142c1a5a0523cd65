import pytest

from ncst.errors import NcstError
from ncst.plan import inputs, selection
from ncst.plan.config import load_config


@pytest.fixture
def mitigations():
    return load_config("config/mitigations.yaml")


def test_an_entry_names_its_plugins(config):
    assert inputs.plugins(config, "codecs", "encodec_12") == [("codecs", "encodec")]
    assert inputs.plugins(config, "alms", "demo_alm") == [("alms", "demo"), ("codecs", "mimi")]
    ensemble = {("detectors", name) for name in ("ensemble", "energy", "nsd", "relative_mahalanobis")}
    assert set(inputs.plugins(config, "detectors", "ensemble")) == ensemble
    config["detectors"]["ensemble"]["tune"] = {"members": [{"knn": {}, "ensemble": {"members": {"vim": None}}}]}
    tried = {("detectors", name) for name in ("knn", "vim")}
    assert set(inputs.plugins(config, "detectors", "ensemble")) == ensemble | tried


def test_a_model_names_its_objective_front_end_and_perturbations(config, mitigations):
    assert inputs.plugins(config, "models", "mel_lcnn") == [
        ("models", "mel_lcnn"),
        ("objectives", "cross_entropy"),
        ("frontends", "mel"),
    ]
    assert ("objectives", "regmixup") in inputs.plugins(mitigations, "models", "w2v2_aasist_regmixup")
    config["models"]["mel_lcnn"]["training"] = {"augment": ["noise_10", "g711_mu"]}
    assert inputs.plugins(config, "models", "mel_lcnn")[3:] == [("perturbations", "noise"), ("perturbations", "g711")]


def test_plugins_of_a_run_are_those_of_selected_entries(config):
    config["select"]["models"] = ["mel_lcnn"]
    found = inputs.used_plugins(config)
    assert {("codecs", "mimi"), ("corpora", "vctk"), ("alms", "demo"), ("perturbations", "g711")} < set(found)
    assert ("alms", "bark") not in found
    assert ("models", "aasist") not in found


def test_what_people_read_reaches_no_job(config):
    assert {"notes", "licence", "known", "title"} & inputs.codec(config, "mimi").keys() == set()
    assert inputs.codec(config, "mimi")["class_id"] == 1
    assert "title" not in inputs.model(config, "mel_lcnn")
    config["models"]["mel_lcnn"]["training"] = {"augment": ["noise_10"]}
    config["frontends"]["mel"]["notes"] = "For people."
    about = inputs.model(config, "mel_lcnn")["augmentation"]
    assert "notes" not in about["entry"] and "title" not in about["perturbations"]["noise_10"]
    _, _, entry = inputs.weights_user(config, "mimi")
    assert {"notes", "licence", "known", "title"} & entry.keys() == set()
    assert {"reference", "paper"} & inputs.facts(config["detectors"]["knn"]).keys() == set()
    assert inputs.facts("/data/vctk") == "/data/vctk"


def test_weights_of_what_runs(config):
    assert inputs.weights(config, "mimi") == "resources/compact/mimi.safetensors"
    assert inputs.weights(config, "real") == []
    assert inputs.back_end_weights(config, "demo_alm") == inputs.weights(config, "mimi")
    assert inputs.frontend_weights(config, "mel_lcnn") == []
    assert inputs.weights_user(config, "mimi")[:2] == ("codecs", "mimi")
    assert {"mimi", "lyra", "xlsr_layer5"} < set(inputs.weights_users(config)), "only these are fetched"


def test_made_corpora_come_first(config):
    assert inputs.made_root(config, "vctk") == "<results>/demo/vctk"
    config["roots"]["vctk"] = "/data/vctk"
    assert inputs.made_root(config, "vctk") == []
    found = inputs.people(config)
    assert "/data/vctk" in found
    assert "<results>/alms/demo_alm" not in found


def test_a_pool_shares_its_indexes(config):
    assert inputs.pool(config, "st_dev").keys() >= {"st_train", "st_dev", "st_eval"}
    found = inputs.indexes(config, "st_dev")
    assert found == inputs.indexes(config, "st_train")
    assert len(found) == len(set(found))
    assert "<results>/corpora/vctk.parquet" in found


def test_files_of_splits_are_named_once(config):
    one, twice = inputs.audio(config, "eval_id"), inputs.audio(config, "eval_id", "eval_id")
    assert one == twice
    assert "<results>/audio/st_eval/real/00000-of-" in one[0]
    features = inputs.scored_features(config, "mel_lcnn", "eval_id")
    assert len(features) == 2 * len(one), "and their fingerprints"
    assert features[0].startswith("<results>/features/mel/st_eval/real/")
    assert [file.replace(".npy", ".json") for file in features[: len(one)]] == features[len(one) :]


def test_a_training_reads_its_own_splits(config, mitigations):
    assert inputs.training_manifest(config, "mel_lcnn") == "<results>/manifests/train.parquet"
    assert inputs.development_manifest(config, "mel_lcnn") == "<results>/manifests/dev.parquet"
    assert inputs.training_scores(config, "mel_lcnn", "688") == "<results>/scores/mel_lcnn/seed-688/train.parquet"
    assert inputs.training_features(config, "mel_lcnn") == inputs.features(config, "mel", "train", "dev")
    assert inputs.augmentation(config, "mel_lcnn") == inputs.checkpoint(config, "mel_lcnn") == []
    config["models"]["mel_lcnn"]["training"] = {"augment": ["noise_10"]}
    (waveform, *_) = inputs.augmentation(config, "mel_lcnn")
    assert waveform.startswith("<results>/features/waveform")


def test_tracers_know_the_parameters_of_codecs(config):
    tracer = next(name for name in config["models"] if "heads" in config["models"][name])
    assert inputs.learnt_parameters(config, "mel_lcnn") is None
    learnt, tested = inputs.learnt_parameters(config, tracer), inputs.tested_parameters(config, tracer)
    assert learnt.items() <= tested.items()
    splits = selection.tested_splits(config, tracer)
    scores = [f"<results>/scores/{tracer}/seed-1/{split}.parquet" for split in splits]
    assert scores == inputs.tested_scores(config, tracer, "1")


def test_the_release_lists_what_it_has(config, tmp_path):
    assert inputs.listed(config) == []
    config["release"] = {"root": str(tmp_path), "copy": False, "partial": False}
    spoken = inputs.listed(config)
    config["roots"] = dict.fromkeys(config["roots"])
    assert set(inputs.listed(config)) - set(spoken) == {"ncssd"}, "its real speech is no part of the release"
    assert set(spoken) == {"st_train", "st_dev", "st_eval"}


def test_real_speech_is_measured_whole(config):
    assert [inputs.measured(config, split) for split in selection.real_splits(config)] == [None] * 3
    assert inputs.measured(config, "train") == config["robustness"]["shortcuts"]


def test_published_data_can_be_fetched(config):
    found = inputs.published(config)
    assert found["vctk"] == "corpora"
    assert all("download" in config[family][name] for name, family in found.items())


def test_folders_of_corpora_are_in_no_params(config):
    config["roots"] = config["roots"] | {"vctk": "/data/VCTK", "ncssd": "fetch", "aishell3": None}
    found = inputs.folders(config)
    assert found["vctk"] == "/data/VCTK" and found["ncssd"] == "data/ncssd" and "aishell3" not in found
    assert found["in_the_wild"] == "results/demo/demo/in_the_wild" and found["demo_alm"] == "results/demo/alms/demo_alm"
    shown = inputs.shown(config | {"folders": found})
    assert shown["roots"]["vctk"] == "given" and shown["roots"]["in_the_wild"] == "demo" and "folders" not in shown
    assert "/data/" not in str(shown)


def test_roots_that_are_no_folders_are_named_before_the_first_job(config, tmp_path):
    inputs.check_roots(config)
    config["roots"] = config["roots"] | {"vctk": str(tmp_path / "no"), "ncssd": str(tmp_path), "aishell3": "/nowhere"}
    with pytest.raises(NcstError, match=r"roots.vctk: there is no folder .*/no; roots.aishell3: .* /nowhere: name"):
        inputs.check_roots(config)


def test_only_what_has_a_network_asks_for_a_gpu(config):
    asked = {name: inputs.cards(config | {"gpu": 2}, name, "frontends") for name in ("mel", "waveform", "xlsr_layer5")}
    assert asked == {"mel": 0, "waveform": 0, "xlsr_layer5": 1}
    assert [inputs.cards(config | {"gpu": gpu}, name) for name in ("mimi", "opus", "lyra") for gpu in (0, 1, 2)] == [
        *(0, 1, 1),
        *(0, 0, 0),
        *(0, 0, 0),
    ]


def test_manifests_name_speakers_where_these_are_resampled(config):
    assert inputs.speakers(config, "dev") == inputs.tested_speakers(config, "taxonomy_m1") == []
    config["bootstrap"] = {"clusters": ["speaker", "utterance"]}
    assert inputs.speakers(config, "dev", "alm/moshi") == [
        "<results>/manifests/dev.parquet",
        "<results>/manifests/alm/moshi.parquet",
    ]
    assert "<results>/manifests/taxonomy/known.parquet" in inputs.tested_speakers(config, "taxonomy_m1")


def test_all_audio_of_a_run_has_the_real_speech_behind_it(config):
    sets = inputs.audio_sets(config)
    assert all("real" in codecs for codecs in sets.values())
    assert {"dac", "encodec_3"} <= sets["st_eval"].keys() and "dac" not in sets["st_train"]
    assert len(inputs.every_shard(config)) == sum(len(s) for codecs in sets.values() for s in codecs.values())


def test_a_split_without_clips_is_a_sentence(config):
    config["select"]["codecs"] = ["real", "mimi"]
    with pytest.raises(NcstError, match=r"'ood_single' has no clips.*select\.codecs"):
        inputs.split_audio(config, "ood_single")
