"""What every codec must keep: length, level, repeatability, and that a clip does not depend on its neighbours."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import tiny_codecs
from helpers.check_codes import check_codes
from helpers.entries import configured
from signals import speech_like
from unequal_lengths import alone_and_together

from ncst import registry
from ncst.audio.delay import estimate_delay_ms
from ncst.core.waveforms import SAMPLE_RATE, UnusableAudio, rms_db
from ncst.plan.entries import codec_entry, weight_file, weights_kind

CONFIG = configured()
ENTRIES = CONFIG["codecs"]
WEIGHTLESS = [name for name, entry in ENTRIES.items() if not entry["weights"] and entry["role"] != "real"]
WEIGHTED = [
    name
    for name, entry in ENTRIES.items()
    if weights_kind(CONFIG, name) in entry["weights"] and Path(weight_file(CONFIG, name)).is_file()
]
SMALL = [*WEIGHTLESS, *(f"tiny {module}" for module in tiny_codecs.modules())]
REAL_SPEECH = [*WEIGHTLESS, *WEIGHTED]
CASES = [*SMALL, *(name for name in WEIGHTED if ENTRIES[name]["role"] not in ("variant", "extra"))]
STATED = [name for name in WEIGHTED if "bits_per_book" in codec_entry(CONFIG, name)]


@pytest.fixture(scope="module")
def open_codec(tmp_path_factory):
    """Return a function from the name of a case to its codec, each opened once."""
    folder, opened = tmp_path_factory.mktemp("weights"), {}

    def load(case):
        if case not in opened:
            kind, _, name = case.rpartition(" ")
            if kind == "tiny":
                path = tiny_codecs.write(name, folder / f"{name}.safetensors")
                opened[case] = registry.load("codecs", name)({"settings": {}}, path)
            else:
                entry = codec_entry(CONFIG, name)
                opened[case] = registry.load("codecs", entry.get("module", name))(entry, weight_file(CONFIG, name))
        return opened[case]

    return load


@pytest.fixture
def codec(request, open_codec):
    return open_codec(request.param)


def every(cases):
    return pytest.mark.parametrize("codec", cases, indirect=True)


@every(CASES)
@pytest.mark.parametrize("samples", [1, 1600, 16137])
def test_output_is_as_long_as_the_input(codec, samples):
    (out,) = codec.resynthesize([speech_like(2)[:samples]], [0])
    assert out.shape == (samples,) and out.dtype == np.float32 and np.isfinite(out).all()


@every(CASES)
def test_a_clip_does_not_depend_on_its_neighbours(codec, request):
    clips = [speech_like(seconds, seed) for seed, seconds in enumerate([0.7, 0.7, 0.913, 0.51, 1.37])]
    codes, other, worst = alone_and_together(codec, clips)
    trained = request.node.callspec.params["codec"] in WEIGHTED  # code vectors may be so close that rounding decides
    assert other <= (0.01 * codes if trained else 0)
    assert other or worst < 1e-4


@every(CASES)
def test_clips_of_unequal_lengths_share_a_forward(codec):
    batches = []
    codec.run, run = lambda audio, seeds: batches.append(len(audio)) or run(audio, seeds), codec.run
    codec.batch_seconds, before = 60.0, codec.batch_seconds
    codec.resynthesize([speech_like(0.7), speech_like(0.913), speech_like(0.2), speech_like(0.2)], [0] * 4)
    codec.batch_seconds = before
    del codec.run
    assert batches == ([2, 2] if codec.unequal else [1, 1, 2] if codec.batches else [1, 1, 1, 1])


@every(CASES)
def test_a_clip_repeats_bit_for_bit(codec):
    clip = speech_like(0.8)
    torch.manual_seed(1)
    (first,) = codec.resynthesize([clip], [9])
    torch.manual_seed(2)
    codec.resynthesize([speech_like(0.5, 3)], [1])
    (second,) = codec.resynthesize([clip], [9])
    np.testing.assert_array_equal(first, second)


@every(CASES)
def test_noise_follows_the_seed_and_leaves_torch_alone(codec):
    clip = speech_like(0.5)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    (a,), (b,) = codec.resynthesize([clip], [1]), codec.resynthesize([clip], [2])
    assert (np.abs(a - b).max() > 1e-4) == codec.random
    assert torch.equal(torch.rand(3), expected)


@every(CASES)
@pytest.mark.parametrize(
    "make",
    [
        lambda n: np.zeros(n),
        lambda n: np.sign(np.sin(np.arange(n) / 20)),
        lambda n: 0.3 + 0.1 * np.sin(np.arange(n) / 7),
    ],
    ids=["silence", "square", "offset"],
)
def test_extreme_input_stays_finite(codec, make):
    (out,) = codec.resynthesize([make(8000).astype(np.float32)], [0])
    assert np.isfinite(out).all() and len(out) == 8000


@every(CASES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_unusable_input_is_refused(codec, bad):
    clip = speech_like(0.3)
    clip[77] = bad
    with pytest.raises(UnusableAudio, match="NaN or infinity"):
        codec.resynthesize([speech_like(0.3), clip], [0, 0])
    with pytest.raises(UnusableAudio, match="no samples"):
        codec.resynthesize([clip[:0]], [0])


@every(SMALL)
def test_a_minute_passes_in_one_piece(codec):
    (out,) = codec.resynthesize([speech_like(60)], [0])
    assert len(out) == 60 * SAMPLE_RATE and np.isfinite(out).all()


@every(REAL_SPEECH)
def test_level_follows_the_input(codec):
    clip = speech_like(2)
    loud, soft = codec.resynthesize([clip, 0.5 * clip], [0, 0])
    assert rms_db(loud) - rms_db(soft) == pytest.approx(6, abs=4)
    if "level" not in codec.changes:
        assert rms_db(loud) - rms_db(clip) == pytest.approx(0, abs=6)


@every(REAL_SPEECH)
def test_delay_is_small(codec):
    clip = speech_like(2)
    (out,) = codec.resynthesize([clip], [0])
    if "delay" not in codec.changes:
        assert abs(estimate_delay_ms(clip, out)) < 40


def _above_4_khz(clip):
    power = np.abs(np.fft.rfft(clip)) ** 2
    return 10 * np.log10(power[len(power) // 2 :].sum() / power.sum() + 1e-12)


@every(REAL_SPEECH)
def test_high_frequencies_stay(codec):
    clip = speech_like(2)
    (out,) = codec.resynthesize([clip], [0])
    assert "bandwidth" in codec.changes or _above_4_khz(out) > _above_4_khz(clip) - 20


@every(STATED)
def test_codes_carry_the_stated_bitrate(codec):
    check_codes(codec, codec.entry)


@pytest.mark.parametrize("kind", ["official", "compact"])
@pytest.mark.parametrize("name", [name for name in ENTRIES if ENTRIES[name]["weights"]])
def test_books_make_the_bitrate(name, kind):
    if "bits_per_book" in ENTRIES[name].get(kind, {}):
        facts = ENTRIES[name][kind]
        most = facts["books"] * facts["bits_per_book"] * facts["sample_rate"] / facts["hop"] / 1000
        assert facts["bitrate_kbps"] <= most * 1.001, "books may have longer frames, not shorter"
        settings = (ENTRIES[name].get("settings") or {}) | facts.get("settings", {})
        assert settings.get("books", facts["books"]) == facts["books"]
