"""Log-mel pictures as PNG: numpy for the spectrogram, zlib for the file."""

import base64
import functools
import struct
import zlib

import numpy as np

from ncst.core.waveforms import SAMPLE_RATE

BANDS, WINDOW, HOP = 80, 512, 160
FLOOR_DB = -80.0
CONTRAST_DB = 30.0
ENERGY_COLOURS = ("#000010", "#1b1044", "#4f127b", "#812581", "#b5367a", "#e55064", "#fb8761", "#fec287", "#fcfdbf")
CONTRAST_COLOURS = ("#053b67", "#0072b2", "#7fb8d8", "#f4f4f2", "#edaa82", "#d55e00", "#7a3500")


def log_mel(samples):
    """Return the (80, frames) power in dB of (T,) *samples* on the HTK mel scale, 0-8 kHz, one frame per 10 ms."""
    padded = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1)) ** 2
    return 10 * np.log10(_filters() @ power.T + 1e-10)


@functools.cache
def _filters():
    mel = np.linspace(0, 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700), BANDS + 2)
    low, centre, high = (700 * (10 ** (mel / 2595) - 1)[i : i + BANDS, None] for i in range(3))
    bins = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    triangles = np.clip(np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)), 0, None)
    nearest = np.abs(bins - centre).argmin(axis=1)
    triangles[np.arange(BANDS), nearest] = np.maximum(triangles[np.arange(BANDS), nearest], 0.5)
    return triangles / triangles.sum(axis=1, keepdims=True)


def picture(values, low, high, colours):
    """Return (rows, columns) *values* as a PNG data-URI, row 0 at the bottom, *low* to *high* mapped on *colours*."""
    index = np.round(255 * np.clip((values - low) / (high - low), 0, 1)).astype(np.uint8)
    return "data:image/png;base64," + base64.b64encode(_png(index[::-1], _palette(colours))).decode()


def _palette(colours):
    points = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours], dtype=float)
    at = np.linspace(0, len(points) - 1, 256)
    return (
        np.stack([np.interp(at, np.arange(len(points)), points[:, k]) for k in range(3)], axis=1)
        .round()
        .astype(np.uint8)
    )


def _png(index, palette):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = index.shape
    lines = np.pad(index, ((0, 0), (1, 0))).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = [(b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
