"""Official codec weights: downloaded once, checked, and converted to the one file format that every codec reads."""

import fcntl
import json
import os
import re
from pathlib import Path

import yaml

from ncst import registry
from ncst.errors import NcstError
from ncst.files import atomic, sha256

LOCK = Path("config/weights.lock.yaml")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def fetch_weights(name, entry, out, lock=LOCK, family="codecs"):
    """Download the official weights of the codec or front-end *name* and convert them to *out*.

    Downloads stay in the folder ``downloads/<name>`` beside *out*, so that a broken one goes on where it stopped (from
    the Hugging Face Hub) and a new conversion needs no network; the folder may be deleted.

    Parameters
    ----------
    name, entry : str, dict
        The codec or front-end and its entry in the config.
    out : path
        The safetensors file to write.
    lock : path
        See `fetch`.

    Raises
    ------
    NcstError
        As `fetch` and `convert` do.
    """
    out = Path(out)
    convert(name, entry, fetch(name, entry, out.parent / "downloads" / name, lock), out, family)


def fetch(name, entry, folder, lock=LOCK):
    """Download the files of ``entry["weights"]["official"]`` into *folder* and check them.

    A size or hash that the entry does not state, and the commit behind a branch name, are noted in the file *lock* at
    the first download and demanded from then on.

    Returns
    -------
    dict of str to Path
        The files under the names of the entry.

    Raises
    ------
    NcstError
        If there is no network, the repository or file does not exist or needs a login, or a file is truncated or has
        another hash; a wrong file is deleted.
    """
    source = entry["weights"]["official"]
    locked = _read_lock(lock).get(name, {"files": {}})
    pinned = {"revision": locked.get("revision", source.get("revision")), "files": {}}
    found = {}
    for file, facts in source["files"].items():
        facts = locked["files"].get(file, {}) | {
            key: value for key, value in (facts or {}).items() if value is not None
        }
        if source["source"] == "huggingface":
            found[file], pinned["revision"] = _from_hub(name, source["repo"], file, pinned["revision"], folder)
        else:
            found[file] = _from_url(name, facts["url"], file, folder)
        pinned["files"][file] = _check(name, found[file], facts)
    _write_lock(lock, name, {key: value for key, value in pinned.items() if value})
    return found


def convert(name, entry, files, out, family="codecs"):
    """Convert the official *files* ``{name: Path}`` of *name* to the weight file *out*, and load it.

    Returns
    -------
    The codec or front-end with these weights, on the CPU.

    Raises
    ------
    NcstError
        If the files hold another architecture than the codec's, or are no checkpoints at all.
    """
    from safetensors.torch import save_file

    codec = registry.load(family, entry.get("module", name))
    shown = ", ".join(str(path) for path in files.values())
    try:
        config, state = codec.convert(files, entry)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, StopIteration) as error:
        raise NcstError(
            f"{shown} cannot be weights of {name}: they look like {_looks_like(files)} (at {error!r});"
            f" correct weights.official of {name} in the config."
        ) from error
    metadata = {"config": json.dumps(config), "codec": entry.get("module", name)}
    with atomic(out) as temporary:
        save_file({key: value.contiguous().clone() for key, value in state.items()}, temporary, metadata)
        del state
        try:
            return codec(entry, temporary)
        except NcstError as error:
            raise NcstError(str(error).replace(str(temporary), shown)) from error


def _from_hub(name, repo, file, revision, folder):
    """Return the file's path and the commit it is of."""
    from huggingface_hub import errors, get_hf_file_metadata, hf_hub_download, hf_hub_url

    hub = os.environ.get("HF_ENDPOINT")
    try:
        if not _COMMIT.fullmatch(revision):
            revision = get_hf_file_metadata(hf_hub_url(repo, file, revision=revision, endpoint=hub)).commit_hash
        return Path(hf_hub_download(repo, file, revision=revision, local_dir=folder, endpoint=hub)), revision
    except errors.GatedRepoError as error:
        raise NcstError(
            f"The weights of {name} are gated: accept the terms at https://huggingface.co/{repo}, run `hf auth login`,"
            " then fetch again."
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise _no_network(name, file, repo, error) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
        raise NcstError(
            f"The Hugging Face repository {repo} has no {file} at revision {revision}, or is private: correct"
            f" weights.official of {name} in the config."
        ) from error
    except (OSError, errors.HTTPError) as error:
        raise _no_network(name, file, repo, error) from error


def _from_url(name, url, file, folder):
    import pooch
    import requests

    download = pooch.HTTPDownloader(progressbar=True, timeout=60)
    try:
        return Path(pooch.retrieve(url, known_hash=None, fname=file, path=folder, downloader=download))
    except requests.HTTPError as error:
        raise NcstError(
            f"{url} answers {error.response.status_code}: correct weights.official of {name} in the config."
        ) from error
    except (requests.RequestException, OSError) as error:
        raise _no_network(name, file, url, error) from error


def _no_network(name, file, source, error):
    reason = str(error).splitlines()[0][:200] or type(error).__name__
    return NcstError(
        f"Downloading {file} of {name} from {source} failed: check the network connection and run again ({reason})."
    )


def _check(name, path, facts):
    """Return the size and hash of *path* after comparing them with *facts*; a wrong file is deleted."""
    size, digest = path.stat().st_size, sha256(path)
    if size != facts.get("size", size):
        path.unlink()
        what = "truncated" if size < facts["size"] else "too long"
        raise NcstError(f"{path} of {name} is {what}: {size} of {facts['size']} bytes; it was deleted, fetch it again.")
    if digest != facts.get("sha256", digest):
        path.unlink()
        raise NcstError(
            f"{path} of {name} has SHA-256 {digest}, not {facts['sha256']}: it was deleted; fetch it again, and if that"
            " does not help the published file has changed."
        )
    return {"size": size, "sha256": digest}


def _read_lock(path):
    path = Path(path)
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {} if path.is_file() else {}


def _write_lock(path, name, pinned):
    """Add *name* to the lock file; two fetches at a time wait for each other."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / f".{path.name}.wait").open("w") as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)
        locked = _read_lock(path)
        if locked.get(name) != pinned:
            with atomic(path) as temporary:
                temporary.write_text(yaml.safe_dump(locked | {name: pinned}, sort_keys=True), encoding="utf-8")


def _looks_like(files):
    from safetensors.torch import load_file

    from ncst.codecs._architecture import looks_like
    from ncst.codecs._official import load_pickle

    keys = []
    for path in files.values():
        if path.suffix == ".safetensors":
            keys += load_file(path)
        elif path.suffix not in (".json", ".yaml", ".tflite"):
            keys += _names(load_pickle(path))
    return looks_like(keys)


def _names(tree):
    """Return the last dotted names of all tensors in nested dicts."""
    if not isinstance(tree, dict):
        return []
    return [n for k, v in tree.items() for n in (_names(v) if isinstance(v, dict) else [str(k)])]
