"""Published files: downloaded once, checked, and pinned in a lock file that the user may commit."""

import contextlib
import fcntl
import fnmatch
import hashlib
import logging
import os
import re
from pathlib import Path

import yaml

from ncst.core.files import atomic, sha256
from ncst.core.names import below
from ncst.errors import NcstError
from ncst.fetch import http
from ncst.plan.yaml_files import read_mapping

LOG = logging.getLogger(__name__)
LOCK = Path("config/downloads.lock.yaml")
KINDS = {"of": str, "url": str, "size": int, "sha256": str, "md5": str, "revision": str}
_COMMIT = re.compile(r"[0-9a-f]{40}")


def fetch(key, source, folder, lock=LOCK):
    """Download the files of *source* into *folder* and check them.

    Broken downloads go on where they stopped. A file that lies in *folder* already is checked and needs no network. A
    size or hash that *source* does not state, the commit behind a branch and the files of a Zenodo record are noted in
    the file *lock* at the first download and demanded from then on; another URL, revision or record is noted anew. Of
    a file that was not downloaded and whose hash is not known, nothing is noted: it was placed by hand.

    Parameters
    ----------
    key : str
        The config's key of *source*; names it in messages and in the lock file.
    source : dict
        ``source: url`` with ``files`` (name: ``url`` and, where published, ``size`` in bytes, ``sha256``, ``md5``);
        ``source: huggingface`` with ``repo``, ``revision``, ``files`` (or a list of patterns: all that match are
        taken) and perhaps ``repo_type: dataset``;
        ``source: zenodo`` with ``records``, the API's addresses of records, all of whose files are taken.
    folder, lock : path

    Returns
    -------
    files : dict of str to Path
        The files under their names.
    placed : dict of str to str
        Those that were placed by hand and the SHA-256 of each.

    Raises
    ------
    NcstError
        If there is no network, the repository or file does not exist or needs a login, the disk is full, or a file is
        truncated or has another hash; a wrong file is deleted.
    """
    locked = _locked(lock, key)
    pinned = {
        file: (locked[file] if locked.get(file, {}).get("of") == facts["of"] else {}) | facts
        for file, facts in _files(key, source, locked).items()
    }
    places, placed = {file: below(folder, file, key) for file in pinned}, {}
    for file, facts in pinned.items():
        path = places[file]
        if path.is_file() and not facts.keys() & {"sha256", "md5"}:
            placed[file] = _check(key, path, facts, lock)["sha256"]
            LOG.warning("%s was placed by hand, and no hash says whether it is what was published.", path)
            continue
        if path.is_file():
            pass
        elif source["source"] == "huggingface":
            commit = next((other["revision"] for other in pinned.values() if "revision" in other), source["revision"])
            facts["revision"] = _from_hub(key, source, file, facts.get("revision", commit), folder)
        else:
            http.download(facts.get("url") or facts["of"], path, key)
        facts |= _check(key, path, facts, lock)
        _write_lock(lock, key, pinned)
        LOG.info("%s from %s: %d bytes, SHA-256 %s", path, facts["of"], facts["size"], facts["sha256"])
    return places, placed


def _files(key, source, locked):
    """Return the facts that *source* states of each file; ``of`` names the version they are about."""
    if source["source"] == "zenodo":
        if {facts["of"] for facts in locked.values()} == set(source["records"]):
            return locked
        found = [pair for record in source["records"] for pair in _of_record(key, record)]
        if len(dict(found)) < len(found):
            raise NcstError(f"Two files of {source['records']} have one name: download them by hand.")
        return dict(found)
    if isinstance(source["files"], list):
        version = f"{source['repo']}@{source['revision']} {' '.join(source['files'])}"
        if {facts["of"] for facts in locked.values()} == {version}:
            return locked
        return {name: {"of": version, "revision": commit} for name, commit in _of_repository(key, source)}
    files = {}
    for file, stated in source["files"].items():
        facts = {name: value for name, value in (stated or {}).items() if value is not None}
        hub = source["source"] == "huggingface"
        files[file] = {"of": f"{source['repo']}@{source['revision']}" if hub else facts.pop("url"), **facts}
    return files


def _of_record(key, record):
    try:
        for file in http.read_json(record, key)["files"]:
            facts = {"of": record, "url": file["links"]["self"], "size": file["size"]}
            yield file["key"], _of_kinds(facts | {"md5": file["checksum"].removeprefix("md5:")}, file["key"])
    except (KeyError, TypeError, AttributeError) as error:
        raise NcstError(f"{record} is no record of Zenodo that lists files: correct {key} in the config.") from error


