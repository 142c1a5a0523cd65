"""One file over HTTP: goes on where a broken transfer stopped, tries again, shows its progress on stderr."""

import json
import re
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

from ncst.errors import NcstError

ATTEMPTS = 5
PAUSE = 1.0
TIMEOUT = 60.0
_CHUNK = 1 << 20
_LONGEST_JSON = 1 << 26


def download(url, path, key):
    """Download *url* to *path*.

    What arrived of a broken transfer stays in ``<path>.part``, beside ``<path>.part.json`` with the server's ETag (or
    date) and length; the next attempt, of this call or a later one, asks for the rest. It starts over where the server
    cannot send parts, names no version of the file, or has another version by now. `ATTEMPTS` in a row that bring
    nothing new end it; the pause between them begins at `PAUSE` and doubles (seconds). A server that is silent for
    `TIMEOUT` seconds counts as one.

    Parameters
    ----------
    url : str
    path : path
    key : str
        The config's key of the download, for messages.

    Raises
    ------
    NcstError
        If there is no network, the server refuses the file or answers nonsense, or the disk is full.
    """
    import requests
    import urllib3

    path = Path(path)
    part = path.with_name(f"{path.name}.part")
    failed, most = 0, _size(part)
    with writing(path), _progress(path.name) as show:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                _transfer(url, part, show)
                break
            except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:  # a bad redirect
                response = getattr(error, "response", None)
                if response is not None and response.status_code < 500 and response.status_code != 429:
                    raise refused(url, response.status_code, key) from error
                failed = 1 if _size(part) > most else failed + 1
                most = max(most, _size(part))
                if failed == ATTEMPTS:
                    raise no_network(path.name, url, key, error) from error
                time.sleep(PAUSE * 2 ** (failed - 1))
        part.replace(path)
        _memory(part).unlink(missing_ok=True)


def read_json(url, key):
    """Return the JSON document at *url*.

    Raises
    ------
    NcstError
        As `download` does, and if there is no JSON at *url*.
    """
    import requests
    import urllib3

    try:
        with requests.get(url, timeout=TIMEOUT, stream=True) as response:
            response.raise_for_status()
            content = response.raw.read(_LONGEST_JSON + 1, decode_content=True)
    except requests.HTTPError as error:
        raise refused(url, error.response.status_code, key) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        raise no_network("the list of files", url, key, error) from error
    try:
        return json.loads(content[:_LONGEST_JSON])
    except (ValueError, RecursionError) as error:
        raise NcstError(f"{url} is no JSON: correct {key} in the config.") from error


def refused(url, status, key):
    """Return the error for an HTTP *status* that trying again will not change."""
    login = " (it needs a login or permission)" if status in (401, 403) else ""
    return NcstError(f"{url} answers {status}{login}: correct {key} in the config, or put the file there by hand.")


def no_network(file, source, key, error):
    """Return the error for a transfer that broke for good."""
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return NcstError(
        f"Downloading {file} of {key} from {source} failed: check the network connection and run again, it goes on"
        f" where it stopped ({reason})."
    )


@contextmanager
def writing(path):
    """Turn the failures of writing *path* into a `NcstError`; errors of the network pass."""
    try:
        yield
    except OSError as error:
        if error.errno is None or isinstance(error, (ConnectionError, TimeoutError)):
            raise
        raise NcstError(
            f"Cannot write {path} ({error.strerror}): free some space or choose another `downloads` folder."
        ) from error


def need_space(folder, size, what):
    """Check that *size* bytes are free in *folder*.

    Raises
    ------
    NcstError
        If there are fewer.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise NcstError(
            f"{what} needs {size / 1e9:.1f} GB, but {folder} has {free / 1e9:.1f} GB free: free some space or choose"
            " another `downloads` folder."
        )


def _transfer(url, part, show):
    """Ask for what *part* lacks and append it."""
    import requests

    known = _remembered(part)
    start = part.stat().st_size if known else 0
    if known and start == known["size"]:
        return
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if not known["version"].startswith("W/"):
            headers["If-Range"] = known["version"]
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        version = response.headers.get("ETag") or response.headers.get("Last-Modified")
        follows = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        unusable = response.status_code == 206 and not (start and follows and version == known["version"])
        if unusable or (start and response.status_code == 416):
            _memory(part).unlink(missing_ok=True)
            raise requests.ConnectionError("the published file changed meanwhile, or another part came")
        response.raise_for_status()
        if response.status_code != 206:
            start = 0
        stated = response.headers.get("Content-Length", "")
        length = int(stated) if re.fullmatch("[0-9]{1,18}", stated) else 0
        need_space(part.parent, length, part.stem)
        _memory(part).unlink(missing_ok=True)
        with part.open("ab" if start else "wb") as file:
            if version and length:
                _memory(part).write_text(json.dumps({"version": version, "size": start + length}))
            for chunk in response.raw.stream(_CHUNK, decode_content=False):
                file.write(chunk)
                show(file.tell(), start + length)


def _remembered(part):
    """Return ``version`` and ``size`` of the file that *part* is of; empty where nothing readable says so."""
    try:
        known = json.loads(_memory(part).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    whole = isinstance(known, dict) and isinstance(known.get("version"), str) and isinstance(known.get("size"), int)
    return known if whole and known["version"].isprintable() and part.is_file() else {}


def _memory(part):
    return part.with_name(f"{part.name}.json")


def _size(path):
    return path.stat().st_size if path.is_file() else 0


@contextmanager
def _progress(name):
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)
