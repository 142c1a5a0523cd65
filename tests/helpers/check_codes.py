"""Codes of one second of audio beside what an entry says of them."""

import torch
from signals import speech_like

from ncst.core.waveforms import SAMPLE_RATE


def check_codes(codec, facts):
    """Compare the codes of one second of audio with what the entry says."""
    assert codec.sample_rate == facts["sample_rate"]
    audio = torch.from_numpy(codec._pad(speech_like(codec.sample_rate / SAMPLE_RATE)))[None]
    with torch.inference_mode():
        codes, _ = codec.encode(audio)
    assert codes.dtype == torch.int64
    assert codes.shape[:2] == (1, facts["books"])
    assert codes.shape[2] == -(-audio.shape[1] // facts["hop"])
    assert codes.min() >= 0 and codes.max() < 2 ** facts["bits_per_book"]
