"""The espeak-ng synthesizer of the espeakng-loader wheel, through ctypes."""

import ctypes
from pathlib import Path

import espeakng_loader
import numpy as np

from ncst.errors import NcstError

SAMPLE_RATE = 22_050
_SYNCHRONOUS, _DO_NOT_EXIT, _UTF8 = 2, 0x8000, 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """One voice.

    The synthesizer keeps state between calls: samples depend on all calls before in the process, so bit-identical
    speech needs a fresh process with one voice and the same calls in the same order.

    Parameters
    ----------
    language, variant : str
        A language of espeak-ng (``en-us``, ``cmn``) and one of its bundled voice variants (``f3``).
    rate : int
        Words a minute, 80 to 450.
    pitch, spread : int
        Base pitch and its range, 0 to 99; 50 is the variant's own.

    Raises
    ------
    NcstError
        If the library refuses its data, the language or the variant (it would go on with another voice).
    """

    def __init__(self, language, variant, rate, pitch, spread):
        data = Path(espeakng_loader.get_data_path())
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        if self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _DO_NOT_EXIT) != SAMPLE_RATE:
            raise NcstError(f"espeak-ng cannot use {data} (its limit is 160 characters): reinstall at a shorter path.")
        if not (data / "voices" / "!v" / variant).is_file():
            raise NcstError(
                f"espeak-ng has no voice variant {variant!r}: use one of the files in {data / 'voices/!v'}."
            )
        if self._library.espeak_SetVoiceByName(f"{language}+{variant}".encode()):
            raise NcstError(f"espeak-ng refuses the language {language!r}: use one that it ships in {data / 'lang'}.")
        for parameter, value in ((_RATE, rate), (_VOLUME, 60), (_PITCH, pitch), (_RANGE, spread)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._library.espeak_ng_SetRandSeed(1)  # breath and other noise start from the time of day otherwise
        self._chunks = []
        self._callback = _CALLBACK(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text):
        """Return *text* spoken, (T,) float32 at `SAMPLE_RATE`."""
        self._chunks.clear()
        content = text.encode()
        if self._library.espeak_Synth(content, len(content) + 1, 0, 1, 0, _UTF8, None, None) or not self._chunks:
            raise NcstError(f"espeak-ng could not speak {text!r}: write the sentence in the voice's language.")
        return np.concatenate(self._chunks).astype(np.float32) / 2**15

    def _collect(self, samples, count, _events):
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0
