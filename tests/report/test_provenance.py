"""The page says whose weights ran: fetched ones by address, ours as ours, others as placed by hand."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from ncst.report.page.provenance import origin_of


@pytest.fixture
def official(config, tmp_path):
    config["weights"]["default"] = "official"
    for name in ("dac", "mimi"):
        config["codecs"][name]["weights"]["official"]["file"] = str(tmp_path / f"{name}.safetensors")
    return config


def test_published_weights_are_named_by_their_address(official):
    assert origin_of(official, "mimi", "codecs").startswith("kyutai/mimi at ")
    assert origin_of(official, "dac", "codecs").startswith("https://github.com/descriptinc/descript-audio-codec/")


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({}, "mimi.safetensors: placed by hand"),
        ({"placed": '{"model.bin": "123abc"}'}, "model.bin: placed by hand, SHA-256 123abc"),
        ({"fetched": "yes"}, "kyutai/mimi at "),
    ],
)
def test_weights_that_were_not_fetched_are_placed_by_hand(official, metadata, said):
    file = official["codecs"]["mimi"]["weights"]["official"]["file"]
    save_file({"x": np.zeros(1, np.float32)}, file, metadata)
    assert said in origin_of(official, "mimi", "codecs")


def test_compact_weights_are_ours(config):
    assert origin_of(config, "dac", "codecs") == "trained by this project, not the published weights"
    config["codecs"]["dac"]["weights"]["compact"]["file"] = "results/demo/compact/dac.safetensors"
    assert origin_of(config, "dac", "codecs") == "trained by this run, not the published weights"
