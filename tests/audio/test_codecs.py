"""What every codec must keep: length, level, repeatability, and that a clip does not depend on its neighbours."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from helpers import tiny_codecs
from signals import speech_like

from ncst import registry
from ncst.audio.codecs._base import load_strictly, read_weights
from ncst.audio.delay import estimate_delay_ms
from ncst.core.waveforms import SAMPLE_RATE, UnusableAudio, rms_db
from ncst.errors import NcstError
from ncst.fetch import weights
from ncst.plan.codec_table import codec_table
from ncst.plan.entries import codec_entry

CONFIG = yaml.safe_load(Path("config/codecs.yaml").read_text(encoding="utf-8")) | {"weights": {"default": "compact"}}
ENTRIES = CONFIG["codecs"]
SHIPPED = [
    name for name, entry in ENTRIES.items() if Path(entry["weights"].get("compact", {}).get("file", "")).is_file()
]
WEIGHTLESS = [name for name, entry in ENTRIES.items() if not entry["weights"]]
SMALL = [*WEIGHTLESS, *(f"tiny {module}" for module in tiny_codecs.NETWORKS)]
REAL_SPEECH = [*WEIGHTLESS, *(f"compact {name}" for name in SHIPPED)]
CASES = [*SMALL, *(f"compact {name}" for name in SHIPPED if ENTRIES[name]["role"] not in ("variant", "extra"))]


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
                path = ENTRIES[name]["weights"].get("compact", {}).get("file")
                opened[case] = registry.load("codecs", entry.get("module", name))(entry, path)
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
def test_a_clip_does_not_depend_on_its_neighbours(codec):
    clips = [speech_like(0.7, seed) for seed in range(3)] + [speech_like(0.913, 7)]
    codec.batch_seconds = 60.0
    together = codec.resynthesize(clips, [3, 4, 5, 6])
    codec.batch_seconds = 0.0
    for i, clip in enumerate(clips):
        (alone,) = codec.resynthesize([clip], [3 + i])
        np.testing.assert_allclose(alone, together[i], atol=1e-4)


@every(CASES)
def test_a_clip_repeats_bit_for_bit(codec):
    clip = speech_like(0.8)
    torch.manual_seed(1)
    (first,) = codec.resynthesize([clip], [9])
    torch.manual_seed(2)
    codec.resynthesize([speech_like(0.5, 3)], [1])
    (second,) = codec.resynthesize([clip], [9])
    np.testing.assert_array_equal(first, second)


@every([case for case in CASES if "snac" in case])
def test_noise_follows_the_seed_and_leaves_torch_alone(codec):
    clip = speech_like(0.5)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    (a,), (b,) = codec.resynthesize([clip], [1]), codec.resynthesize([clip], [2])
    assert np.abs(a - b).max() > 1e-4
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


@every([f"compact {name}" for name in SHIPPED])
def test_codes_carry_the_stated_bitrate(codec):
    _check_bitrate(codec, codec.entry)


def _check_bitrate(codec, facts):
    """Compare the codes of one second of audio with what the entry says."""
    assert codec.sample_rate == facts["sample_rate"]
    audio = torch.from_numpy(codec._pad(speech_like(codec.sample_rate / SAMPLE_RATE)))[None]
    with torch.inference_mode():
        codes, _ = codec.encode(audio)
    assert codes.dtype == torch.int64
    assert codes.shape[:2] == (1, facts["books"])
    assert codes.shape[2] == -(-audio.shape[1] // facts["hop"])
    assert codes.min() >= 0 and codes.max() < 2 ** facts["bits_per_book"]


@pytest.mark.real
@pytest.mark.parametrize("name", [name for name in ENTRIES if name.startswith("lyra")])
def test_lyra(name, test_weights, tmp_path):
    entry = ENTRIES[name]
    files = {file: test_weights / "lyra" / file for file in entry["weights"]["official"]["files"]}
    codec = weights.convert(name, entry, files, tmp_path / "lyra.safetensors")
    _check_bitrate(codec, entry["official"])
    clip = speech_like(2)
    loud, soft, again = codec.resynthesize([clip, 0.5 * clip, clip], [0, 0, 0])
    np.testing.assert_array_equal(loud, again)
    assert rms_db(loud) - rms_db(soft) == pytest.approx(6, abs=2)
    assert abs(estimate_delay_ms(clip, loud)) < 40
    for samples in (1, 1600, 16137):
        assert len(codec.resynthesize([clip[:samples]], [0])[0]) == samples


@pytest.mark.parametrize("kind", ["official", "compact"])
@pytest.mark.parametrize("name", [name for name in ENTRIES if ENTRIES[name]["weights"]])
def test_bitrate_is_the_sum_of_the_books(name, kind):
    if kind in ENTRIES[name]["weights"]:
        facts = ENTRIES[name][kind]
        strides = facts.get("book_strides", [1] * facts["books"])
        frames = sum(facts["sample_rate"] / facts["hop"] / stride for stride in strides)
        assert frames * facts["bits_per_book"] / 1000 == pytest.approx(facts["bitrate_kbps"], rel=1e-3)
        settings = ENTRIES[name]["settings"] | facts.get("settings", {})
        assert settings.get("books", facts["books"]) == facts["books"]


def test_roles_and_classes():
    base = {e["class_id"]: n for n, e in ENTRIES.items() if e["role"] not in ("variant", "extra")}
    assert sorted(base) == list(range(12))
    assert [base[i] for i in range(1, 7)] == ["mimi", "speechtokenizer", "funcodec", "encodec", "facodec", "snac"]
    assert {ENTRIES[base[i]]["role"] for i in range(8, 12)} == {"ood_multi"}


def test_every_entry_has_a_module():
    modules = registry.modules("codecs")
    assert {entry.get("module", name) for name, entry in ENTRIES.items()} <= set(modules)


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
    ("asked", "found"), [("encodec", "DAC"), ("dac", "SNAC"), ("snac", "Mimi"), ("mimi", "EnCodec")]
)
def test_weights_of_another_network_are_named(asked, found, tmp_path):
    other = {"DAC": "dac", "SNAC": "snac", "Mimi": "mimi", "EnCodec": "encodec"}[found]
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


def test_table_lists_every_entry():
    rows = codec_table(CONFIG)
    assert {row["name"] for row in rows} == set(ENTRIES)
    classes = [row["class_id"] for row in rows]
    assert classes == sorted(classes, key=lambda n: (n is None, n or 0))
    (encodec,) = [row for row in rows if row["name"] == "encodec"]
    assert encodec["kbps"] == 6.0 and encodec["taxonomy"] == "mvq/none/time" and encodec["known"] == "inferred"
    assert yaml.safe_dump(rows)
