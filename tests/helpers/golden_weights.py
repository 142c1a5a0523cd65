"""Weights of official size for the full benchmark, by the rule of the golden tests, in place of the published ones."""

import shutil

import golden_codecs
import resynthesis
from helpers.golden_models import published_xlsr
from helpers.project import ROOT

from ncst.fetch.weights import convert
from ncst.plan.config import load_config

CASES = resynthesis.CASES | {"wavtokenizer_600": "wavtokenizer_600"}


def place_weights(project):
    """Put the weight file of every codec of the benchmark and of XLS-R where config/st_codecfake.yaml looks for it."""
    config = load_config(ROOT / "config/st_codecfake.yaml")
    scratch = project / "published"
    (project / "weights").mkdir()
    for codec, case in CASES.items():
        scratch.mkdir()
        golden_codecs.load(case, scratch)
        (scratch / "codec.safetensors").replace(project / config["codecs"][codec]["weights"]["official"]["file"])
        shutil.rmtree(scratch)
    scratch.mkdir()
    entry = config["frontends"]["xlsr_layer5"]
    file = project / entry["weights"]["official"]["file"]
    convert("xlsr_layer5", entry, published_xlsr(scratch), file, "frontends")
    shutil.rmtree(scratch)
