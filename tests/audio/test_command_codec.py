"""Codecs that are an entry alone: libsndfile's own, and any command line; wrong ones say what to correct."""

import re
import sys
import time

import numpy as np
import pytest
import soundfile

from ncst import registry
from ncst.audio.delay import estimate_delay_ms
from ncst.core.waveforms import SAMPLE_RATE
from ncst.errors import NcstError

OPUS = {"soundfile": {"format": "OGG", "subtype": "OPUS", "compression_level": 0.96}}
MP3 = {
    "soundfile": {
        "format": "MP3",
        "subtype": "MPEG_LAYER_III",
        "compression_level": 0.95,
        "bitrate_mode": "AVERAGE",
    }
}
GSM = {"sample_rate": 8000, "soundfile": {"format": "WAV", "subtype": "GSM610"}}


def codec(settings):
    return registry.load("codecs", "command")({"title": "Mine", "settings": settings})


def script(code):
    """Return the arguments that run *code* in Python, with the input and output paths in `source` and `target`."""
    return [sys.executable, "-c", f"import sys; source, target = sys.argv[1:3]; {code}", "{input}", "{output}"]


COPY = "import shutil; shutil.copy(source, target)"


def speech_like(seconds=1.0, rate=SAMPLE_RATE):
    t = np.arange(round(seconds * rate)) / rate
    pitch = 2 * np.pi * (120 * t + 3 * np.sin(2 * np.pi * t))
    voiced = sum(np.sin(k * pitch + k * k) / k for k in range(1, 12)) * np.clip(np.sin(2 * np.pi * 3 * t), 0, 1)
    return (0.4 * voiced / np.abs(voiced).max()).astype(np.float32)


@pytest.mark.parametrize("settings", [OPUS, MP3, GSM], ids=["opus", "mp3", "gsm"])
def test_builtin_codecs_change_speech_a_little(settings):
    clip = speech_like(2)
    one, again = codec(settings).resynthesize([clip, clip], [0, 0])
    np.testing.assert_array_equal(one, again)
    error = 10 * np.log10(np.square(one - clip).sum() / np.square(clip).sum())
    assert -30 < error < -8
    assert abs(estimate_delay_ms(clip, one)) < 5


@pytest.mark.parametrize("settings", [OPUS, MP3, GSM], ids=["opus", "mp3", "gsm"])
@pytest.mark.parametrize("samples", [1, 1600, 16137])
def test_length_and_level_of_anything(settings, samples):
    for clip in (speech_like(2)[:samples], np.zeros(samples, np.float32), 3 * speech_like(2)[:samples]):
        (out,) = codec(settings).resynthesize([clip], [0])
        assert out.shape == (samples,) and out.dtype == np.float32 and np.isfinite(out).all()
        assert np.abs(out).max() < 2.5


def test_gsm_has_nothing_above_4_khz():
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, SAMPLE_RATE).astype(np.float32)
    (out,) = codec(GSM).resynthesize([noise], [0])
    power = np.square(np.abs(np.fft.rfft(out)))
    assert power[4200:].sum() < 1e-3 * power.sum()


def test_one_command():
    clip = speech_like(1.01)
    (out,) = codec({"command": script(COPY)}).resynthesize([clip], [0])
    np.testing.assert_allclose(out, clip, atol=2**-15)


def test_encoder_and_decoder_with_bitrate_and_suffix():
    encode = script(f"assert sys.argv[3:] == ['6', '8000', 'a 6; b'] and target.endswith('.xyz'); {COPY}")
    settings = {
        "sample_rate": 8000,
        "bitrate": 6,
        "suffix": ".xyz",
        "encode": [*encode, "{bitrate}", "{sample_rate}", "a {bitrate}; b"],
        "decode": script(f"assert source.endswith('.xyz'); {COPY}"),
    }
    clip = speech_like()
    (out,) = codec(settings).resynthesize([clip], [0])
    assert np.square(out - clip).sum() < 0.02 * np.square(clip).sum()


