"""CodecFake+: its label tables, its two layouts, and lists drawn from them."""

from collections import Counter

import pytest
import yaml
from helpers.mini_release import write_wav

from ncst import registry
from ncst.audio.resynthesize import write_real
from ncst.audio.write_manifest import write_manifest
from ncst.core.shipped import shipped
from ncst.errors import NcstError
from ncst.formats.manifests import read_manifest
from ncst.plan import entries, selection
from ncst.plan.config import load_config
from ncst.plan.validate import validate
from ncst.speech.corpora._codecfake_plus import LABELS, read_labels
from ncst.speech.index_corpus import index_corpus
from ncst.speech.sample_sources import sample_sources

CODECS = ("bigcodec", "snac_24khz", "mimicodec", "spectralcodecs", "sqcodec50dim9", "ticodec_1g4r")
SHARD = "00000-of-00001"


@pytest.fixture
def cors(tmp_path):
    for utterance in ("p225_001", "p225_002", "s5_003", "p374_004", "p226_005", "p227_006", "p228_007"):
        for codec in ("", *CODECS, "maskgct"):
            name = "_".join(filter(None, (utterance, codec)))
            write_wav(tmp_path / "CodecFake+/all_data_16k" / f"{name}.wav", name)
    return tmp_path / "CodecFake+"


@pytest.fixture
def cosg(tmp_path):
    root, lines = tmp_path / "CodecFake+", []
    for system in ("VALLE", "SIMPLESPEECH1", "SINGLECODEC"):
        for name, kind in (("a_prompt", "bonafide"), ("0_ours", "spoof")):
            write_wav(root / "SLMdemos_16k" / system / f"{name}.wav", system + name)
            lines.append(f"{system} {name} - {kind}")
    (root / "CoSG_ALL.txt").write_text("\n".join(lines) + "\n")
    return root


def rows_of(name, root, **settings):
    rows = registry.load("corpora", name)({"title": name, "settings": settings}, root).index()
    return {row["utt_id"]: row for row in rows}


def manifest_of(split, root, results, sizes):
    """Run a split of config/codecfake_plus.yaml from the corpus to its manifest."""
    config = load_config("config/codecfake_plus.yaml")
    entry = config["splits"][split]
    source_set = entry["pairs"][0]["source"]
    options = config["sources"][source_set] | {"size": sizes}
    corpus = options["corpora"][0]
    index, sources = results / "index.parquet", results / "sources.parquet"
    index_corpus(corpus, config["corpora"][corpus], root, index)
    sample_sources(source_set, [index], {source_set: options}, 688, sources)
    shard = results / "audio" / source_set / "real" / f"{SHARD}.parquet"
    write_real(sources, SHARD, config["codecs"]["real"], shard, {corpus: root})
    write_manifest(split, entry, [shard], results / "audio", results / "manifest.parquet", seed=688)
    return read_manifest(results / "manifest.parquet").to_pylist()


def test_every_published_name_has_labels():
    cors, cosg = read_labels("cors"), read_labels("cosg")
    assert len({row["codec"] for row in cors.values()}) == 31
    assert len(cors) == 34
    assert len(cosg) == 17
    counts = {key: Counter({row["codec"]: row[key] for row in cors.values()}.values()) for key in ("vq", "aux", "dec")}
    assert counts == {
        "vq": {"mvq": 25, "svq": 4, "sq": 2},
        "aux": {"none": 18, "sem": 8, "dis": 5},
        "dec": {"time": 19, "freq": 12},
    }
    assert Counter(row["vq"] for row in cosg.values()) == {"mvq": 13, "sq": 2, "svq": 2}
    schema = yaml.safe_load(shipped("workflow/schemas/codecs.schema.yaml").read_text())["properties"]["taxonomy"][
        "properties"
    ]
    assert all(row[key] in schema[key]["enum"] for row in (cors | cosg).values() for key in schema)
    assert LABELS.read_text(encoding="utf-8").isascii()


def test_tracers_learn_from_cors_and_are_tested_on_cosg():
    config = load_config("config/codecfake_plus.yaml")
    config["roots"] |= {"codecfake_plus_cors": "/data", "codecfake_plus_cosg": "/data"}
    validate(config)
    assert selection.splits(config) == selection.splits(config, "taxonomy") != []
    for model in entries.selected(config, "models"):
        used = [*selection.training_splits(config, model), *selection.tested_splits(config, model)]
        assert "taxonomy/cosg/eval" in used
        assert set(used) <= set(selection.splits(config)), model


