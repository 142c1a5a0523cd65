"""Facts of the benchmark's codecs, Lyra's official weights, and what goes wrong with weight files."""

import numpy as np
import pytest
import torch
from helpers import benchmark, tiny_codecs
from helpers.check_codes import check_codes
from signals import speech_like

from ncst import registry
from ncst.audio.codecs._base import Base
from ncst.audio.delay import estimate_delay_ms
from ncst.core.checkpoint_files import load_strictly, read_weights
from ncst.core.waveforms import rms_db
from ncst.errors import NcstError
from ncst.fetch import weights

ENTRIES = benchmark.load()["codecs"]


@pytest.mark.real
@pytest.mark.parametrize("name", [name for name in ENTRIES if name.startswith("lyra")])
def test_lyra(name, test_weights, tmp_path):
    entry = ENTRIES[name]
    files = {file: test_weights / "lyra" / file for file in entry["weights"]["official"]["files"]}
    codec = weights.convert(name, entry, files, tmp_path / "lyra.safetensors")
    check_codes(codec, entry["official"])
    clip = speech_like(2)
    loud, soft, again = codec.resynthesize([clip, 0.5 * clip, clip], [0, 0, 0])
    np.testing.assert_array_equal(loud, again)
    assert rms_db(loud) - rms_db(soft) == pytest.approx(6, abs=2)
    assert abs(estimate_delay_ms(clip, loud)) < 40
    for samples in (1, 1600, 16137):
        assert len(codec.resynthesize([clip[:samples]], [0])[0]) == samples


def test_roles_and_classes():
    base = {e["class_id"]: n for n, e in ENTRIES.items() if e["role"] not in ("variant", "extra")}
    assert sorted(base) == list(range(12))
    assert [base[i] for i in range(1, 7)] == ["mimi", "speechtokenizer", "funcodec", "encodec", "facodec", "snac"]
    assert {ENTRIES[base[i]]["role"] for i in range(8, 12)} == {"ood_multi"}


@pytest.mark.parametrize("kind", ["official", "compact"])
def test_bitrates_are_those_of_all_books(kind):
    for name, entry in ENTRIES.items():
        if facts := entry.get(kind):
            frames = facts["sample_rate"] / facts["hop"]
            books = 1 / 4 + 1 / 2 + 1 if name == "snac" else facts["books"]  # its books have frames of three lengths
            assert books * facts["bits_per_book"] * frames / 1000 == pytest.approx(facts["bitrate_kbps"], rel=1e-3), (
                name
            )


def test_too_many_books_are_refused(tmp_path):
    path = tiny_codecs.write("dac", tmp_path / "dac.safetensors")
    with pytest.raises(NcstError, match="4 codebooks"):
        registry.load("codecs", "dac")({"settings": {"books": 5}}, path)


def test_fewer_books_change_the_codes_alone_at_the_end(tmp_path):
    path = tiny_codecs.write("encodec", tmp_path / "encodec.safetensors")
    audio = torch.from_numpy(speech_like(0.5))[None]
    two, four = (registry.load("codecs", "encodec")({"settings": {"books": n}}, path).encode(audio)[0] for n in (2, 4))
    assert torch.equal(two, four[:, :2])


@pytest.mark.parametrize(
    ("asked", "other", "found"),
    [
        ("encodec", "dac", "dac"),
        ("dac", "snac", "snac"),
        ("snac", "mimi", "mimi"),
        ("mimi", "speechtokenizer", "speechtokenizer"),
        ("mimi", "encodec", "encodec or soundstream"),
        ("encodec", "funcodec", "encodec or funcodec or soundstream"),
        ("dac", "facodec", "facodec"),
        ("dac", "wavtokenizer", "wavtokenizer"),
    ],
)
def test_weights_of_another_network_are_named(asked, other, found, tmp_path):
    path = tiny_codecs.write(other, tmp_path / "weights.safetensors")
    network = registry.load("codecs", asked)({}, tiny_codecs.write(asked, tmp_path / "own.safetensors")).network
    with pytest.raises(NcstError, match=rf"looks like weights of {found}.* not of the {type(network).__name__}"):
        load_strictly(network, read_weights(path)[1], path)


def test_missing_and_broken_weight_files(tmp_path):
    codec = registry.load("codecs", "dac")
    with pytest.raises(NcstError, match="is missing: official weights are fetched by"):
        codec({}, tmp_path / "none.safetensors")
    path = tiny_codecs.write("dac", tmp_path / "dac.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(NcstError, match="truncated or no safetensors file"):
        codec({}, path)


def test_what_a_codec_does_not_say_is_a_sentence():
    class Codec(Base):
        def build(self, config):
            return torch.nn.Identity()

    with pytest.raises(NcstError, match=r"needs weights and has no `tiny`"):
        Codec.tiny()
    with pytest.raises(NcstError, match=r"has no `parts`"):
        Codec.untrained({}).parts()


def test_noise_of_a_clip_is_its_own(tmp_path):
    codec = registry.load("codecs", "snac")({}, tiny_codecs.write("snac", tmp_path / "snac.safetensors"))
    drawn = []

    def draws(*lengths):
        def forward(audio):
            drawn.append([codec.noise(list(of_clips)) for of_clips in lengths])
            return audio

        return forward

    codec.forward = draws((17, 17), (5, 5))
    audio = [np.zeros(8, np.float32)] * 2
    codec.run(audio, [3, 4])
    codec.run(audio, [4, 3])
    codec.forward = draws((17, 20), (5, 30))
    codec.run(audio, [3, 9])
    expected = torch.Generator().manual_seed(3)
    for length, *noise in zip((17, 5), *drawn):
        own = torch.randn(length, generator=expected)
        for first in (noise[0][0], noise[1][1], noise[2][0, :length]):
            assert torch.equal(first, own)
        assert not noise[2][0, length:].any() and noise[2].shape == (2, {17: 20, 5: 30}[length])
    with pytest.raises(ZeroDivisionError):
        codec.forward = lambda audio: 1 / 0
        codec.run(audio, [3, 4])
    assert codec.generators is None
