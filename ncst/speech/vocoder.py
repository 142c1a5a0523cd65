"""Two classic vocoders, for spoofs without a neural network: mel Griffin-Lim and pulse-excited linear prediction.

NumPy alone: SciPy takes longer to import than a demo speaker takes to speak.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

WINDOW, HOP = 1024, 256
_HANN = np.hanning(WINDOW + 1)[:-1]


def mel_griffin_lim(samples, rate, rng, bands=64, rounds=12):
    """Resynthesize speech from its mel magnitudes by fast Griffin-Lim (Perraudin, Balazs, Søndergaard 2013).

    Parameters
    ----------
    samples : (T,) float array
    rate : int, in Hz
    rng : numpy.random.Generator
        Draws the first phases.
    bands, rounds : int
        Number of mel bands (HTK scale) and of iterations.

    Returns
    -------
    (T,) float32 array
    """
    filters = _mel_filters(rate, bands)
    mel = np.abs(_stft(samples)) @ filters.T / filters.sum(axis=1)
    magnitude = mel @ (filters / filters.sum(axis=0))
    phases = np.exp(2j * np.pi * rng.random(magnitude.shape))
    previous = 0.0
    for _ in range(rounds):
        rebuilt = _stft(_istft(magnitude * phases, len(samples)))
        phases = rebuilt + 0.9 * (rebuilt - previous)
        phases /= np.maximum(np.abs(phases), 1e-9)
        previous = rebuilt
    return _istft(magnitude * phases, len(samples)).astype(np.float32)


def linear_prediction(samples, rate, rng, order=18):
    """Resynthesize speech from an all-pole filter, a gain, and pulses or noise, every 10 ms (Atal and Hanauer 1971).

    Parameters
    ----------
    samples : (T,) float array
    rate : int, in Hz
    rng : numpy.random.Generator
        Draws the noise of unvoiced frames.
    order : int
        Number of poles.

    Returns
    -------
    (T,) float32 array
    """
    hop, size = rate // 100, rate // 25
    padded = np.pad(samples, (size, 2 * size))
    window = np.hanning(size)
    frames = sliding_window_view(padded, size)[::hop] * window
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 2 * size)) ** 2)[:, :size]
    periods = _periods(correlation, rate)
    poles, gains = _predict(correlation, order, np.sum(window**2))

    pulses, position = np.zeros(len(padded)), 0
    for start, period in zip(range(size // 2, len(padded), hop), periods):
        position = max(position, start)
        while period and position < start + hop:
            pulses[position] = np.sqrt(period)
            position += period
    noise = rng.standard_normal(len(padded))
    voiced = periods[:, None] > 0
    excitation = window * np.where(voiced, *(sliding_window_view(source, size)[::hop] for source in (pulses, noise)))
    filtered = gains[:, None] * np.fft.irfft(np.fft.rfft(excitation, 2 * size) / np.fft.rfft(poles, 2 * size))
    output = _overlap_add(filtered, hop) * hop / window.sum()
    return output[size : size + len(samples)].astype(np.float32)


def _periods(correlation, rate):
    """Return the pitch period in samples of each frame, 0 where unvoiced, from (frames, lags) autocorrelations."""
    shortest, longest = rate // 400, rate // 70
    periods = shortest + np.argmax(correlation[:, shortest:longest], axis=1)
    peaks = np.take_along_axis(correlation, periods[:, None], axis=1)[:, 0]
    return np.where(peaks > 0.35 * correlation[:, 0] + 1e-9, periods, 0)


def _predict(correlation, order, window_power):
    """Solve the normal equations of all frames: inverse filters (frames, order + 1) and gains (frames,)."""
    lags = correlation[:, : order + 1].copy()
    lags[:, 0] = 1.0001 * lags[:, 0] + 1e-7
    toeplitz = lags[:, np.abs(np.arange(order)[:, None] - np.arange(order))]
    coefficients = np.linalg.solve(toeplitz, lags[:, 1:, None])[..., 0]
    power = np.maximum(lags[:, 0] - np.sum(coefficients * lags[:, 1:], axis=1), 0) / window_power
    return np.concatenate([np.ones((len(lags), 1)), -coefficients], axis=1), np.sqrt(power)


def _mel_filters(rate, bands):
    """Triangular filters on the HTK mel scale, (bands, WINDOW // 2 + 1), never quite zero."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    frequencies = np.linspace(0, rate / 2, WINDOW // 2 + 1)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(np.minimum(rising, falling), 1e-6)


def _stft(samples):
    padded = np.pad(samples, (WINDOW, WINDOW + -len(samples) % HOP))
    return np.fft.rfft(sliding_window_view(padded, WINDOW)[::HOP] * _HANN)


def _istft(spectrum, length):
    """Invert `_stft`: four shifted squared Hann windows add up to 1.5."""
    return (_overlap_add(np.fft.irfft(spectrum) * _HANN, HOP) / 1.5)[WINDOW : WINDOW + length]


def _overlap_add(frames, hop):
    output = np.zeros((len(frames) - 1) * hop + frames.shape[1])
    for index, frame in enumerate(frames):
        output[index * hop : index * hop + len(frame)] += frame
    return output
