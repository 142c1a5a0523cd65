"""WavTokenizer, AudioDec, FunCodec and SoundStream as small random networks: files, lengths, levels, batches."""

import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ncst import registry
from ncst.audio.codecs._wavtokenizer_layers import SpectrumHead
from ncst.errors import NcstError
from ncst.fetch import weights

SEANET = {
    "sampling_rate": 16000,
    "use_causal_conv": False,
    "num_filters": 4,
    "hidden_size": 8,
    "codebook_dim": 8,
    "codebook_size": 16,
    "upsampling_ratios": [8, 5, 4],
    "target_bandwidths": [1.6],
    "audio_channels": 1,
}
VOCODER = {"channels": 16, "strides": [8, 5, 5], "kernel": 3, "groups": 3}
AUTOENCODER = {"sample_rate": 16000, "channels": 4, "strides": [5, 5, 8], "latent": 8, "books": 3, "codes": 32}
CONFIGS = {
    "wavtokenizer": {"sample_rate": 16000, "ratios": [8, 5, 5], "filters": 4, "lstm_layers": 1, "latent": 8}
    | {"codes": 64, "dim": 32, "hidden": 48, "blocks": 2, "n_fft": 480},
    "audiodec": AUTOENCODER,
    "audiodec_v1": AUTOENCODER | {"vocoder": VOCODER},
    "funcodec": SEANET | {"norm_type": "time_group_norm", "normalize": True},
    "soundstream": SEANET | {"norm_type": "weight_norm", "normalize": False},
}
ENTRY = {"official": {"sample_rate": 16000}}


def state(name):
    """Return the state dict of a small random network that keeps the level of what passes through it."""
    torch.manual_seed(1)
    codec = object.__new__(registry.load("codecs", name.removesuffix("_v1")))
    codec.settings = {}
    return {key: level(key, value) for key, value in codec.build(CONFIGS[name]).state_dict().items()}


def level(key, value):
    if re.search(r"\.embed$|codebooks\.\d+$", key):
        return torch.randn_like(value) * 0.2
    if key.endswith("original0"):
        return torch.full_like(value, 2)
    return torch.randn_like(value) / value[0].numel() ** 0.5 if value.ndim > 1 else value


@pytest.fixture(params=sorted(CONFIGS))
def codec(request, tmp_path):
    return load(request.param, tmp_path)


def load(name, folder, **settings):
    file = folder / f"{name}.safetensors"
    save_file(state(name), file, {"config": json.dumps(CONFIGS[name])})
    return registry.load("codecs", name.removesuffix("_v1"))({"settings": settings}, file)


def speech(samples, seed=0):
    t = np.arange(samples) / 16_000
    pitch = 2 * np.pi * (110 + 15 * seed) * t + 3 * np.sin(9 * t)
    voice = sum(np.sin(k * pitch) / k for k in range(1, 12)) * (0.2 + np.sin(7 * t + seed) ** 2)
    noise = np.random.default_rng(seed).standard_normal(samples)
    return (0.1 * voice + 0.02 * noise).astype(np.float32)


def test_any_length_comes_back(codec):
    clips = [speech(samples) for samples in (1, 1600, 1601, 24_007, 960_000)]
    outputs = codec.resynthesize(clips, range(len(clips)))
    assert [len(o) for o in outputs] == [len(c) for c in clips]
    assert all(np.isfinite(o).all() for o in outputs)
    assert np.std(outputs[3]) > 0


def test_batch_equals_alone(codec):
    clips = [speech(20_000, seed) for seed in range(5)]
    codec.batch_seconds = 60.0
    together = codec.resynthesize(clips, range(5))
    codec.batch_seconds = 0.0
    for i, clip in enumerate(clips):
        (alone,) = codec.resynthesize([clip], [i])
        np.testing.assert_allclose(together[i], alone, rtol=0, atol=1e-5 * max(1, np.abs(alone).max()))
    assert np.abs(together[0] - together[1]).max() > 1e-3 * np.abs(together[0]).max()


def test_codes_follow_the_input(codec):
    codes, _ = codec.encode(torch.from_numpy(speech(16_000))[None])
    assert codes.dtype == torch.int64 and codes.shape[0] == 1
    assert all(len(book.unique()) > 3 for book in codes[0])


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_more_books_than_there_are(name, tmp_path):
    with pytest.raises(NcstError, match=r"books: 64.* weights with \d+ codebooks"):
        load(name, tmp_path, books=64)


