"""Waveforms: mono float32 in [-1, 1] at 16 kHz inside the project, 16-bit FLAC on disk."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from ncst.core import containers

SAMPLE_RATE = 16_000
LONGEST = 3600.0  # seconds
UNRECOGNISED = 1  # libsndfile's code for a file of another kind than its own
SILENCE_DB = -70.0
BLOCK = 2**18  # frames decoded at a time: a header that lies about the length costs no memory

Samples = npt.NDArray[np.float32]


class UnusableAudio(Exception):
    """An audio file that cannot become a clip; the message is the `reason` of its row."""


def read_audio(source: str | Path | bytes, longest: float = LONGEST) -> tuple[Samples, int]:
    """Read an audio file as mono float32 at its own rate.

    Parameters
    ----------
    source : path or bytes
        A file, or its content. What libsndfile does not know is read by `ncst.core.containers`, the first sound track
        where there are several. Channels are averaged.
    longest : float
        Seconds; reading stops there.

    Returns
    -------
    samples : (T,) float32 array in [-1, 1]
    rate : int, in Hz

    Raises
    ------
    UnusableAudio
        If the file cannot be decoded to its end, is empty or longer than *longest*, or holds NaN or infinity.
    """
    blocks: list[Samples] = []
    held = 0
    try:
        for rate, block in _mono_blocks(source):
            blocks.append(block)
            held += len(block)
            if held > longest * rate:
                raise UnusableAudio(f"longer than {longest:g} s")
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        after = f" after {held / rate:.2f} s" if blocks else ""
        raise UnusableAudio(f"not decodable{after}: {str(error).split(': ')[-1].strip()}") from error
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if not len(samples):
        raise UnusableAudio("no samples")
    if not np.isfinite(samples).all():
        raise UnusableAudio("NaN or infinity in the samples")
    return samples, rate


def _mono_blocks(source: str | Path | bytes) -> Iterator[tuple[int, Samples]]:
    try:
        file = soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else source)
    except soundfile.LibsndfileError as error:
        if error.code != UNRECOGNISED:
            raise
        yield from containers.mono_blocks(source)
        return
    with file:
        while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
            yield file.samplerate, block.mean(axis=1)


def resample(samples: Samples, rate: int, to: int = SAMPLE_RATE) -> Samples:
    """Resample (T,) float32 from *rate* to *to* Hz with soxr's linear-phase HQ filter (no delay)."""
    return samples if rate == to else soxr.resample(samples, rate, to, quality="HQ").astype(np.float32)


def fit_length(samples: Samples, length: int) -> Samples:
    """Cut or zero-pad the end of (T,) *samples* to exactly *length* samples."""
    return samples[:length] if len(samples) >= length else np.pad(samples, (0, length - len(samples)))


def rms_db(samples: Samples) -> float:
    """Level of (T,) *samples* in dB relative to full scale; -inf for digital silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return 10 * np.log10(power) if power > 0 else -np.inf


def frame_powers(samples: Samples, length: int = 320) -> npt.NDArray[np.float64]:
    """Return the (T // length,) mean powers of consecutive frames of *length* samples (20 ms); at least one frame."""
    count = max(1, len(samples) // length)
    return np.square(fit_length(samples, count * length), dtype=np.float64).reshape(count, length).mean(axis=1)


def speech_span(samples: Samples, below_db: float = 40.0, length: int = 320) -> tuple[int, int]:
    """Return ``(first, last)``: the samples between which frames of *length* are speech.

    That is, less than *below_db* below the loudest frame. All of (T,) *samples* where every frame is digital silence.
    """
    powers = frame_powers(samples, length)
    loud = np.flatnonzero(powers >= powers.max() * 10 ** (-below_db / 10))
    last = len(samples) if loud[-1] == len(powers) - 1 else (loud[-1] + 1) * length
    return int(loud[0]) * length, int(last)


def to_pcm(samples: Samples) -> npt.NDArray[np.int16]:
    """Return (T,) float32 *samples* as int16; values beyond full scale are clipped."""
    return np.round(np.clip(samples, -1, 1 - 2**-15) * 2**15).astype(np.int16)


def encode_flac(samples: Samples, rate: int = SAMPLE_RATE) -> bytes:
    """Return (T,) float32 *samples* as the bytes of a 16-bit mono FLAC file; values beyond full scale are clipped."""
    buffer = io.BytesIO()
    soundfile.write(buffer, to_pcm(samples), rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
