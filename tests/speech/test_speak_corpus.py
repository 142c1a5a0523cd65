"""Demo corpora: exact layouts, same bytes, speech that differs from speaker to speaker."""

import hashlib

import numpy as np
import pytest
import soundfile

from ncst import registry
from ncst.errors import NcstError
from ncst.speech.espeak import Espeak
from ncst.speech.speak_corpus import LANGUAGES, LAYOUTS, SENTENCES, speak_corpus
from ncst.speech.vocoder import linear_prediction, mel_griffin_lim

RATES = {"vctk": 48_000, "aishell3": 44_100, "ncssd": 16_000, "asvspoof2019_la": 16_000, "in_the_wild": 16_000}


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def median_pitch(samples, rate):
    """Median frequency of the highest autocorrelation peak of loud frames, 60 to 400 Hz."""
    found = []
    for start in range(0, len(samples) - rate // 20, rate // 40):
        frame = samples[start : start + rate // 20]
        if np.std(frame) < 0.5 * np.std(samples):
            continue
        correlation = np.correlate(frame, frame, "full")[len(frame) - 1 :]
        lags = correlation[rate // 400 : rate // 60]
        if lags.max() > 0.5 * correlation[0]:
            found.append(rate / (rate // 400 + lags.argmax()))
    return np.median(found)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo")
    for layout in LAYOUTS:
        speak_corpus(layout, root / layout, seed=5, speakers=4 if layout == "vctk" else 2, utterances=2)
    return root


def test_more_real_speech_is_a_folder_of_two_languages(tmp_path):
    speak_corpus("more_real", tmp_path / "spoken", seed=5, speakers=3, utterances=1)
    rows = list(registry.load("corpora", "directory")({}, tmp_path / "spoken").index())
    assert {row["speaker"] for row in rows} == {"reader1", "reader2", "reader3"}
    assert len(rows) == 3


@pytest.mark.parametrize("layout", RATES)
def test_clips_are_speech_of_a_few_seconds(spoken, layout):
    rows = list(registry.load("corpora", layout)({}, spoken / layout).index())
    assert len({row["speaker"] for row in rows}) == (4 if layout == "vctk" else 2)
    assert len(rows) == (4 if layout in ("aishell3", "ncssd") else 8)
    for row in rows:
        samples, rate = soundfile.read(row["path"])
        assert rate == RATES[layout]
        assert samples.ndim == 1
        assert 2 < len(samples) / rate < 6
        assert -33 < 20 * np.log10(np.std(samples)) < -15
        assert np.abs(samples).max() < 0.999
        frames = samples[: len(samples) // (rate // 50) * (rate // 50)].reshape(-1, rate // 50)
        assert -80 < 20 * np.log10(np.std(frames, axis=1).min()) < -45, "pauses are quiet but not digitally silent"


def test_spoofs_are_half_of_the_spoof_corpora(spoken):
    for layout in ("asvspoof2019_la", "in_the_wild"):
        kinds = [row["kind"] for row in registry.load("corpora", layout)({}, spoken / layout).index()]
        assert kinds.count("bonafide") == kinds.count("spoof") == 4


def test_women_speak_higher_than_men_and_no_two_speakers_are_alike(spoken):
    pitch, spectra = {}, {}
    for row in registry.load("corpora", "vctk")({}, spoken / "vctk").index():
        samples, rate = soundfile.read(row["path"])
        pitch.setdefault((row["gender"], row["speaker"]), []).append(median_pitch(samples[::6], rate // 6))
        power = np.abs(np.fft.rfft(samples)) ** 2
        bands = np.array_split(power[: int(len(power) * 8000 / (rate / 2))], 24)
        spectra.setdefault(row["speaker"], []).append(10 * np.log10([band.mean() for band in bands]))
    women = [np.mean(values) for (gender, _), values in pitch.items() if gender == "female"]
    men = [np.mean(values) for (gender, _), values in pitch.items() if gender == "male"]
    assert min(women) > max(men)
    within = max(np.abs(a - b).mean() for a, b in spectra.values())
    means = [np.mean(values, axis=0) for values in spectra.values()]
    between = min(np.abs(a - b).mean() for i, a in enumerate(means) for b in means[:i])
    assert between > within


def test_same_seed_same_bytes_whatever_the_workers(spoken, tmp_path):
    speak_corpus("asvspoof2019_la", tmp_path / "again", seed=5, speakers=2, utterances=2, workers=1)
    assert digests(tmp_path / "again") == digests(spoken / "asvspoof2019_la")


def test_another_seed_speaks_differently(spoken, tmp_path):
    speak_corpus("ncssd", tmp_path / "other", seed=6, speakers=2, utterances=1)
    first = digests(spoken / "ncssd")
    assert not set(first.values()) & set(digests(tmp_path / "other").values())


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(NcstError, match="in use"):
        speak_corpus("vctk", tmp_path, seed=1, speakers=1, utterances=1)
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "corpus").mkdir()
    speak_corpus("vctk", tmp_path / "corpus", seed=1, speakers=1, utterances=1)
    assert (tmp_path / "corpus" / "speaker-info.txt").is_file()


def test_a_failed_speaker_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setitem(LANGUAGES, "en", ("en-gb",))
    with pytest.raises(NcstError, match="refuses the language 'en-gb'"):
        speak_corpus("vctk", tmp_path / "corpus", seed=1, speakers=1, utterances=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"), [(("lj", 1, 1), "no demo of 'lj'"), (("aishell3", 1, 500), "lower `utterances:`")]
)
def test_what_cannot_be_spoken_is_said(tmp_path, arguments, message):
    layout, speakers, utterances = arguments
    with pytest.raises(NcstError, match=message):
        speak_corpus(layout, tmp_path / "x", seed=1, speakers=speakers, utterances=utterances)


def test_an_unknown_variant_is_refused():
    with pytest.raises(NcstError, match="no voice variant 'nobody'"):
        Espeak("en", "nobody", 160, 50, 50)


def test_sentences():
    english = (SENTENCES / "sentences_en.txt").read_text(encoding="utf-8").splitlines()
    mandarin = (SENTENCES / "sentences_zh.txt").read_text(encoding="utf-8").splitlines()
    assert len(set(english)) == len(english) >= 60
    assert len(set(mandarin)) == len(mandarin) >= 40
    for line in mandarin:
        words = line.split()
        assert all("\u4e00" <= hanzi <= "\u9fff" for hanzi in words[::2])
        assert all(pinyin[:-1].isalpha() and pinyin[-1] in "12345" for pinyin in words[1::2])
        assert len(words) % 2 == 0


@pytest.mark.parametrize("vocoder", [mel_griffin_lim, linear_prediction])
def test_vocoders_keep_the_envelope_and_change_the_waveform(spoken, vocoder):
    samples, rate = soundfile.read(next(spoken.glob("ncssd/R-EN*.wav")))
    made = vocoder(samples, rate, np.random.default_rng(0))
    assert made.shape == samples.shape
    assert made.dtype == np.float32

    def envelope(x):
        return np.log(x[: len(x) // 160 * 160].reshape(-1, 160).std(axis=1) + 1e-4)

    assert np.corrcoef(envelope(samples), envelope(made))[0, 1] > 0.9
    assert np.corrcoef(samples, made)[0, 1] < 0.9