def test_output_at_another_rate_in_stereo_keeps_its_delay():
    code = (
        "import soundfile, soxr, numpy as np; x, r = soundfile.read(source);"
        " x = soxr.resample(np.pad(x, (160, 0)), r, 48000); soundfile.write(target, np.stack([x, x], 1), 48000)"
    )
    clip = speech_like()
    (out,) = codec({"command": script(code)}).resynthesize([clip], [0])
    assert len(out) == len(clip)
    assert estimate_delay_ms(clip, out) == pytest.approx(10, abs=0.5)


def test_raw_samples_have_no_header():
    code = (
        "d = open(source, 'rb').read(); assert not len(d) % 2 and source.endswith('.raw'); open(target, 'wb').write(d)"
    )
    clip = speech_like(1.01)
    (out,) = codec({"raw": True, "command": script(code)}).resynthesize([clip], [0])
    np.testing.assert_allclose(out, clip, atol=2**-15)
    for wrong in ("b''", "b'abc'"):
        settings = {"raw": True, "command": script(f"open(target, 'wb').write({wrong})")}
        with pytest.raises(NcstError, match=r"cannot be used \([03] bytes are no 16-bit samples\)"):
            codec(settings).resynthesize([clip], [0])


def test_a_stated_delay_is_removed_and_nothing_lost():
    late = "d = open(source, 'rb').read(); open(target, 'wb').write((bytes(640) + d)[: len(d)])"
    settings = {"raw": True, "sample_rate": 8000, "command": script(late)}
    clip = speech_like(1.01)
    (kept,) = codec(settings).resynthesize([clip], [0])
    assert estimate_delay_ms(clip, kept) == pytest.approx(40, abs=0.5)
    (removed,) = codec(settings | {"delay": 320}).resynthesize([clip], [0])
    (plain,) = codec({"sample_rate": 8000, "command": script(COPY)}).resynthesize([clip], [0])
    np.testing.assert_allclose(removed, plain, atol=2**-14)
    for wrong in (-1, 0.5, "yes"):
        with pytest.raises(NcstError, match=r"Mine: `settings.delay`: .* must be a whole number of samples from 0 on"):
            codec(settings | {"delay": wrong})


def test_input_is_clipped_16_bit_mono_wav(tmp_path):
    (tmp_path / "tool.py").write_text(
        "import shutil, sys; shutil.copy(sys.argv[1], 'kept.wav'); shutil.copy(sys.argv[1], sys.argv[3]);"
        "shutil.copy(sys.argv[1], sys.argv[2])",
        encoding="utf-8",
    )
    command = [sys.executable, str(tmp_path / "tool.py"), "{input}", "{output}", str(tmp_path / "seen.wav")]
    codec({"command": command}).resynthesize([4 * speech_like()], [0])
    info = soundfile.info(tmp_path / "seen.wav")
    assert (info.samplerate, info.channels, info.subtype) == (SAMPLE_RATE, 1, "PCM_16")
    assert np.abs(soundfile.read(tmp_path / "seen.wav")[0]).max() <= 1
    assert not (tmp_path / "kept.wav").exists()


def test_root_is_where_the_program_was_started(tmp_path, monkeypatch):
    (tmp_path / "tool.py").write_text(f"import sys; source, target = sys.argv[1:]; {COPY}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "{root}/tool.py", "{input}", "{output}"]
    assert len(codec({"command": command}).resynthesize([speech_like()], [0])[0]) == SAMPLE_RATE


def test_a_failing_command_is_quoted():
    fails = script("print('warming up', file=sys.stderr); sys.exit('bitrate 99 is out of range')")
    with pytest.raises(NcstError, match=r"Mine: `.*python.*failed with exit code 1: bitrate 99 is out of range$"):
        codec({"command": fails}).resynthesize([speech_like()], [0])
    with pytest.raises(NcstError, match=r"exit code 3: no message"):
        codec({"command": script("sys.exit(3)")}).resynthesize([speech_like()], [0])


def test_a_missing_tool():
    with pytest.raises(NcstError, match="'no-such-tool' is not on the PATH; install opus-tools"):
        codec({"command": ["no-such-tool", "{input}", "{output}"], "install": "opus-tools"}).resynthesize(
            [speech_like()], [0]
        )


def test_a_slow_command_ends_with_all_it_started(tmp_path):
    child = f"import pathlib, time; time.sleep(1.5); pathlib.Path({str(tmp_path / 'alive')!r}).touch()"
    slow = script(f"import subprocess; subprocess.run([sys.executable, '-c', {child!r}])")
    with pytest.raises(NcstError, match="took longer than"):
        codec({"command": slow, "timeout": 0.5}).resynthesize([speech_like()], [0])
    time.sleep(2)
    assert not (tmp_path / "alive").exists()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("pass", "wrote no {output} file"),
        ("open(target, 'w').write('hello')", "cannot be used"),
        ("open(target, 'w')", "cannot be used"),
    ],
)
def test_a_command_that_writes_nothing_usable(code, message):
    with pytest.raises(NcstError, match=message):
        codec({"command": script(code)}).resynthesize([speech_like()], [0])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"encode": ["a"]},
        {"command": ["a"], "soundfile": {}},
        {"command": ["a"], "decode": ["b"]},
    ],
)
def test_settings_of_no_kind_or_of_two(settings):
    with pytest.raises(NcstError, match="either `soundfile`, or `command`, or `encode` and `decode`"):
        codec(settings)


