"""One speaker of a demo corpus, in a process of its own: reads a job (JSON) from stdin and writes the clips.

Run by `ncst.speech.speak_corpus`; espeak-ng needs a fresh process to speak the same samples again.
"""

import json
import sys
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ncst.core.seeds import seed_of
from ncst.errors import NcstError
from ncst.speech.espeak import SAMPLE_RATE, Espeak
from ncst.speech.vocoder import linear_prediction, mel_griffin_lim

ATTACKS = {"A91": mel_griffin_lim, "A92": linear_prediction}


def record(voice, clips, rate, folder, seed):
    """Speak *clips* and write them at *rate* Hz, 16 bit, below *folder*.

    Parameters
    ----------
    voice : dict
        name, language, variant, rate, pitch, spread (see `Espeak`), warp (vocal tract and pitch, 1.0 = as the variant),
        colour (spectral tilt), reverberation (s), level_db, noise_db (of full scale).
    clips : list of dict
        path (its ending is the format), text, attack (a key of `ATTACKS`, or None).
    """
    espeak = Espeak(*(voice[key] for key in ("language", "variant", "rate", "pitch", "spread")))
    room = _room(voice, rate, np.random.default_rng(seed_of(seed, voice["name"], "room")))
    for clip in clips:
        rng = np.random.default_rng(seed_of(seed, clip["path"]))
        samples = soxr.resample(_trim(espeak.say(clip["text"])), SAMPLE_RATE * voice["warp"], rate)
        if clip["attack"]:
            samples = ATTACKS[clip["attack"]](samples, rate, rng)
        samples = _in_room(samples, room, voice, rate, rng)
        path = Path(folder, clip["path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.round(samples * 2**15).astype(np.int16), rate, subtype="PCM_16")


def _trim(samples):
    """Cut the digital silence around speech."""
    loud = np.flatnonzero(np.abs(samples) > 1e-3)
    return samples[loud[0] : loud[-1] + 1]


def _room(voice, rate, rng):
    """Return an impulse response: the direct sound, then noise that decays by 60 dB in the reverberation time."""
    time = np.arange(int(rate * voice["reverberation"])) / rate
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / voice["reverberation"])
    tail[: int(0.002 * rate)] = 0
    tail *= 0.25 / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail


def _in_room(samples, room, voice, rate, rng):
    """Colour, reverberate, pad, set the level and add noise; (T,) float in [-1, 1)."""
    samples = np.append(samples, 0.0) - voice["colour"] * np.append(0.0, samples)
    before, after = (int(rate * rng.uniform(0.1, 0.25)) for _ in range(2))
    samples = np.pad(_convolve(samples, room), (before, after))
    level = voice["level_db"] + rng.uniform(-1.5, 1.5)
    samples *= min(10 ** (level / 20) / np.sqrt(np.mean(samples**2)), 0.95 / np.abs(samples).max())
    noise = _noise(len(samples), rng) * 10 ** (voice["noise_db"] / 20)
    return np.clip(samples + noise, -1, 1 - 2**-15)


def _noise(length, rng):
    """Return (length,) noise of about unit power that falls by 6 dB an octave in its upper part, as a room's does."""
    size = _power_of_two(length)
    spectrum = rng.standard_normal((size // 2 + 1, 2)) @ [1, 1j]
    spectrum /= np.abs(1 - 0.9 * np.exp(-2j * np.pi * np.arange(len(spectrum)) / size))
    noise = np.fft.irfft(spectrum)[:length]
    return noise / np.std(noise)


def _convolve(samples, response):
    length = len(samples) + len(response) - 1
    size = _power_of_two(length)
    return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size))[:length]


def _power_of_two(length):
    return 1 << (length - 1).bit_length()


if __name__ == "__main__":
    try:
        record(**json.load(sys.stdin))
    except NcstError as error:
        sys.exit(str(error))
