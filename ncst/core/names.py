"""Names: which ids and keys a file or folder can bear, and what it is called then, so that none leads elsewhere."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from ncst.core.files import PathLike
from ncst.errors import NcstError

LONGEST_KEY, LONGEST_ID, LONGEST = 48, 200, 250  # bytes: <key>_<id>.flac is a name of at most 255
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_RESERVED = re.compile(r"(aux|con|nul|prn|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_CODED = re.compile(r'[\s%:*?"<>|]|^\.')


def id_problem(text: str, longest: int = LONGEST_ID) -> str | None:
    """Say why no file can be named after the id *text*, as the end of a sentence about it; None if one can.

    >>> id_problem("../p225_001"), id_problem("p225 001.a")
    ('holds a separator of folders', None)
    """
    return _problem(text, longest) or ("is reserved by Windows" if _RESERVED.fullmatch(text) else None)


def _problem(text: str, longest: int) -> str | None:
    if not text.strip():
        return "is empty"
    if not text.strip("."):
        return "leads to another folder"
    if re.search(r"[/\\]", text):
        return "holds a separator of folders"
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        return "holds a control character"
    return f"is longer than {longest} bytes" if len(_encoded(_CODED, text).encode()) > longest else None


def file_stem(text: str) -> str:
    """Return what the file of the clip or utterance *text* is called, without ending.

    That is its id, percent-encoded where it has blanks or one of ``% : * ? " < > |`` or begins with a dot, so that no
    two ids share a file, lists that blanks separate can name every file, and none is hidden.

    Raises
    ------
    NcstError
        If it is no name, see `id_problem`.

    >>> file_stem("dac_p225_001.a"), file_stem("a b")
    ('dac_p225_001.a', 'a%20b')
    """
    problem = id_problem(text, LONGEST)
    if problem:
        raise NcstError(f"The id {text[:80]!r} can name no file, it {problem}: rename it in its corpus, and run again.")
    return _encoded(_CODED, text)


def key_of(text: str) -> str:
    """Return the WebDataset key of the clip *text*: as `file_stem`, and without dots, at which readers end a key.

    >>> key_of("a.b")
    'a%2Eb'
    """
    return _encoded(re.compile(r"\."), file_stem(text))


def _encoded(characters: re.Pattern[str], text: str) -> str:
    return characters.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)


def key_problems(keys: Iterable[object], parts: bool = False) -> Iterator[tuple[object, str]]:
    """Yield ``(key, what is wrong)`` of those of *keys*, of one family of the config, that can name no file.

    *parts* allows several, with slashes between. Two that differ in case alone share a file on some disks.

    >>> list(key_problems(["dac", "../x", "DAC"]))[1]
    ('DAC', "and 'dac' are one file on disks that do not tell capitals apart")
    """
    seen: dict[str, str] = {}
    for key in keys:
        if not isinstance(key, str) or not all(map(_KEY.fullmatch, key.split("/") if parts else [key])):
            slashes = ", underscores and single slashes" if parts else " and underscores"
            yield key, f"is not a name of letters, digits, dots, hyphens{slashes}"
        elif max(map(len, key.split("/"))) > LONGEST_KEY:
            yield key, f"is longer than {LONGEST_KEY} letters"
        elif (other := seen.setdefault(key.lower(), key)) != key:
            yield key, f"and {other!r} are one file on disks that do not tell capitals apart"


def below(folder: PathLike, name: str, where: str) -> Path:
    """Return the path of the file *name*, which may lie in folders, below *folder*; *where* says who names it.

    Raises
    ------
    NcstError
        If it would lie elsewhere, or a part of it can name no file.
    """
    parts = name.split("/")
    problem = next(filter(None, (_problem(part, LONGEST) for part in parts)), None)
    if problem or PurePosixPath(name).is_absolute():
        raise NcstError(f"{where} names a file {name[:80]!r}, which is not safe to write, it {problem}: rename it.")
    return Path(folder, *parts)
