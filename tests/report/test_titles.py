"""Results name things by their keys; whoever reads them sees the titles of the config."""

from ncst.plan import inputs
from ncst.report.titles import titled, titled_pairs


def test_every_name_gets_its_title(config):
    titles = inputs.titles(config)
    metrics = {
        "model": "mel_lcnn",
        "title": "mel_lcnn",
        "class_names": ["real", "mimi", "of a toolkit"],
        "single": {"id_source/mimi": {"title": "id_source/mimi", "label_name": "mimi"}},
        "ood": {"ood_single": {"title": "ood_single", "codecs": {"wavtokenizer": "wavtokenizer"}}},
    }
    found = titled(metrics, titles)
    assert found["title"] == titles["models"]["mel_lcnn"] != "mel_lcnn"
    assert found["class_names"] == ["Real speech", "Mimi", "of a toolkit"]
    single, outside = found["single"]["id_source/mimi"], found["ood"]["ood_single"]
    assert (single["title"], single["label_name"]) == (titles["splits"]["id_source/mimi"], "Mimi")
    assert outside == {"title": titles["splits"]["ood_single"], "codecs": {"wavtokenizer": "WavTokenizer"}}
    assert metrics["title"] == "mel_lcnn", "what was read stays as it is"


def test_findings_get_titles(config):
    titles = inputs.titles(config)
    about = {"model": "elsewhere", "title": "Elsewhere"}
    cells = {name: {"title": name, "ood": {"ood_multi": {"title": "ood_multi"}}} for name in ("clean", "opus_16")}
    found = titled(about | {"cells": cells}, titles)
    assert found["title"] == "Elsewhere"
    assert [cell["title"] for cell in found["cells"].values()] == ["Clean", titles["perturbations"]["opus_16"]]
    assert found["cells"]["clean"]["ood"]["ood_multi"]["title"] == titles["splits"]["ood_multi"]
    assert titled(about | {"by": {"Corpus": {"vctk": 1}}}, titles)["by"] == {"Corpus": {titles["corpora"]["vctk"]: 1}}
    assert titled(about | {"ood": {"refused": "Too weak."}}, titles)["ood"] == {"refused": "Too weak."}


def test_comparisons_get_titles(config):
    rows = [{"first": "mel_lcnn", "second": "elsewhere"}]
    found = titled_pairs({"rows": rows, "notes": ["mel_lcnn: weak: train it longer."]}, inputs.titles(config))
    title = config["models"]["mel_lcnn"]["title"]
    assert found == {
        "rows": [{"first": title, "second": "elsewhere"}],
        "notes": [f"{title}: weak: train it longer."],
    }


def test_a_stand_in_is_marked_wherever_it_is_named(config):
    assert inputs.titles(config)["codecs"]["soundstream"] == "SoundStream", "compact weights have a notice of their own"
    config["weights"]["default"] = "official"
    titles = inputs.titles(config)
    assert titles["codecs"]["soundstream"] == "SoundStream (stand-in)" and titles["codecs"]["mimi"] == "Mimi"
    assert titles["splits"]["ood_multi"].endswith(" (stand-in: SoundStream)")
    assert "stand-in" not in titles["splits"]["ood_single"] + titles["splits"]["train"]
    found = titled({"model": "x", "title": "X", "class_names": ["soundstream"]}, titles)
    assert found["class_names"] == ["SoundStream (stand-in)"]
