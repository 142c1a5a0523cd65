"""Published corpora: terms accepted, archives downloaded and unpacked into a folder that is whole or absent."""

import shutil
import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from ncst.core.files import DAMAGED
from ncst.errors import NcstError
from ncst.fetch import http
from ncst.fetch.download import LOCK, fetch
from ncst.plan.terms import check_terms

SMALL, RATIO = 1 << 28, 100  # an archive that unpacks to more bytes, and so many times its own, is refused
LONGEST_FACTS = 1 << 20  # bytes
_FACTS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)


def fetch_corpus(key, entry, out, accepted, keep_archives=True, lock=LOCK):
    """Download the archives of a corpus and unpack them to the folder *out*.

    The archives stay in ``archives/<name>`` beside *out*; put there by hand they are checked and used.

    Parameters
    ----------
    key, entry : str, dict
        The config's key of the corpus, e.g. ``corpora.vctk``, and its entry.
    out : path
        Folder to make; an older one of that name is replaced.
    accepted : list of str
        See `check_terms`.
    keep_archives : bool
        Keep the archives after unpacking.
    lock : path
        See `ncst.fetch.download.fetch`.

    Raises
    ------
    NcstError
        As `check_terms`, `ncst.fetch.download.fetch` and `extract` do.
    """
    out, name = Path(out), key.split(".")[-1]
    check_terms(name, entry, accepted)
    folder = out.parent / "archives" / name
    files, _ = fetch(f"{key}.download", entry["download"], folder, lock)
    extract(files.values(), out)
    if not keep_archives:
        shutil.rmtree(folder)


def extract(files, out):
    """Unpack zip and tar archives into the folder *out*; other files are copied into it.

    It appears when everything is unpacked. A single folder at the top is left out: its content is *out*'s.

    Raises
    ------
    NcstError
        If an archive is damaged, or holds anything but files and folders below its top (absolute paths, ``..``,
        links, devices) or `RATIO` times its bytes, or the disk is too small. Nothing is left of it then.
    """
    out = Path(out)
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with http.writing(out):
            partial.mkdir(parents=True)
            for file in map(Path, files):
                _unpack(file, partial)
            inside = list(partial.iterdir())
            top = inside[0] if len(inside) == 1 and inside[0].is_dir() else partial
            if out.exists():
                shutil.rmtree(out)
            top.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unpack(path, folder):
    from rich.console import Console
    from rich.progress import track

    shown = {"description": f"Unpacking {path.name}", "console": Console(stderr=True)}
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                members = [info for info in archive.infolist() if not info.filename.startswith("__MACOSX/")]
                unpacked = sum(info.file_size for info in members)
                _check_size(path, unpacked)
                http.need_space(folder, unpacked, f"Unpacking {path.name}")
                for info in track(members, **shown):
                    kind = stat.S_IFMT(info.external_attr >> 16)
                    _check_member(path, info.filename, kind in (0, stat.S_IFREG, stat.S_IFDIR))
                    archive.extract(info, folder)
        elif tarfile.is_tarfile(path):
            http.need_space(folder, path.stat().st_size, f"Unpacking {path.name}")
            with tarfile.open(path, tarinfo=_Member) as archive:
                unpacked = 0
                for member in track(archive, **shown):
                    _check_member(path, member.name, member.isreg() or member.isdir())
                    unpacked += 512 + member.size
                    _check_size(path, unpacked)
                    archive.extract(member, folder, filter="data")
                while archive.fileobj.read(1 << 20):  # the checksum of a compressed file is at its end
                    pass
        elif path.suffix in (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz"):
            raise zipfile.BadZipFile("not an archive")
        else:
            shutil.copyfile(path, folder / path.name)
    except DAMAGED as error:
        if getattr(error, "errno", None) is not None:  # bz2 raises one without
            raise
        raise NcstError(f"{path} cannot be unpacked ({error}): delete it and fetch it again.") from error


class _Member(tarfile.TarInfo):
    """A member whose long name or other facts are not read into memory however long they say they are."""

    def _proc_member(self, archive):
        if self.type in _FACTS and self.size > LONGEST_FACTS:
            raise tarfile.ReadError(f"facts of {self.size:,} bytes")
        return super()._proc_member(archive)


def _check_size(path, unpacked):
    if unpacked > max(SMALL, RATIO * path.stat().st_size):
        raise NcstError(f"{path} unpacks to over {RATIO} times its size, which no recordings do: do not trust it.")


def _check_member(path, name, plain):
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or not plain:
        raise NcstError(
            f"{path} holds {name!r}, which is not a plain file below its folder: nothing was unpacked; do not trust it."
        )