@pytest.mark.parametrize(("name", "frames"), [("funcodec", 100), ("soundstream", 100), ("audiodec", 80)])
def test_fewer_books(name, frames, tmp_path):
    codes, _ = load(name, tmp_path, books=2).encode(torch.from_numpy(speech(16_000))[None])
    assert codes.shape == (1, 2, frames)
    every, _ = load(name, tmp_path).encode(torch.from_numpy(speech(16_000))[None])
    assert every.shape[1] > 2 and torch.equal(every[:, :2], codes)


def test_funcodec_keeps_the_level(tmp_path):
    codec, clip = load("funcodec", tmp_path), speech(16_000)
    loud, quiet = codec.resynthesize([clip, clip / 16], [0, 0])
    np.testing.assert_allclose(quiet * 16, loud, atol=1e-3 * np.abs(loud).max())


@pytest.mark.parametrize("name", ["audiodec", "audiodec_v1"])
def test_audiodec_is_causal(name, tmp_path):
    codec = load(name, tmp_path)
    audio = torch.from_numpy(np.stack([speech(8000)] * 2))
    audio[1, 4000:] = 0
    with torch.inference_mode():
        a, b = codec.forward(audio)
    assert torch.equal(a[:4000], b[:4000])
    assert not torch.equal(a[4000:], b[4000:])


@pytest.mark.parametrize(("n_fft", "hop"), [(1280, 320), (640, 320), (960, 320), (400, 100)])
def test_spectrum_head_inverts_the_stft(n_fft, hop):
    audio = torch.randn(2, 12 * hop)
    head = SpectrumHead(1, n_fft, hop)
    edge = (n_fft - hop) // 2
    frames = torch.nn.functional.pad(audio, (edge, edge)).unfold(1, n_fft, hop) * head.window
    spectrum = torch.fft.rfft(frames)
    head.out = torch.nn.Identity()
    restored = head(torch.cat([spectrum.abs().log(), spectrum.angle()], -1))
    assert restored.shape == audio.shape
    torch.testing.assert_close(restored, audio, rtol=0, atol=1e-4)


def test_spectrum_head_limits_the_magnitude():
    head = SpectrumHead(1, 400, 100)
    head.out = torch.nn.Identity()
    loud = torch.zeros(1, 5, 402)
    loud[..., :201] = 50
    assert head(loud).abs().max() < 1e3


def official_audiodec(own, vocoder=False):
    """Return the tensors of one official file: the autoencoder's, or the vocoder's."""
    if vocoder:
        found = {key.removeprefix("decoder."): v for key, v in own.items() if key.startswith("decoder.")}
    else:
        found = {}
        for key, value in own.items():
            book = re.fullmatch(r"quantizer\.codebooks\.(\d+)", key)
            found[f"quantizer.codebook.layers.{book[1]}.embed" if book else key] = value.t() if book else value
    weight_normed = {}
    for key, value in found.items():
        if vocoder and key.endswith(".weight"):
            weight_normed[f"{key}_v"] = value * 3
            weight_normed[f"{key}_g"] = value.flatten(1).norm(dim=1).reshape(-1, 1, 1)
        else:
            weight_normed[key] = value
    extras = {"quantizer.codebook.layers.0.cluster_size", "quantizer.codebook.layers.0.embed_avg"}
    return weight_normed | {key: torch.ones(2) for key in extras} | {"x.conv.pad_buffer": torch.zeros(3)}


def save(folder, name, content):
    folder.mkdir(exist_ok=True, parents=True)
    torch.save(content, folder / name)
    return folder / name


def convert(name, files, folder):
    codec = weights.convert(name, ENTRY, files, folder / "out.safetensors")
    return codec, codec.network.state_dict()


