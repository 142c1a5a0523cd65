"""RawBoost: random filters, impulses and coloured noise, as a telephone channel and its devices make them."""

import numpy as np
from scipy.signal import firwin, oaconvolve

from ncst.audio.perturbations._base import Base, draw
from ncst.core.waveforms import SAMPLE_RATE
from ncst.errors import NcstError

SERIES = {1: "L", 2: "I", 3: "S", 4: "LIS", 5: "LI", 6: "LS", 7: "IS"}


class RawBoost(Base):
    """RawBoost in its published combinations.

    Parameters
    ----------
    algorithm : int
        1 linear and non-linear convolutive noise (LnL), 2 impulsive signal-dependent additive noise (ISD),
        3 stationary signal-independent additive noise (SSI); in series 4 LnL, ISD, SSI; 5 LnL, ISD; 6 LnL, SSI;
        7 ISD, SSI; in parallel 8 LnL + ISD.
    bands : int
        Band-stop filters in a row that make one filter.
    centre_hz, width_hz, taps : (float, float)
        Limits of a band's centre, width and filter length.
    powers : int
        LnL adds filtered powers of the signal from 1 to this one.
    gain_db, power_gain_db : (float, float)
        Gain of LnL's first filter, and of those on the higher powers.
    percent, impulse_gain : float
        ISD changes at most this share of the samples, by at most this factor of each.
    snr_db : float or (float, float)
        Signal-to-noise ratio of SSI.

    References
    ----------
    Tak et al., "RawBoost", ICASSP 2022, arXiv 2111.04433; draws and rounding as in CodecFake-Source-Tracing,
    ``w2v2_aasist_baseline/RawBoost.py``.
    """

    def __init__(
        self,
        algorithm=4,
        bands=5,
        centre_hz=(20, 8000),
        width_hz=(100, 1000),
        taps=(10, 100),
        powers=5,
        gain_db=(0, 0),
        power_gain_db=(-5, -20),
        percent=10,
        impulse_gain=2,
        snr_db=(10, 40),
    ):
        if algorithm not in {*SERIES, 8}:
            raise NcstError(f"`algorithm: {algorithm}` of a rawboost perturbation is none of 1 to 8.")
        self.algorithm = algorithm
        self.bands = bands
        self.limits = centre_hz, width_hz, taps
        self.gains = [gain_db] + [power_gain_db] * (powers - 1)
        self.percent = percent
        self.impulse_gain = impulse_gain
        self.snr_db = snr_db

    def apply(self, samples, rng):
        """Return (T,) *samples* with the noises of `algorithm`."""
        if self.algorithm == 8:
            return _limited(self.convolutive(samples, rng) + self.impulsive(samples, rng))
        steps = {"L": self.convolutive, "I": self.impulsive, "S": self.stationary}
        for step in SERIES[self.algorithm]:
            samples = steps[step](samples, rng)
        return samples

    def convolutive(self, samples, rng):
        """LnL: the sum of the signal's powers, each through a filter of its own, without mean."""
        total, power = 0.0, 1
        for gain in self.gains:
            power = power * samples
            total = total + _filtered(power, self.filter(rng, gain))
        return _limited(total - total.mean())

    def impulsive(self, samples, rng):
        """ISD: random samples plus a random multiple of themselves."""
        count = int(len(samples) * (draw(rng, (0, self.percent)) / 100))
        places = rng.permutation(len(samples))[:count]
        factor = (2 * rng.random(count) - 1) * (2 * rng.random(count) - 1)
        changed = samples.copy()
        changed[places] += self.impulse_gain * samples[places] * factor
        return _limited(changed)

    def stationary(self, samples, rng):
        """SSI: white noise through a filter, at a signal-to-noise ratio over the whole clip."""
        noise = rng.standard_normal(len(samples))
        noise = _filtered(noise, self.filter(rng, self.gains[0]))
        scale = np.linalg.norm(samples) / np.linalg.norm(noise)
        return samples + noise * scale / 10 ** (0.05 * draw(rng, self.snr_db))

    def filter(self, rng, gain_db):
        """Return the taps of `bands` random band-stop filters in a row, their largest gain drawn from *gain_db*."""
        taps = np.ones(1)
        for _ in range(self.bands):
            centre, width, length = (draw(rng, limits) for limits in self.limits)
            edges = max(centre - width / 2, 1e-3), min(centre + width / 2, SAMPLE_RATE / 2 - 1e-3)
            taps = np.convolve(firwin(int(length) | 1, edges, window="hamming", fs=SAMPLE_RATE), taps)
        response = np.abs(np.fft.rfft(taps, 1024)[:512]).max()
        return taps * 10 ** (draw(rng, gain_db) / 20) / response


def _filtered(samples, taps):
    """Return the filtered samples, as many as before, one sample earlier than in phase with them."""
    first = (len(taps) + 1) // 2
    return oaconvolve(np.pad(samples, (0, 1)), taps)[first : first + len(samples)]


def _limited(samples):
    """Return *samples*, divided by their peak where that is beyond full scale."""
    return samples / max(np.abs(samples).max(), 1)
