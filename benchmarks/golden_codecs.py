"""The codecs of the golden cases at official size: checkpoints rebuilt by rule in the layout of the official files."""

import json
from pathlib import Path

import golden_rule
import numpy as np
import torch
import yaml
from safetensors.torch import save_file

from ncst.core.waveforms import fit_length
from ncst.fetch import weights

FOLDER = Path(__file__).parents[1] / "tests/golden/codecs"
CODECS = yaml.safe_load((Path(__file__).parents[1] / "config/codecs.yaml").read_text(encoding="utf-8"))["codecs"]
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


def facts(case):
    """Return what the original code said about *case*: the content of its JSON file, and its arrays."""
    return json.loads((FOLDER / f"{case}.json").read_text(encoding="utf-8")), np.load(FOLDER / f"{case}.npz")


def load(case, folder):
    """Build the official files of *case* under *folder* and bring them through conversion and loading."""
    name, layout = CASES[case]
    told, golden = facts(case)
    parts = {
        part: {k: torch.from_numpy(v) for k, v in golden_rule.state(tensors, told["weights"]["seed"], golden).items()}
        for part, tensors in told["parts"].items()
    }
    constructor = told["upstream"].get("constructor")
    files = {file: _write(folder / file, content(parts, constructor)) for file, content in layout.items()}
    del parts
    return weights.convert(name, CODECS[name], files, folder / "codec.safetensors")


@torch.inference_mode()
def compare(case, codec):
    """Compare what *codec* makes of the case's input, on its own device, with what the original code made of it.

    Returns
    -------
    equal, count : int
        Codes that are equal, and codes in all; -1 equal where their number differs.
    differences : list of (str, float, float)
        Output, its largest difference, and the case's tolerance.
    """
    told, golden = facts(case)
    audio = _pad(codec, golden["input"], told["length_rule"])
    codes, side = codec.encode(torch.from_numpy(audio)[None].to(codec.device))
    books = golden["codes"] if "codes" in golden else [golden[f"codes_{i}"] for i in range(3)]
    found = [
        codes[0, b, :: codes.shape[-1] // len(book)].cpu().numpy() for b, book in enumerate(books[: codes.shape[1]])
    ]
    alike = codes.shape[1] == len(books) and all(one.shape == book.shape for one, book in zip(found, books))
    equal = sum(int((one == book).sum()) for one, book in zip(found, books)) if alike else -1
    outputs = {"speaker": side} if "speaker" in golden else {}
    if "audio_noise" in golden:
        torch.manual_seed(told["settings"]["noise_seed"])
        outputs["audio_noise"] = codec.decode(codes, side)
        for module in codec.network.modules():
            if type(module).__name__ == "NoiseBlock":
                module.forward = lambda x: x
    outputs["audio"] = codec.decode(codes, side)
    limits = told["tolerance"]["max_abs"]
    differences = [(key, _apart(output, golden[key]), limits[key]) for key, output in outputs.items()]
    return equal, sum(len(book) for book in books), differences


def _pad(codec, audio, rule):
    """Return *audio* as upstream gets it: padded to a hop, or whole where its convolutions drop the tail themselves."""
    return audio if "floor" in rule else fit_length(audio, -(-len(audio) // codec.hop) * codec.hop)


def _apart(output, expected):
    """Return the largest difference of (1, T') *output* from (T,) *expected*; infinity where it is shorter."""
    output = output[0].float().cpu().numpy()
    return float(np.abs(output[: len(expected)] - expected).max()) if len(output) >= len(expected) else float("inf")
