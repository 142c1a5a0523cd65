"""How much later than its input a codec's output comes."""

import numpy as np
from scipy import fft

from ncst.core.waveforms import SAMPLE_RATE

WINDOW_MS = 100.0
_ENVELOPE_HZ = 50.0
_CONFIDENT = 0.3


def estimate_delay_ms(before, after, rate=SAMPLE_RATE):
    """Estimate the delay of *after* against *before* in milliseconds, within +-100 ms.

    The peak of the normalised cross-correlation of the waveforms, refined by a parabola. Where the waveforms do not
    match (a vocoder keeps no phase; correlation below 0.3), the envelopes below 50 Hz are correlated instead, which is
    good to a few milliseconds.

    Parameters
    ----------
    before, after : (T,) arrays
        Input and output of a codec, equally long.
    rate : int
        Samples per second.

    Returns
    -------
    float
        Positive where the output lags; 0 for silence.
    """
    before, after = (np.asarray(x, np.float64) - np.mean(x) for x in (before, after))
    if not before.any() or not after.any():
        return 0.0
    lag, peak = _best_lag(before, after, round(WINDOW_MS * rate / 1000))
    if peak < _CONFIDENT:
        lag, _ = _best_lag(_envelope(before, rate), _envelope(after, rate), round(WINDOW_MS * rate / 1000))
    return float(1000 * lag / rate)


def _best_lag(a, b, window):
    """Return the lag of *b* in samples (float), at most *window*, and the correlation coefficient there."""
    window = min(window, len(a) - 1)
    size = fft.next_fast_len(len(a) + window, real=True)  # lags beyond the window may wrap around
    correlation = fft.irfft(fft.rfft(b, size) * fft.rfft(a, size).conj(), size)
    correlation = np.concatenate([correlation[size - window :], correlation[: window + 1]])
    correlation /= np.sqrt((a @ a) * (b @ b))
    best = int(np.argmax(correlation))
    lag = float(best - window)
    if 0 < best < 2 * window:
        left, top, right = correlation[best - 1 : best + 2]
        lag += 0.5 * (left - right) / (left - 2 * top + right) if left + right < 2 * top else 0.0
    return lag, float(correlation[best])


def _envelope(samples, rate):
    """Return the level of *samples* below 50 Hz (zero-phase Butterworth, second order run both ways), mean removed."""
    size = len(samples) + rate // 10
    frequency = np.fft.rfftfreq(size, 1 / rate)
    spectrum = np.fft.rfft(np.abs(samples), size) / (1 + (frequency / _ENVELOPE_HZ) ** 4)
    smooth = np.fft.irfft(spectrum, size)[: len(samples)]
    return smooth - smooth.mean()
