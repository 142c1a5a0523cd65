"""The folders of a corpus when it was indexed: where their times differ, recordings came, went or were renamed."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ncst.core.files import PathLike, atomic
from ncst.plan import Config

SHOWN = 3


def remember(index: PathLike, root: Path, recordings: Iterable[str]) -> None:
    """Note the times of change of the folders below *root* that hold *recordings*, beside the *index* of a corpus.

    Parameters
    ----------
    index : path
    root : Path
        Folders in the note are relative to it, so that the corpus may move.
    recordings : iterable of str
        Absolute paths; those elsewhere are left out.
    """
    recordings = list(recordings)
    places = {os.path.dirname(name) for name in recordings}  # noqa: PTH120 (a tenth of the time of Path.parent)
    folders = {folder for place in places for folder in _upwards(Path(place), root)}
    times = {path.relative_to(root).as_posix(): _time(path) for path in sorted(folders)}
    with atomic(_beside(index)) as temporary:
        temporary.write_text(json.dumps({"recordings": len(recordings), "folders": times}), encoding="utf-8")


def changes(config: Config, roots: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each indexed corpus of *roots* of which a folder has changed; no file is looked at."""
    for name, root in roots.items():
        try:
            noted = json.loads(_beside(index_of(config, name)).read_text(encoding="utf-8"))
            recordings, times = int(noted["recordings"]), dict(noted["folders"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not indexed yet: nothing to compare with
        place = Path(root).expanduser()
        changed = [folder for folder, time in times.items() if _time(place / folder) != time]
        if changed and place.is_dir():
            shown = ", ".join("its root" if folder == "." else folder for folder in changed[:SHOWN])
            shown += " ..." if len(changed) > SHOWN else ""
            yield (
                f"{config['corpora'][name]['title']} in {root} has changed since its {recordings:,} recordings were "
                f"indexed, in {len(changed):,} of {len(times):,} folders ({shown}): `ncst check --corpora`, with the "
                "overlays of this run, says what differs and how to index it again."
            )


def index_of(config: Config, corpus: str) -> Path:
    """Return where the index of *corpus* lies."""
    return Path(config["results"], config["name"], "corpora", f"{corpus}.parquet")


def _beside(index: PathLike) -> Path:
    return Path(index).with_suffix(".folders")


def _upwards(folder: Path, root: Path) -> Iterator[Path]:
    while folder.is_relative_to(root):
        yield folder
        folder = folder.parent


def _time(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
