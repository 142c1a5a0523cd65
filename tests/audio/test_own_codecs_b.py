"""HiFi-Codec and FACodec at toy size: quantizers, activation, prosody of version 2, training, conversion."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import firwin
from torch.nn import functional as F

from ncst import registry
from ncst.audio.codecs._facodec_layers import Activation, Book, LogMel, Transformer, kaiser_sinc
from ncst.audio.codecs.facodec import FACodec
from ncst.audio.codecs.hificodec import GroupedQuantizer, HiFiCodec
from ncst.errors import NcstError

HIFICODEC = {"width": 4, "channels": 32, "latent": 16, "codes": 32, "block_kernels": (3, 5), "dilations": (1, 3)}
FACODEC = {
    "width": 4,
    "channels": 32,
    "dim": 16,
    "dilations": (1, 3),
    "codes": 32,
    "heads": 2,
    "layers": 2,
    "hidden": 24,
}


def audio(batch=2, samples=4000, seed=0):
    return 0.3 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def through(network, x):
    """Pass (B, T) audio through encoder, books and decoder with gradients."""
    latent = network.encode_latent(x)
    if isinstance(network, FACodec):
        codes, quantised, _ = network.quantize(latent, x)
        return latent, codes, network.decode_latent(quantised, network.timbre(latent))
    codes = network.quantizer.encode(latent)
    quantised = latent + (network.quantizer.decode(codes) - latent).detach()
    return latent, codes, network.decode_latent(quantised)


NETWORKS = {
    "hificodec": lambda: HiFiCodec(**HIFICODEC),
    "facodec": lambda: FACodec(**FACODEC),
    "facodec_v2": lambda: FACodec(**FACODEC, prosody_bins=20),
    "facodec_stem": lambda: FACodec(**FACODEC, stem=5, strides=(5, 8)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_and_dropped_tail(name):
    network = NETWORKS[name]().eval()
    x = audio(samples=12 * network.hop + 37)
    latent, codes, out = through(network, x)
    assert latent.shape == (2, 16, 12)
    assert codes.shape == (2, 4 if name == "hificodec" else 6, 12) and codes.dtype == torch.int64
    assert out.shape == (2, 12 * network.hop) and out.abs().max() <= 1


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_but_the_codebooks_gets_a_gradient(name):
    network = NETWORKS[name]()
    _, _, out = through(network, audio(samples=10 * network.hop))
    out.square().sum().backward()
    idle = [key for key, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    keyword = "codebooks" if name == "hificodec" else "codebook.weight"
    expected = [key for key, _ in network.named_parameters() if keyword in key]
    assert idle == expected


def test_groups_and_stages_are_in_the_published_order():
    quantizer = GroupedQuantizer(latent=16, groups=2, stages=2, codes=32)
    codes = quantizer.encode(torch.randn(3, 16, 9))
    for book in range(4):
        other = codes.clone()
        other[:, book] = (other[:, book] + 1) % 32
        changed = (quantizer.decode(other) - quantizer.decode(codes)).abs().sum((0, 2)) > 0
        assert changed.tolist() == [book % 2 == 0] * 8 + [book % 2 == 1] * 8
    table = quantizer[1].codebooks
    torch.testing.assert_close(
        quantizer.decode(codes)[0, 8:, 0], table[0][codes[0, 1, 0]] + table[1][codes[0, 3, 0]], rtol=0, atol=1e-6
    )


def test_second_stage_quantises_the_remainder():
    quantizer = GroupedQuantizer(latent=16, groups=2, stages=2, codes=32)
    latent = torch.randn(1, 16, 50)
    codes = quantizer.encode(latent)
    remainder = latent[0, :8] - quantizer[0].codebooks[0][codes[0, 0]].mT
    distance = torch.cdist(remainder.mT, quantizer[0].codebooks[1])
    assert torch.equal(codes[0, 2], distance.argmin(1))


def test_book_follows_the_angle_and_returns_the_entry_at_its_own_length():
    book = Book(16, 8, 32)
    x = torch.randn(2, 16, 30)
    codes, quantised, (point, chosen) = book(x)
    cosine = F.cosine_similarity(point.mT[:, :, None], book.codebook.weight, dim=-1)
    assert torch.equal(codes, cosine.argmax(-1))
    torch.testing.assert_close(chosen, book.codebook.weight[codes].mT)
    torch.testing.assert_close(quantised, book.decode(codes))
    with torch.no_grad():
        book.codebook.weight.mul_(torch.rand(32, 1) + 0.5)
    assert torch.equal(book(x)[0], codes)


@pytest.mark.parametrize("name", ["facodec", "facodec_v2"])
def test_residual_books_see_what_prosody_and_content_leave(name):
    network = NETWORKS[name]().eval()
    x = audio()
    latent = network.encode_latent(x)
    codes, quantised, pairs = network.quantize(latent, x)
    torch.testing.assert_close(network.dequantize(codes), quantised)
    part = network.quantizer[0].decode(codes[:, :1]) + network.quantizer[1].decode(codes[:, 1:3])
    assert torch.equal(network.quantizer[2](latent - part)[0], codes[:, 3:])
    assert len(pairs) == 6 and pairs[0][0].shape == pairs[0][1].shape == (2, 8, 20)


def test_prosody_of_version_2_reads_the_audio_alone():
    network = NETWORKS["facodec_v2"]().eval()
    x = audio()
    latent = network.encode_latent(x)
    first, second = (network.quantize(z, x)[0] for z in (latent, latent.flip(1)))
    assert torch.equal(first[:, 0], second[:, 0]) and not torch.equal(first[:, 1:], second[:, 1:])
    assert not torch.equal(first[:, 0], network.quantize(latent, audio(seed=1))[0][:, 0])


def test_log_mel_of_a_tone():
    time = torch.arange(16_000) / 16_000
    mel = LogMel(16_000, 200, 20)(torch.stack([torch.sin(2 * torch.pi * f * time) for f in (200, 600)]))
    assert mel.shape == (2, 80, 20)
    centres = mel[:, 40].argmax(1) + 1  # Slaney's mel scale is linear up to 1 kHz: 3 mel per 200 Hz
    width = 45.245 / 81  # mel per bin up to 8 kHz
    assert [round(float(c) * width * 200 / 3) for c in centres] == pytest.approx([200, 600], abs=40)
    assert LogMel(16_000, 200, 20)(torch.zeros(1, 1600)).max() == pytest.approx(np.log(1e-5), abs=1)


def test_activation_equals_its_definition():
    """Upsample by zeros and a filter, apply the function, filter and drop every other sample."""
    layer = Activation(3)
    with torch.no_grad():
        layer.alpha.copy_(torch.tensor([0.3, -0.2, 0.5]))
        layer.beta.copy_(torch.tensor([-0.5, 0.1, 0.4]))
    x = torch.randn(2, 3, 40)
    taps = kaiser_sinc().expand(3, 1, 12)
    up = 2 * F.conv_transpose1d(F.pad(x, (5, 5), "replicate"), taps, stride=2, groups=3)[..., 15:-15]
    a, b = layer.alpha.exp()[:, None], layer.beta.exp()[:, None]
    up = up + torch.sin(a * up) ** 2 / b
    expected = F.conv1d(F.pad(up, (5, 6), "replicate"), taps, stride=2, groups=3)
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-5)


def test_the_activation_is_the_same_with_and_without_gradients(monkeypatch):
    monkeypatch.setattr("ncst.audio.codecs._facodec_layers.BLOCK", 90)
    layer = Activation(5)
    torch.nn.init.normal_(layer.alpha)
    for length in (1, 2, 40, 500):
        x = torch.randn(2, 5, length)
        with torch.no_grad():
            plain = layer(x)
        torch.testing.assert_close(plain, layer(x), rtol=0, atol=1e-5)


def test_filter_is_a_kaiser_window_design():
    taps = kaiser_sinc().numpy()
    assert taps.sum() == pytest.approx(1) and np.allclose(taps, taps[::-1])
    attenuation = 2.285 * 5 * np.pi * 1.2 + 7.95
    reference = firwin(12, 0.25, window=("kaiser", 0.1102 * (attenuation - 8.7)), fs=1)
    np.testing.assert_allclose(taps, reference, atol=1e-6)


def test_a_clip_gets_position_row_0_wherever_it_stands():
    transformer = Transformer(16, 2, 2, 24).eval()
    x = torch.randn(4, 11, 16)
    together = transformer(x)
    for i in range(4):
        torch.testing.assert_close(together[i], transformer(x[i : i + 1])[0], rtol=0, atol=1e-5)
    with torch.no_grad():
        transformer.position.zero_()
    assert (transformer(x) - together).abs().max() > 0.1


@pytest.fixture
def official_hificodec():
    """The official container, every number zero."""
    facts = json.loads((Path(__file__).parents[1] / "golden/codecs/hificodec_16k320.json").read_text(encoding="utf-8"))
    return {
        part: {key: torch.zeros(1).expand(shape) for key, (shape, *_) in entry["tensors"].items()}
        for part, entry in facts["parts"].items()
    }


def convert_hificodec(parts, folder):
    torch.save(parts, folder / "HiFi-Codec-16k-320d")
    entry = {"official": {"sample_rate": 24_000}}
    return registry.load("codecs", "hificodec").convert({"HiFi-Codec": folder / "HiFi-Codec-16k-320d"}, entry)


def test_hificodec_conversion_keeps_every_number(official_hificodec, tmp_path):
    official_hificodec["quantizer"]["news"] = torch.zeros(1)
    config, state = convert_hificodec(official_hificodec, tmp_path)
    assert config == {"sample_rate": 24_000, "rates": [8, 5, 4, 2], "kernels": [16, 11, 8, 4]}
    assert "quantizer.news" in state and "quantizer.1.codebooks.1" in state
    assert sum(value.numel() for value in state.values()) == 63_630_882 + 1


@pytest.mark.parametrize("damage", [lambda parts: parts.pop("generator"), lambda parts: parts.update(discriminator={})])
def test_hificodec_names_the_parts_of_another_file(official_hificodec, damage, tmp_path):
    damage(official_hificodec)
    with pytest.raises(NcstError, match="instead of encoder, quantizer and generator"):
        convert_hificodec(official_hificodec, tmp_path)


def test_facodec_leaves_out_training_heads_and_refuses_other_constants(tmp_path):
    encoder = {
        "block.1.block.0.block.0.act.alpha": torch.zeros(32),
        "block.1.block.0.block.0.upsample.filter": kaiser_sinc()[None, None],
        "mel_transform.hann_window": torch.hann_window(800),
    }
    decoder = {
        "f0_predictor.heads.0.weight": torch.zeros(1, 256),
        "x_timbre_predictor.1.heads.0.weight": torch.zeros(2, 256),
        "timbre_encoder.position_emb.pe": (torch.arange(256) % 2.0).expand(5, 1, 256).clone(),
        "timbre_encoder.layers.0.self_attn.out_proj.weight": torch.zeros(256, 256),
        "quantizer.0.layers.0.in_proj.weight_v": torch.zeros(8, 256),
        "model.1.block.2.block.3.weight_g": torch.zeros(512, 1, 1),
        "melspec_linear.weight": torch.zeros(256, 20),
    }
    files = {"ns3_facodec_encoder_v2.bin": tmp_path / "e", "ns3_facodec_decoder_v2.bin": tmp_path / "d"}
    torch.save(encoder, tmp_path / "e")
    torch.save(decoder, tmp_path / "d")
    config, state = registry.load("codecs", "facodec").convert(files, {})
    assert config == {"prosody_bins": 20}
    assert {key: tuple(value.shape) for key, value in state.items()} == {
        "encoder.1.0.0.alpha": (32,),
        "timbre_encoder.layers.0.self_attn.out_proj.weight": (256, 256),
        "quantizer.0.layers.0.in_proj.weight_v": (8, 256, 1),
        "decoder.1.2.3.weight_g": (512, 1, 1),
        "melspec_linear.weight": (256, 20),
    }
    decoder["timbre_encoder.position_emb.pe"] += 0.01
    torch.save(decoder, tmp_path / "d")
    with pytest.raises(NcstError, match=r"position_emb\.pe is not the constant"):
        registry.load("codecs", "facodec").convert(files, {})
