"""Every codec against numbers of the original code at its published size: equal codes, and audio within tolerance."""

import gc
import json
import shutil
from pathlib import Path

import _golden
import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

from ncst import weights
from ncst.audio import fit_length

FOLDER = Path(__file__).parent / "golden" / "codecs"
CODECS = yaml.safe_load(Path("config/codecs.yaml").read_text(encoding="utf-8"))["codecs"]
AUTOENCODER = "autoencoder/symAD_libritts_24000_hop300/checkpoint-{}00000steps.pkl"
VOCODER = "vocoder/AudioDec_v1_symAD_libritts_24000_hop300_clean/checkpoint-500000steps.pkl"


def _generator(state):
    return {"model": {"generator": state}, "steps": 500000}


# case: (entry of config/codecs.yaml, {official file: its content, from the tensors of the case's parts})
CASES = {
    "mimi_8": ("mimi_8", {"model.safetensors": lambda p, _: p["model"], "config.json": lambda _, c: _mimi_config()}),
    "mimi_32": ("mimi", {"model.safetensors": lambda p, _: p["model"], "config.json": lambda _, c: _mimi_config()}),
    "speechtokenizer": (
        "speechtokenizer",
        {
            "speechtokenizer_hubert_avg/SpeechTokenizer.pt": lambda p, _: p["model"],
            "speechtokenizer_hubert_avg/config.json": lambda _, constructor: constructor,
        },
    ),
    "funcodec_ds320": ("funcodec_ds320", {"model.pth": lambda p, _: p["model"]}),
    "funcodec_ds640": ("funcodec_16", {"model.pth": lambda p, _: p["model"]}),
    "encodec_24k": ("encodec", {"encodec_24khz-d7cc33bc.th": lambda p, _: p["model"]}),
    "facodec_v1": (
        "facodec",
        {f"ns3_facodec_{part}.bin": lambda p, _, part=part: p[part] for part in ("encoder", "decoder")},
    ),
    "facodec_v2": (
        "facodec_v2",
        {f"ns3_facodec_{part}_v2.bin": lambda p, _, part=part: p[part] for part in ("encoder", "decoder")},
    ),
    "snac_24k": ("snac", {"pytorch_model.bin": lambda p, _: p["model"], "config.json": lambda _, c: c}),
    "wavtokenizer_320": (
        "wavtokenizer",
        {"WavTokenizer_small_320_24k_4096.ckpt": lambda p, _: {"epoch": 1, "state_dict": p["model"]}},
    ),
    "wavtokenizer_600": (
        "wavtokenizer_600",
        {"WavTokenizer_small_600_24k_4096.ckpt": lambda p, _: {"epoch": 1, "state_dict": p["model"]}},
    ),
    "soundstream_academicodec_16k320": ("soundstream", {"encodec_16k_320d.pth": lambda p, _: p["model"]}),
    "soundstream_academicodec_24k240": ("soundstream_24k", {"encodec_24khz_240d.pth": lambda p, _: p["model"]}),
    "audiodec_v1_24k300": (
        "audiodec",
        {
            AUTOENCODER.format(5): lambda p, _: _generator(p["autoencoder"]),
            VOCODER: lambda p, _: _generator(p["vocoder"]),
        },
    ),
    "audiodec_sym_24k300": (
        "audiodec_sym",
        {AUTOENCODER.format(n): lambda p, _: _generator(p["autoencoder"]) for n in (5, 10)},
    ),
    "hificodec_16k320": ("hificodec", {"HiFi-Codec-16k-320d-large-universal": lambda p, _: p}),
    "hificodec_24k240": ("hificodec_24k", {"HiFi-Codec-24k-240d": lambda p, _: p}),
    "dac_16k": (
        "dac",
        {"weights_16khz.pth": lambda p, c: {"state_dict": p["model"], "metadata": {"kwargs": c}}},
    ),
}


def _mimi_config():
    from transformers import MimiConfig

    return MimiConfig().to_dict()


def _write(path, content):
    """Write *content* in the format that the name of *path* tells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        path.write_text(json.dumps(content), encoding="utf-8")
    elif path.suffix == ".safetensors":
        save_file(content, path)
    else:
        torch.save(content, path)
    return path


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(min(threads, 2))
    yield
    torch.set_num_threads(threads)
    gc.collect()


def test_every_case_is_listed():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(CASES)


def test_rule():
    matrix = _golden.tensor("encoder.model.0.conv.conv.weight", (2, 3), 20260, "matrix")
    assert matrix[0] == pytest.approx([-0.36326009, 0.46538460, 0.08023385], abs=1e-8)
    positive = _golden.tensor("encoder.model.0.conv.conv.weight", (2, 3), 20260, "positive")
    assert positive[0, :2] == pytest.approx([0.93901998, 1.08394480], abs=1e-8)


@pytest.mark.parametrize("case", sorted(CASES))
@torch.inference_mode()
def test_official_size(case, tmp_path):
    name, layout = CASES[case]
    facts = json.loads((FOLDER / f"{case}.json").read_text(encoding="utf-8"))
    golden = np.load(FOLDER / f"{case}.npz")
    codec = _load(name, layout, facts, golden, tmp_path)
    shutil.rmtree(tmp_path)  # up to a gigabyte, which pytest would keep for three runs

    audio = _pad(codec, golden["input"], facts["length_rule"])
    codes, side = codec.encode(torch.from_numpy(audio)[None])
    assert codes.dtype == torch.int64 and codes.ndim == 3
    for book, expected in enumerate(_books(golden)):
        stride = codes.shape[-1] // len(expected)
        np.testing.assert_array_equal(codes[0, book, ::stride].numpy(), expected)
    assert codes.shape[1] == len(_books(golden))
    if "speaker" in golden:
        _compare(side, golden, facts, "speaker")

    if "audio_noise" in golden:
        torch.manual_seed(facts["settings"]["noise_seed"])
        _compare(codec.decode(codes, side), golden, facts, "audio_noise")
        for module in codec.network.modules():
            if type(module).__name__ == "NoiseBlock":
                module.forward = lambda x: x
    _compare(codec.decode(codes, side), golden, facts, "audio")


def _load(name, layout, facts, golden, folder):
    """Build the official files of a case under *folder* and bring them through conversion and loading."""
    parts = {
        part: {k: torch.from_numpy(v) for k, v in _golden.state(tensors, facts["weights"]["seed"], golden).items()}
        for part, tensors in facts["parts"].items()
    }
    constructor = facts["upstream"].get("constructor")
    files = {file: _write(folder / file, content(parts, constructor)) for file, content in layout.items()}
    del parts
    return weights.convert(name, CODECS[name], files, folder / "codec.safetensors")


def _pad(codec, audio, rule):
    """Return *audio* as upstream gets it: padded to a hop, or whole where its convolutions drop the tail themselves."""
    return audio if "floor" in rule else fit_length(audio, -(-len(audio) // codec.hop) * codec.hop)


def _books(golden):
    return golden["codes"] if "codes" in golden else [golden[f"codes_{i}"] for i in range(3)]


def _compare(audio, golden, facts, key):
    expected = golden[key]
    assert audio.shape[-1] >= len(expected)
    worst = np.abs(audio[0, : len(expected)].numpy() - expected).max()
    assert worst <= facts["tolerance"]["max_abs"][key]