def test_cors_names_say_speaker_codec_and_parent(cors):
    rows = rows_of("codecfake_plus_cors", cors, others=True)
    assert len(rows) == 7 * 8
    spoof = rows["p225_001_mimicodec"]
    assert (spoof["kind"], spoof["codec"], spoof["parent"]) == ("spoof", "mini", "p225_001")
    assert (spoof["vq"], spoof["aux"], spoof["dec"]) == ("mvq", "sem", "time")
    assert (rows["s5_003"]["kind"], rows["s5_003"]["codec"], rows["s5_003"]["speaker"]) == ("bonafide", None, "s5")
    assert (rows["p225_001_maskgct"]["subset"], rows["p225_001_maskgct"]["vq"]) == ("others", None)
    subsets = {utt_id: rows[utt_id]["subset"] for utt_id in ("p225_001", "p226_005", "p227_006_bigcodec")}
    assert subsets == {"p225_001": "train", "p226_005": "dev", "p227_006_bigcodec": "eval"}
    assert rows_of("codecfake_plus_cors", cors / "all_data_16k", others=True).keys() == rows.keys()


def test_cors_lists_are_balanced_pairs(cors, tmp_path):
    rows = manifest_of("taxonomy/cors_vq/train", cors, tmp_path / "results", 8)
    real = [row for row in rows if row["label"] == 0]
    spoof = [row for row in rows if row["label"] == 1]
    assert (
        {row["utt_id"] for row in real}
        == {row["utt_id"] for row in spoof}
        == {"p225_001", "p225_002", "s5_003", "p374_004"}
    )
    assert {(row["codec"], row["vq"], row["aux"], row["dec"]) for row in real} == {("real",) * 4}
    assert sorted(Counter(row["vq"] for row in spoof).values()) == [1, 1, 2]
    labels = read_labels("cors")
    for row in spoof:
        assert labels[row["codec"]] == {key: row[key] for key in ("codec", "vq", "aux", "dec")}
        assert row["clip_id"].startswith(f"{row['utt_id']}_")


def test_cors_as_a_whole_leaves_nothing_of_its_codecs_out(cors, tmp_path):
    rows = manifest_of("taxonomy/cors/eval", cors, tmp_path / "results", 14)
    assert Counter(row["label"] for row in rows) == {0: 2, 1: 12}


def test_cosg_takes_kinds_from_its_list(cosg, tmp_path):
    rows = manifest_of("taxonomy/cosg/eval", cosg, tmp_path / "results", 6)
    facts = {row["clip_id"]: (row["label"], row["codec"], row["vq"], row["dec"]) for row in rows}
    assert facts["SINGLECODEC-0_ours"] == (1, "SINGLECODEC", "svq", "freq")
    assert facts["SINGLECODEC-a_prompt"] == (0, "real", "real", "real")
    assert len(facts) == 6


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda root: (root / "CoSG_ALL.txt").unlink(), "CoSG_ALL.txt is missing: copy metadata"),
        (
            lambda root: (root / "SLMdemos_16k/VALLE/0_ours.wav").unlink(),
            r"1 of the 6 recordings in CoSG_ALL.*'VALLE/0",
        ),
        (
            lambda root: (root / "CoSG_ALL.txt").write_text("VALL-E 0_ours - spoof\n"),
            "Line 1 of .* is not system, name",
        ),
        (lambda root: (root / "CoSG_ALL.txt").write_text("VALLE 0_ours - fake\n"), "calls 'VALLE-0_ours' 'fake'"),
    ],
)
def test_bad_cosg_folders_are_one_sentence(cosg, spoil, sentence):
    spoil(cosg)
    with pytest.raises(NcstError, match=sentence):
        rows_of("codecfake_plus_cosg", cosg)


def test_bad_cors_folders_are_one_sentence(cors, tmp_path):
    with pytest.raises(NcstError, match=r"names the codec 'maskgct', which .*labels.csv lacks: add"):
        rows_of("codecfake_plus_cors", cors)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NcstError, match=r"name the folder that holds all_data_16k/"):
        rows_of("codecfake_plus_cors", tmp_path / "empty")
    with pytest.raises(NcstError, match=r"cors_vq_train wants 10 utterances, but codecfake_plus_cors has only 8"):
        manifest_of("taxonomy/cors_vq/train", cors, tmp_path / "results", 10)
