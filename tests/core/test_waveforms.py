"""One reader for every kind of sound: mono, at its own rate, bounded, or a reason."""

import tracemalloc

import numpy as np
import pytest
import soundfile
from helpers.containers import write_sound

from ncst.core import containers
from ncst.core.waveforms import UnusableAudio, read_audio


def tone(seconds=2.0, rate=16_000, level=0.3):
    return (level * np.sin(2 * np.pi * 220 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


LOSSY = {
    "m4a": (16_000, "aac"),
    "mp4": (44_100, "aac"),
    "3gp": (16_000, "aac"),
    "webm": (48_000, "libopus"),
    "mka": (48_000, "libopus"),
    "amr": (8_000, "libopencore_amrnb"),
    "aac": (16_000, "aac"),
    "ac3": (48_000, "ac3"),
}


@pytest.mark.parametrize("ending", LOSSY)
def test_kinds_that_libsndfile_does_not_know_are_read(ending, tmp_path):
    rate, codec = LOSSY[ending]
    path = write_sound(tmp_path / f"a.{ending}", tone(rate=rate), rate=rate, codec=codec)
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.SoundFile(path)
    samples, found = read_audio(path)
    header = containers.read_header(path)
    assert found == header.rate == rate
    assert len(samples) / rate == pytest.approx(2, abs=0.15) == header.seconds
    assert samples.dtype == np.float32
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()] == pytest.approx(220, abs=1)
    assert 0.2 < np.abs(samples).max() < 0.4
    np.testing.assert_array_equal(read_audio(path.read_bytes())[0], samples)


def test_lossless_samples_and_the_mean_of_the_channels_are_exact(tmp_path):
    left, right = tone(), tone(level=0.1)
    path = write_sound(tmp_path / "a.mov", np.stack([left, right]), codec="pcm_f32le")
    np.testing.assert_array_equal(read_audio(path)[0], np.stack([left, right]).mean(axis=0))
    soundfile.write(tmp_path / "a.wav", left, 16_000)
    pcm, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    path = write_sound(tmp_path / "b.mov", pcm, codec="pcm_s16le")
    np.testing.assert_array_equal(read_audio(path)[0], pcm)


def test_the_first_sound_track_is_read(tmp_path):
    path = write_sound(tmp_path / "a.mov", tone(2.0), tone(1.0, level=0.9), codec="pcm_f32le")
    assert containers.read_header(path).tracks == 2
    np.testing.assert_array_equal(read_audio(path)[0], tone(2.0))


def test_a_recording_without_a_length_in_its_header_is_counted(tmp_path):
    """As browsers record: they write the header before they know."""
    path = write_sound(tmp_path / "a.webm", tone(rate=48_000), rate=48_000, codec="libopus", options={"live": "1"})
    assert containers.read_header(path).seconds == pytest.approx(2, abs=0.1)
    assert len(read_audio(path)[0]) == pytest.approx(96_000, abs=2_000)


@pytest.mark.parametrize("ending", ["webm", "m4a", "amr"])
def test_a_file_cut_in_half_is_not_taken_for_a_whole_one(ending, tmp_path):
    rate, codec = LOSSY[ending]
    path = write_sound(tmp_path / f"a.{ending}", tone(4.0, rate), rate=rate, codec=codec)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 1])
    with pytest.raises(UnusableAudio, match="not decodable"):
        read_audio(path)


def test_what_holds_no_sound_is_named(tmp_path):
    import av

    with av.open(str(tmp_path / "film.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 32
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(UnusableAudio, match="no sound track"):
        read_audio(tmp_path / "film.mp4")
    (tmp_path / "text.m4a").write_text("not audio")
    with pytest.raises(UnusableAudio, match="not decodable"):
        read_audio(tmp_path / "text.m4a")


def test_a_playlist_opens_no_other_file(tmp_path):
    write_sound(tmp_path / "a.ts", tone(), format="mpegts")
    for name, text in {
        "list.m4a": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{tmp_path}/a.ts\n#EXT-X-ENDLIST\n",
        "concat.m4a": f"ffconcat version 1.0\nfile {tmp_path}/a.ts\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(UnusableAudio, match="not decodable"):
            read_audio(tmp_path / name)


@pytest.mark.parametrize("ending", ["wav", "m4a"])
def test_no_more_than_the_longest_is_held(ending, tmp_path):
    path, samples = tmp_path / f"long.{ending}", tone(600)
    if ending == "wav":
        soundfile.write(path, samples, 16_000)
    else:
        write_sound(path, samples, codec="pcm_s16le", format="mov")
    tracemalloc.start()
    with pytest.raises(UnusableAudio, match="longer than 20 s"):
        read_audio(path, longest=20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < samples.nbytes / 5
    assert len(read_audio(path, longest=600)[0]) == len(samples)


def test_sound_of_a_kind_that_no_one_decodes_is_a_reason(tmp_path):
    path = write_sound(tmp_path / "a.m4a", np.zeros(8000))
    before, after = path.read_bytes().split(b"minf", 1)
    path.write_bytes(before[:-2] + after[36:])
    with pytest.raises(RuntimeError, match="no decoder for its sound"):
        containers.read_header(path)
    with pytest.raises(UnusableAudio, match="no decoder for its sound"):
        read_audio(path)