def _of_repository(key, source):
    """Yield the files of a hub repository that match the patterns of *source*, and the commit they are of."""
    from huggingface_hub import HfApi

    with _explained(key, source, "such repository", source["revision"]):
        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
        info = api.repo_info(source["repo"], revision=source["revision"], repo_type=source.get("repo_type"))
        names = [file.rfilename for file in info.siblings]
        if not all(isinstance(text, str) for text in (info.sha, *names)):
            raise TypeError("names and commits are text")
    found = [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in source["files"])]
    if not found:
        raise NcstError(f"{source['repo']} has no file that matches {source['files']}: correct {key} in the config.")
    for name in found:
        yield name, info.sha


def _from_hub(key, source, file, revision, folder):
    """Download one file from the Hugging Face Hub and return the commit it is of."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    repo, kind, hub = source["repo"], source.get("repo_type"), os.environ.get("HF_ENDPOINT")
    with _explained(key, source, file, revision):
        if not _COMMIT.fullmatch(revision):
            url = hf_hub_url(repo, file, revision=revision, repo_type=kind, endpoint=hub)
            revision = get_hf_file_metadata(url).commit_hash
            if not revision:
                raise ValueError("no commit")
        with http.writing(Path(folder) / file):
            hf_hub_download(repo, file, revision=revision, repo_type=kind, local_dir=folder, endpoint=hub)
        return revision


@contextlib.contextmanager
def _explained(key, source, file, revision):
    """Turn what the hub's client raises into a `NcstError`."""
    from huggingface_hub import errors

    repo, kind = source["repo"], source.get("repo_type")
    try:
        yield
    except errors.GatedRepoError as error:
        page = f"https://huggingface.co/{f'{kind}s/' if kind else ''}{repo}"
        raise NcstError(
            f"{key} is gated: accept the terms at {page}, run `hf auth login`, then fetch again."
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise http.no_network(file, repo, key, error) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
        raise NcstError(
            f"The Hugging Face repository {repo} has no {file} at revision {revision}, or is private: correct {key} in"
            " the config."
        ) from error
    except (OSError, errors.HTTPError) as error:
        raise http.no_network(file, repo, key, error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        told = " ".join(str(error).split())[:100]
        raise NcstError(
            f"What answers as the Hugging Face Hub for {repo} of {key} is none ({told}): check the network and "
            "HF_ENDPOINT."
        ) from error


def _check(key, path, facts, lock):
    """Return the size and hash of *path* after comparing them with *facts*; a wrong file is deleted."""
    size = path.stat().st_size
    if not size:
        path.unlink()
        raise NcstError(f"{path} of {key} came empty: it was deleted, fetch it again, or put it there by hand.")
    if size != facts.get("size", size):
        path.unlink()
        what = "truncated" if size < facts["size"] else "too long"
        raise NcstError(f"{path} of {key} is {what}: {size} of {facts['size']} bytes; it was deleted, fetch it again.")
    digests = {"sha256": sha256(path)}
    if "md5" in facts:
        with path.open("rb") as stream:
            digests["md5"] = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    for kind, digest in digests.items():
        if digest != facts.get(kind, digest):
            path.unlink()
            raise NcstError(
                f"{path} of {key} has {kind} {digest}, not {facts[kind]}: it was deleted; fetch it again, and if that"
                f" does not help the published file has changed: where you trust it, correct {key} in the config or"
                f" remove it from {lock}."
            )
    return {"size": size, **digests}


def _of_kinds(facts, name):
    """Return the *facts* of the file *name*; a `TypeError` where one is not of its kind."""
    if not isinstance(name, str) or not all(isinstance(value, KINDS[fact]) for fact, value in facts.items()):
        raise TypeError(f"{name} has {facts}")
    return facts


def _locked(path, key):
    """Return what the lock file says of the files of *key*."""
    locked = _read_lock(path).get(key, {})
    try:
        for name, facts in locked.items():
            _of_kinds(facts, name)["of"]
    except (KeyError, TypeError, AttributeError) as error:
        raise NcstError(f"{path} says something else of {key} than files and their facts: remove {key}.") from error
    return locked


def _read_lock(path):
    return read_mapping(path) if Path(path).is_file() and Path(path).stat().st_size else {}


def _write_lock(path, key, pinned):
    """Add *key* to the lock file; two fetches at a time wait for each other."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / f".{path.name}.wait").open("w") as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)
        locked = _read_lock(path)
        if locked.get(key) != pinned:
            with atomic(path) as temporary:
                temporary.write_text(yaml.safe_dump(locked | {key: pinned}, sort_keys=True), encoding="utf-8")
