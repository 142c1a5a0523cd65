"""Measures of clips that tell nothing of a codec by themselves: level, bandwidth, silence, noise, duration."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ncst.core.files import PathLike
from ncst.core.seeds import seed_of
from ncst.core.waveforms import SAMPLE_RATE, Samples, frame_powers, speech_span
from ncst.formats.manifests import read_manifest
from ncst.formats.measures import FACTS, write_measures
from ncst.formats.shards import ROW_GROUP, read_audio_of, samples_of

FLOOR_DB = -120.0


def measure(samples: Samples) -> dict[str, float]:
    """Return the `ncst.formats.measures.MEASURES` of (T,) *samples* at 16 kHz.

    Returns
    -------
    dict of str to float
        ``rms_db`` and ``peak_db``: level re full scale, not below -120; ``bandwidth_hz``: frequency below which 99 % of
        the power of the clip's mean spectrum lies; ``leading_s`` and ``trailing_s``: silence (40 dB below the loudest
        20 ms) at both ends; ``noise_db``: level of the frames at the 10th percentile; ``snr_db``: from there to the
        90th; ``seconds``: duration.
    """
    powers = 10 * np.log10(np.maximum(frame_powers(samples), 10 ** (FLOOR_DB / 10)))
    noise, speech = np.percentile(powers, [10, 90])
    first, last = speech_span(samples)
    total = np.mean(np.square(samples, dtype=np.float64))
    return {
        "rms_db": _db(total),
        "peak_db": _db(np.max(np.square(samples, dtype=np.float64))),
        "bandwidth_hz": bandwidth(samples),
        "leading_s": first / SAMPLE_RATE,
        "trailing_s": (len(samples) - last) / SAMPLE_RATE,
        "noise_db": float(noise),
        "snr_db": float(speech - noise),
        "seconds": len(samples) / SAMPLE_RATE,
    }


def _db(power):
    return float(10 * np.log10(max(power, 10 ** (FLOOR_DB / 10))))


def bandwidth(samples: Samples, share: float = 0.99, size: int = 512) -> float:
    """Return the frequency in Hz below which the fraction *share* of the power of (T,) *samples* lies; 0 in silence."""
    padded = np.pad(samples, (0, max(0, size - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::size] * np.hanning(size).astype(np.float32)
    spectrum = np.cumsum((np.abs(np.fft.rfft(frames)) ** 2).sum(axis=0, dtype=np.float64))
    return float(np.searchsorted(spectrum, share * spectrum[-1]) * SAMPLE_RATE / size)


def measure_clips(
    manifest: PathLike, audio: PathLike, out: PathLike, limit: int | None = None, threads: int = 1, seed: int = 0
) -> None:
    """Write the measures of the clips of a manifest.

    Parameters
    ----------
    manifest : path
    audio : path
        ``<results>/audio``.
    out : path
        The file to write (see `ncst.formats.measures`), one row per clip in the order of the manifest.
    limit : int, optional
        Measure no more clips than this, drawn with *seed*.
    threads : int

    Raises
    ------
    NcstError
        If the manifest or a shard is unreadable.
    """
    table = read_manifest(manifest, (*FACTS, "shard_file", "row"))
    if limit is not None and limit < len(table):
        drawn = np.random.default_rng(seed_of(seed, Path(manifest).name, bits=64)).choice(len(table), limit, False)
        table = table.take(np.sort(drawn))
    files, rows = table["shard_file"].to_pylist(), table["row"].to_pylist()
    parts: dict[tuple[str, int], list[int]] = {}
    for position, (file, row) in enumerate(zip(files, rows)):
        parts.setdefault((file, row // ROW_GROUP), []).append(position)

    def work(item):
        (file, _), positions = item
        values = read_audio_of(Path(audio) / file, [rows[position] for position in positions])
        return positions, [measure(samples_of(value)) for value in values]

    measured: list[dict[str, float]] = [{}] * len(table)
    with ThreadPoolExecutor(threads) as pool:
        for positions, found in pool.map(work, parts.items()):
            for position, values in zip(positions, found):
                measured[position] = values
    write_measures(out, table, measured)
