"""Sound that libsndfile does not know: m4a, mp4, webm, amr and their like, through PyAV, imported only when met."""

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av.container import InputContainer

SUFFIXES = {  # by what FFmpeg calls the kind: no other is tried, least of all playlists that name further files
    "mov": (".3g2", ".3gp", ".m4a", ".m4b", ".m4v", ".mov", ".mp4"),
    "matroska": (".mka", ".mkv", ".webm"),
    "asf": (".asf", ".wma", ".wmv"),
    "amr": (".amr", ".awb"),
    "aac": (".aac",),
    "ac3": (".ac3",),
    "ape": (".ape",),
    "avi": (".avi",),
    "flv": (".flv",),
    "mpeg": (".mpeg", ".mpg"),
    "mpegts": (".m2ts", ".mts"),
    "ogg": (".ogv", ".spx"),
    "tta": (".tta",),
    "wv": (".wv",),
}
_COUNTED = {"aac", "ac3", "amr", "mpegts"}  # FFmpeg guesses the length of these from the first bits
_LOST = 0.5  # seconds that may lack at the end before a file counts as cut off


@dataclass(frozen=True)
class Header:
    """What a file says of its sound: seconds, rate in Hz, channels, the `SUFFIXES` key, how many sound tracks."""

    seconds: float
    rate: int
    channels: int
    kind: str
    tracks: int


def read_header(path: str | Path) -> Header:
    """Return the `Header` of the first sound track of the file *path*; packets are counted where it has no length.

    Raises
    ------
    RuntimeError
        If the file is of no kind of `SUFFIXES`, is damaged or has no sound.
    """
    with Path(path).open("rb") as file, _opened(file) as container:
        stream: Any = container.streams.audio[0]
        seconds = _stated(container)
        if seconds is None:
            seconds = float(sum(packet.duration or 0 for packet in container.demux(stream)) * stream.time_base)
        return Header(seconds, stream.rate, stream.channels, _kind(container), len(container.streams.audio))


def mono_blocks(source: str | Path | bytes) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Yield ``(rate in Hz, (T,) float32 samples)`` of the first sound track of a file or its content, block by block.

    Channels are averaged.

    Raises
    ------
    RuntimeError
        If it is of no kind of `SUFFIXES`, is damaged, has no sound, or ends before its header says.
    """
    with (
        io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as file,
        _opened(file) as container,
    ):
        from av import AudioResampler

        stream = container.streams.audio[0]
        to_floats, read = AudioResampler(format="fltp"), 0.0
        for frame in container.decode(stream):
            for part in to_floats.resample(frame):
                read += part.samples / part.sample_rate
                yield part.sample_rate, part.to_ndarray().mean(axis=0)
        wanted = _stated(container)
        if wanted and read < wanted - _LOST:
            raise RuntimeError(f"its header counts {wanted:.2f} s")


@contextlib.contextmanager
def _opened(file: Any) -> Iterator["InputContainer"]:
    """Open a binary file as a container with sound; what goes wrong inside becomes a `RuntimeError`."""
    import av

    try:
        with av.open(file, options={"format_whitelist": ",".join(SUFFIXES)}) as container:
            if not container.streams.audio:
                raise RuntimeError("no sound track")
            if container.streams.audio[0].codec_context is None:
                raise RuntimeError("no decoder for its sound")
            yield container
    except av.ArgumentError as error:
        raise RuntimeError("unknown format") from error
    except (av.FFmpegError, ValueError) as error:
        raise RuntimeError(getattr(error, "strerror", None) or str(error)) from error


def _stated(container: "InputContainer") -> float | None:
    """Return the seconds of sound that a header states, None where it does not or only those of a video are known."""
    stream: Any = container.streams.audio[0]
    if _kind(container) in _COUNTED:
        return None
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration is not None and len(container.streams) == 1 else None


def _kind(container: "InputContainer") -> str:
    return next(name for name in container.format.name.split(",") if name in SUFFIXES)
