"""Sound files of kinds that libsndfile does not know, written by PyAV."""

import av
import numpy as np


def write_sound(path, *tracks, rate=16_000, codec="aac", format=None, options=None):
    """Write each of the (T,) or (2, T) float32 arrays *tracks* to *path* as a sound track of its own."""
    tracks = [np.atleast_2d(np.asarray(track, np.float32)) for track in tracks]
    with av.open(str(path), "w", format=format, options=options or {}) as container:
        streams = [container.add_stream(codec, rate=rate, layout=_layout(track)) for track in tracks]
        for stream, track in zip(streams, tracks, strict=True):
            stream.codec_context.open(strict=False)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(track), format="fltp", layout=_layout(track))
            frame.sample_rate, frame.pts = rate, 0
            size = stream.codec_context.frame_size or 1024
            sized = av.AudioResampler(stream.codec_context.format, _layout(track), rate, frame_size=size)
            for part in [*sized.resample(frame), *sized.resample(None)]:
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
    return path


def _layout(track):
    return "mono" if len(track) == 1 else "stereo"
