"""The contract of a corpus: from a folder as shipped to one row per recording, by names and text files alone."""

import contextlib
import logging
import os
from abc import ABC, abstractmethod
from pathlib import Path

from ncst.core import containers
from ncst.errors import NcstError

LOG = logging.getLogger(__name__)
GENDERS = {"f": "female", "female": "female", "w": "female", "m": "male", "male": "male"}
KINDS = {"bonafide": "bonafide", "bona-fide": "bonafide", "spoof": "spoof"}
VALUES = {"partial": (True, False)}  # of settings, as read by `ncst.plan.options`
CODED = ("parent", "codec", "vq", "aux", "dec")
AUDIO_SUFFIXES = frozenset(
    {
        *(".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp2", ".mp3", ".oga", ".ogg", ".opus", ".rf64", ".snd"),
        *(".sph", ".voc", ".w64", ".wav", ".wave"),
        *(suffix for suffixes in containers.SUFFIXES.values() for suffix in suffixes),
        *(".dff", ".dsf", ".dts", ".gsm", ".mpc", ".pcm", ".ra", ".rm", ".shn", ".tak", ".vox"),
    }
)
"""What a recording is called: sound and video, also of kinds that cannot be read, which become rows with a reason."""


class Base(ABC):
    """A corpus on disk. A subclass states `LAYOUT`, and writes `is_root` and `rows`.

    Parameters
    ----------
    entry : dict
        The corpus' entry of the config; the module's own options are under ``settings``.
    root : path
        The folder the corpus was extracted to.
    """

    LAYOUT = ""
    """What the root must hold, as the end of the sentence "a <title> folder holds ..."."""

    def __init__(self, entry, root):
        self.entry = entry
        self.settings = entry.get("settings") or {}
        self.title = entry.get("title") or type(self).__name__
        self.root = Path(root).expanduser().absolute()

    @classmethod
    @abstractmethod
    def is_root(cls, folder):
        """Say whether *folder* (Path) is laid out as this corpus; looks at a few names only."""

    @abstractmethod
    def rows(self):
        """Yield dicts of utt_id and path (both required), speaker, language, gender, text, kind, subset.

        Spoofs by known codecs add codec, its labels vq, aux and dec, and parent: the id of the utterance behind them.
        """

    def index(self):
        """Yield one dict per recording: utt_id, speaker, language, gender, text, path, kind, subset, and `CODED`.

        No audio file is opened. ``gender`` is ``female``, ``male`` or ``unknown``; ``kind`` is ``bonafide`` or
        ``spoof``; ``text`` and ``subset`` may be None; ``path`` is absolute.

        Raises
        ------
        NcstError
            If the root is missing, of another corpus, empty or half-extracted, or two files have one id.
        """
        self.check_root()
        seen = {}
        for row in self.rows():
            utt_id, path = row["utt_id"], str(row["path"])
            if utt_id in seen:
                raise NcstError(
                    f"{self.title} has two recordings {utt_id!r}, {seen[utt_id]} and {path}: rename or remove one."
                )
            seen[utt_id] = path
            yield {
                "utt_id": utt_id,
                "speaker": row.get("speaker") or "unknown",
                "language": row.get("language") or "unknown",
                "gender": GENDERS.get(str(row.get("gender")).strip().lower(), "unknown"),
                "text": row.get("text"),
                "path": path,
                "kind": self._kind(row),
                "subset": row.get("subset"),
                **{key: row.get(key) for key in CODED},
            }
        if not seen:
            raise NcstError(
                f"{self.root} holds no recordings of {self.title}{self._instead()}: extract the corpus again."
            )

    def require(self, listed, found, where, tolerance=0.0):
        """Check that the recordings that a text file lists are on disk; log what is missing, and how many others exist.

        Parameters
        ----------
        listed, found : sets of str
            Ids that *where* names, and ids that have an audio file.
        where : str
            The list, for the message.
        tolerance : float
            Share of missing recordings that the corpus has as shipped.

        Raises
        ------
        NcstError
            If more are missing, unless the entry's ``settings`` say ``partial: true``.
        """
        missing = sorted(listed - found)
        if len(missing) > tolerance * len(listed) and not self.settings.get("partial"):
            raise NcstError(
                f"{self.root} is half-extracted: {len(missing)} of the {len(listed)} recordings in {where} are "
                f"missing, {missing[0]!r} first{'' if found else self._instead()}: extract {self.title} again or set "
                "`settings: {partial: true}`."
            )

        if missing:
            LOG.warning(
                "%s: %d of the %d recordings in %s are missing: %s",
                *(self.title, len(missing), len(listed), where, " ".join(missing)),
            )
        if extra := sorted(found - listed):
            LOG.warning("%s: %d recordings are not in %s, %s first", self.title, len(extra), where, extra[0])

    def facts(self, name):
        """Return the lines of the root's text file *name*, split at white space; none where a partial copy lacks it.

        Raises
        ------
        NcstError
            If it is missing, unless the entry's ``settings`` say ``partial: true``.
        """
        path = self.root / name
        if path.is_file():
            return [line.split() for line in read_text(path).splitlines()]
        if self.settings.get("partial"):
            return []
        raise NcstError(
            f"{self.root} is half-extracted: {name} is missing: extract {self.title} again or set "
            "`settings: {partial: true}`."
        )

    def _instead(self):
        files = (Path(folder, name) for folder, _, names in os.walk(self.root) for name in sorted(names))
        first = next((path for path in files if path.suffix.lower() in AUDIO_SUFFIXES), "no audio file")
        return f" (found {first}, expected {self.LAYOUT})"

    def check_root(self):
        """Raise a `NcstError` if the root is missing, of another corpus or empty; it says where the corpus lies."""
        fix = f"in `roots:` of the config, name the folder that holds {self.LAYOUT}"
        if not self.root.is_dir():
            raise NcstError(f"{self.title} is not at {self.root} (no such folder): {fix}.")
        if self.is_root(self.root):
            return
        names = listing(self.root)
        inner = [name for name in names if (self.root / name).is_dir() and self.is_root(self.root / name)]
        if inner:
            raise NcstError(
                f"{self.title} is one folder deeper than {self.root}: name {self.root / inner[0]} in `roots:`."
            )
        holds = f"holds {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}" if names else "is empty"
        raise NcstError(f"{self.root} is not a (complete) folder of {self.title}, it {holds}: {fix}.")

    def _kind(self, row):
        try:
            return KINDS[str(row.get("kind", "bonafide")).strip().lower()]
        except KeyError:
            raise NcstError(
                f"{self.title} calls {row['utt_id']!r} {row['kind']!r}: its metadata must say bonafide or spoof."
            ) from None


def read_text(path, fallback=None):
    """Return the text of *path*, UTF-8 (with or without mark) or else *fallback*, without surrounding white space.

    Raises
    ------
    NcstError
        If it is neither, or binary, or cannot be read.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise NcstError(f"{path} cannot be read ({error.strerror}): make it a readable text file.") from error
    for encoding in filter(None, ("utf-8-sig", fallback)):
        with contextlib.suppress(UnicodeDecodeError):
            text = content.decode(encoding).strip()
            if "\0" not in text:
                return text
    raise NcstError(f"{path} is not UTF-8 text: convert it to UTF-8, or extract it again.")


def listing(folder):
    """Return the sorted names in *folder* that are not hidden, none when there is no such folder.

    Raises
    ------
    NcstError
        If the folder may not be read.
    """
    try:
        return sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise NcstError(f"{folder} cannot be listed ({error.strerror}): make it readable.") from error