TOOL = ["tool", "{input}", "{output}"]
WRONG = [
    ({"command": TOOL, "bitrat": 6}, "`settings` may have .*, not ['bitrat']"),
    ({"command": []}, "settings.command`: [] must be a list of arguments"),
    ({"command": "tool {input} {output}"}, "settings.command`: 'tool {input} {output}' must be a list of arguments"),
    ({"command": ["tool", None]}, "settings.command`: ['tool', None] must be a list of arguments"),
    ({"command": TOOL[:2]}, "settings.command`: no argument has {output}"),
    ({"encode": TOOL, "decode": ["tool", "{output}"]}, "settings.decode`: no argument has {input}"),
    ({"command": [*TOOL, "{foo}"]}, "settings.command`: {foo} stands for nothing; there are {input}, {output},"),
    ({"command": [*TOOL, "-b{bitrate}"]}, "settings.command`: {bitrate} stands there, and the settings have no"),
    ({"command": TOOL, "raw": "yes"}, "settings.raw`: 'yes' must be true or false"),
    ({"command": TOOL, "timeout": 0}, "settings.timeout`: 0 must be a number of seconds above 0"),
    ({"command": TOOL, "sample_rate": 0}, "settings.sample_rate`: 0 must be a whole number of Hz above 0"),
    ({"command": TOOL, "bitrate": [6]}, "settings.bitrate`: [6] must be a number or text"),
    ({"command": TOOL, "suffix": "/x.bin"}, "settings.suffix`: '/x.bin' must be the ending of a file's name"),
    ({"command": TOOL, "install": 3}, "settings.install`: 3 must be text"),
    (OPUS | {"raw": True}, "settings.raw`: samples without a header are for commands"),
    ({"soundfile": {}}, "settings.soundfile`: {} must be arguments of soundfile.write"),
    ({"soundfile": {"format": "OGG", "subtype": 3}}, "settings.soundfile.subtype`: 3 must be text"),
    ({"soundfile": {"format": "OGG", "quality": 3}}, "settings.soundfile`: ['quality'] unknown; it may hold"),
]


@pytest.mark.parametrize(("settings", "said"), WRONG)
def test_a_wrong_setting_is_named(settings, said):
    with pytest.raises(NcstError) as caught:
        codec(settings)
    assert str(caught.value).startswith("Mine: `settings")
    assert re.search(re.escape(said).replace(r"\.\*", ".*"), str(caught.value))


@pytest.mark.parametrize(
    "settings",
    [
        OPUS | {"sample_rate": 44100},
        {"soundfile": {"format": "OGG", "subtype": "MPEG_LAYER_III"}},
        {"soundfile": {"format": "NOPE"}},
        {"soundfile": {"format": "MP3", "subtype": "MPEG_LAYER_III", "compression_level": 7.0}},
    ],
)
def test_what_libsndfile_cannot_do(settings):
    with pytest.raises(NcstError, match=r"Mine: libsndfile \d.* cannot write"):
        codec(settings).resynthesize([speech_like()], [0])