def test_audiodec_sym_files(tmp_path):
    own = state("audiodec")
    trained_on = {key: value + 1 if key.startswith("decoder.") else value for key, value in own.items()}
    files = {
        f"a/checkpoint-{steps}steps.pkl": save(tmp_path / "a", f"{steps}.pkl", {"model": {"generator": tensors}})
        for steps, tensors in (("1000000", official_audiodec(trained_on)), ("500000", official_audiodec(own)))
    }
    codec, loaded = convert("audiodec", files, tmp_path)
    assert codec.hop == 200 and set(loaded) == set(own)
    for key, value in loaded.items():
        assert torch.equal(value, trained_on[key]), key


def test_audiodec_v1_files(tmp_path):
    own = state("audiodec_v1")
    coder = official_audiodec(state("audiodec"))
    files = {
        "autoencoder/a/checkpoint-500000steps.pkl": save(tmp_path, "a.pkl", {"model": {"generator": coder}}),
        "vocoder/v/checkpoint-500000steps.pkl": save(
            tmp_path, "v.pkl", {"model": {"generator": official_audiodec(own, vocoder=True)}}
        ),
    }
    codec, loaded = convert("audiodec", files, tmp_path)
    assert codec.network.decoder.blocks[0].groups == 3 and set(loaded) == set(own)
    for key, value in loaded.items():
        expected = own[key] if key.startswith("decoder.") else state("audiodec")[key]
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(NcstError, match="autoencoder"):
        convert("audiodec", {"v.pkl": tmp_path / "v.pkl"}, tmp_path)


def official_seanet(own):
    """Return the state dict of a small EncodecModel under the names of the encodec package."""
    rules = [
        (r"^(encoder|decoder)\.layers\.", r"\1.model."),
        (r"\.(conv|norm)\.(weight|bias|parametrizations\..*)$", r".conv.\1.\2"),
        (r"\.parametrizations\.weight\.original0$", ".weight_g"),
        (r"\.parametrizations\.weight\.original1$", ".weight_v"),
        (r"^quantizer\.layers\.(\d+)\.codebook\.", r"quantizer.vq.layers.\1._codebook."),
    ]
    renamed = {}
    for key, value in own.items():
        for pattern, new in rules:
            key = re.sub(pattern, new, key)
        renamed[key] = value
    return renamed


def test_soundstream_file(tmp_path):
    own = state("soundstream")
    official = {f"module.{key}": value for key, value in official_seanet(own).items()}
    codec, _ = convert("soundstream", {"encodec.pth": save(tmp_path, "a.pth", official)}, tmp_path)
    config = codec.network.config
    assert (config.upsampling_ratios, config.num_quantizers, config.sampling_rate) == ([8, 5, 4], 4, 16000)
    audio = torch.from_numpy(speech(9000))[None]
    torch.testing.assert_close(codec.forward(audio), load("soundstream", tmp_path).forward(audio))
    with pytest.raises(NcstError, match="surplus"):
        convert("soundstream", {"e.pth": save(tmp_path, "b.pth", official | {"surplus": torch.ones(1)})}, tmp_path)


def test_funcodec_file(tmp_path):
    own = state("funcodec")
    official = {key: value for key, value in official_seanet(own).items() if "_codebook" not in key}
    for part in ("inited", "cluster_size", "embed", "embed_avg"):
        books = [own[f"quantizer.layers.{i}.codebook.{part}"] for i in range(4)]
        official[f"quantizer.rq.model.{part}"] = torch.stack(books)
    official |= {"discriminator.a.weight": torch.ones(2), "mel_spec_transforms.0.window": torch.ones(4)}
    codec, loaded = convert("funcodec", {"model.pth": save(tmp_path, "a.pth", official)}, tmp_path)
    assert codec.network.config.normalize and set(loaded) == set(own)
    for key, value in loaded.items():
        assert torch.equal(value, own[key]), key
    del official["encoder.model.0.conv.norm.bias"]
    with pytest.raises(NcstError, match=r"encoder\.layers\.0\.norm\.bias"):
        convert("funcodec", {"model.pth": save(tmp_path, "b.pth", official)}, tmp_path)


@pytest.mark.parametrize("name", ["wavtokenizer", "audiodec", "funcodec", "soundstream"])
def test_files_of_another_codec(name, tmp_path):
    path = save(tmp_path, "a.pth", {"encoder.conv1.weight": torch.ones(1)})
    with pytest.raises(NcstError, match=name):
        convert(name, {"a.pth": path}, tmp_path)
