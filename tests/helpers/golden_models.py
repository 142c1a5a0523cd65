"""Weights, waveforms and features of the golden model cases, as functions of names and seeds."""

import json
import zlib
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).parents[1] / "golden" / "models"


def golden_case(name):
    """Return the facts (JSON) and the arrays (npz) of the case *name*."""
    arrays = dict(np.load(FOLDER / f"{name}.npz"))
    return json.loads((FOLDER / f"{name}.json").read_text()), arrays


def _draw(name, seed, shape):
    generator = np.random.Generator(np.random.PCG64([zlib.crc32(name.encode()), seed]))
    return generator.standard_normal(tuple(shape))


def golden_tensor(key, shape, seed):
    """Value of the parameter or buffer *key* of a published state dict."""
    draw, last = _draw(key, seed, shape), key.split(".")[-1]
    if last == "num_batches_tracked":
        return torch.zeros(tuple(shape), dtype=torch.int64)
    if last == "running_var":
        value = np.exp(0.1 * draw)
    elif last in {"running_mean", "pos_S", "master1", "master2", "masked_spec_embed"}:
        value = 0.1 * draw
    elif last == "bias":
        value = 0.02 * draw
    elif len(shape) == 1 or last == "weight_g":
        value = 1 + 0.1 * draw
    else:
        value = draw / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(value, np.float32))


def golden_state(facts, keep=lambda key: True):
    """Return the state dict of a case, without the constants that a library computes."""
    computed = tuple(facts.get("computed_prefixes", ()))
    entries = [e for e in facts["state_dict"] if keep(e["key"]) and not e["key"].startswith(computed)]
    return {e["key"]: golden_tensor(e["key"], e["shape"], facts["seed"]) for e in entries}


def published_xlsr(folder):
    """Write what the Hub holds of XLS-R 300M to *folder*, layers 5 to 23 left out, and return the files by name."""
    facts, _ = golden_case("xlsr_layer5")
    state = golden_state(facts, lambda key: not (key.startswith("encoder.layers.") and int(key.split(".")[2]) > 4))
    files = {name: folder / name for name in ("config.json", "pytorch_model.bin")}
    files["config.json"].write_text(json.dumps(facts["config"]))
    published = {f"wav2vec2.{key}": value for key, value in state.items()} | {"quantizer.codevectors": torch.zeros(1)}
    torch.save(published, files["pytorch_model.bin"])
    return files


def golden_wave(seed, samples=64_600):
    """(samples,) float32 at 16 kHz on the grid of 16-bit integers: gliding harmonics in syllables, hiss between."""
    pitch, rate, glide, tempo = np.random.Generator(np.random.PCG64([zlib.crc32(b"wave"), seed])).random(4)
    time = np.arange(samples) / 16_000
    phase = 2 * np.pi * ((90 + 110 * pitch) * time + 3 * np.sin(2 * np.pi * (0.8 + rate) * time))
    formant = 5 + 3 * np.sin(2 * np.pi * (1.1 + glide) * time)
    voiced = sum(np.exp(-np.abs(k - formant) / 3) * np.sin(k * phase + k * k) for k in range(1, 25))
    beat = np.sin(2 * np.pi * (2.7 + tempo) * time + seed)
    hiss = _draw("hiss", seed, (samples,)) * (0.005 + 0.6 * np.maximum(-beat - 0.5, 0))
    sound = voiced * np.maximum(beat, 0) + hiss
    return (np.round((4000 + 20000 * rate) * sound / np.abs(sound).max()) / 32768).astype(np.float32)


def golden_features(seed, shape):
    """Features (batch, frames, width), float32: white noise plus a channel pattern with a slow gain per clip."""
    batch, frames, width = shape
    white = _draw("features.white", seed, shape)
    channel = _draw("features.channel", seed, (batch, 1, width))
    gain = np.repeat(_draw("features.gain", seed, (batch, frames // 10 + 1, 1)), 10, axis=1)[:, :frames]
    return np.round(0.6 * white + (0.5 + 0.3 * gain) * channel, 4).astype(np.float32)
