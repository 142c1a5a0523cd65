"""Rows of shards."""

import numpy as np

from ncst.core.waveforms import encode_flac
from ncst.formats.shards import clip_id


def row(codec, utt_id, label, ok=True, kinds=("mvq", "none", "time")):
    samples = np.full(8000, 0.1, np.float32)
    return {
        **{"clip_id": clip_id(codec, utt_id), "utt_id": utt_id, "source_set": "toy", "corpus": "toy", "speaker": "s"},
        **{
            "language": "en",
            "gender": "female",
            "codec": codec,
            "label": label,
            **dict(zip(("vq", "aux", "dec"), kinds)),
        },
        **{"bitrate_kbps": 1.0, "native_rate": 16_000, "duration": 0.5, "rms_db": -20.0, "delay_ms": 0.0},
        **{"status": "ok" if ok else "failed", "reason": None if ok else "silent"},
        "audio": encode_flac(samples) if ok else None,
    }
