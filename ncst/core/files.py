"""Files that are either whole or absent."""

import contextlib
import hashlib
import lzma
import os
import shutil
import struct
import tarfile
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from ncst.errors import NcstError

PathLike = str | Path

# What readers of archives, tables and compressed text raise for content that is damaged.
DAMAGED = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError),
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, tokenize.TokenError),
)


@contextlib.contextmanager
def atomic(path: PathLike) -> Iterator[Path]:
    """Yield a temporary path beside *path* that is renamed to it when the block succeeds and removed when it fails.

    Raises
    ------
    NcstError
        If the folder cannot be written or the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise NcstError(
            f"Cannot write {path}: {error.strerror}; free some space or choose another `results` folder."
        ) from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise NcstError(f"Writing {path} failed: {error.strerror or error}; nothing was kept of it.") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: PathLike) -> Iterator[Path]:
    """Yield a temporary folder beside *path* that is renamed to it when the block succeeds and removed when it fails.

    Raises
    ------
    NcstError
        If *path* exists, or the folder cannot be written or the disk is full.
    """
    path = Path(path)
    if path.exists():
        raise NcstError(f"{path} exists and is not overwritten: delete it, or name another folder.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.", dir=path.parent))
    except OSError as error:
        raise NcstError(f"Cannot write {path}: {error.strerror}; free some space or choose another folder.") from error
    try:
        yield temporary
        temporary.chmod(0o755)
        temporary.rename(path)
    except OSError as error:
        raise NcstError(f"Writing {path} failed: {error.strerror or error}; nothing was kept of it.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sha256(path: PathLike) -> str:
    """Return the hexadecimal SHA-256 of the file *path*."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
