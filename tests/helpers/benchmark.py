"""The benchmark's own entries: facts about the benchmark are asserted of these, whatever a user has added."""

from ncst.plan import entries, selection
from ncst.plan.config import load_config

CODECS = [
    "real",
    "mimi",
    "mimi_8",
    "speechtokenizer",
    "funcodec",
    "funcodec_16",
    "funcodec_8",
    "funcodec_ds320",
    "encodec",
    "encodec_12",
    "encodec_24",
    "encodec_3",
    "facodec",
    "facodec_v2",
    "snac",
    "wavtokenizer",
    "wavtokenizer_600",
    "soundstream",
    "lyra",
    "lyra_3",
    "lyra_9",
    "soundstream_24k",
    "audiodec",
    "audiodec_sym",
    "hificodec",
    "hificodec_24k",
    "dac",
    "dac_24k",
    "dac_44k",
    "gsm",
    "mp3",
    "opus",
]
DETECTORS = [
    "msp",
    "energy",
    "knn",
    "mahalanobis",
    "nsd",
    "max_logit",
    "entropy",
    "gen",
    "sme",
    "kl_matching",
    "vim",
    "relative_mahalanobis",
    "nnguide",
    "fdbd",
    "react",
    "she",
    "ensemble",
]


def load(*overlays):
    """Return the configuration with *overlays*, without the codecs that a user has added to config/codecs.yaml."""
    config, added = load_config(*overlays), load_config()["codecs"].keys() - set(CODECS)
    return config | {"codecs": {name: entry for name, entry in config["codecs"].items() if name not in added}}


def only(*overlays):
    """Return an overlay, to follow *overlays*, that selects of their codecs and detectors the benchmark's own."""
    config = load(*overlays)
    detectors = [name for name in entries.selected(config, "detectors") if name in DETECTORS]
    return {"select": {"codecs": selection.codecs(config), "detectors": detectors}}
