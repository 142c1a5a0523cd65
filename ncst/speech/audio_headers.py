"""Headers of audio files that say something else than the file holds."""

import struct
from pathlib import Path

from ncst.core import containers

SUFFIXES = {kind.upper(): suffixes for kind, suffixes in containers.SUFFIXES.items()} | {
    **{"MP3": (".mp3",), "FLAC": (".flac",), "WAV": (".wav", ".wave")},
    "OGG": (".oga", ".ogg", ".opus", *containers.SUFFIXES["ogg"]),
}
TITLES = {"MOV": "MP4", "MATROSKA": "Matroska", "WV": "WavPack"}
ENDLESS = {0xFFFFFFFF, 0x7FFFF000}  # sizes that recorders write before they know better


def audio_note(path, kind):
    """Return what is odd about a readable audio file, as a few words for its row, or None.

    Parameters
    ----------
    path : path
    kind : str
        The format that libsndfile, or else `ncst.core.containers`, found in it, e.g. ``WAV``.

    Returns
    -------
    str or None
        Another format than the name says; a WAV data chunk that is cut off, or shorter than what follows it.
    """
    suffix, kind = Path(path).suffix.lower(), kind.upper()
    named = next((name for name, suffixes in SUFFIXES.items() if suffix in suffixes), None)
    if named and kind in SUFFIXES and kind != named:
        return f"{TITLES.get(kind, kind)} in a file named {suffix}"
    return _riff_note(path) if kind == "WAV" else None


def _riff_note(path):
    """Compare the size of a WAV file's data chunk with what the file holds."""
    with Path(path).open("rb") as file:
        end = file.seek(0, 2)
        start = 12
        while start + 8 <= end:
            file.seek(start)
            name, size = struct.unpack("<4sI", file.read(8))
            if name == b"data":
                break
            start += 8 + size + size % 2
        else:
            return None
        held = end - start - 8
        if size > held and size not in ENDLESS:
            return f"cut off: {held} of {size} bytes of samples are there"
        file.seek(start + 8 + size + size % 2)
        after = file.read(4)
    if size < held and len(after) == 4 and not (after.isascii() and after.decode().isprintable()):
        return f"{held - size} bytes after the samples that its header counts are left out"
    return None
