"""Whether this machine can do what a configuration asks of it: tools, a GPU, a folder to write to, room on its disk."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ncst.core.devices import check_gpus
from ncst.errors import NcstError
from ncst.plan import Config, entries, selection
from ncst.plan.command_codecs import command_problems
from ncst.plan.estimate import GB, estimate
from ncst.plan.init_folder import place_problem


def machine_problems(config: Config) -> Iterator[str]:
    """Yield a sentence for each thing that a run of the checked *config* would find missing here."""
    for name in selection.codecs(config):
        if entries.module_of(config, "codecs", name) == "command":
            settings = config["codecs"][name].get("settings") or {}
            yield from _tools(name, settings)
            yield from _formats(name, settings.get("soundfile"))
    try:
        check_gpus(config["gpu"], None)
    except NcstError as error:
        yield str(error)
    if problem := place_problem(Path.cwd()):
        yield f"{problem}: move the project to a path without."
    folder, place = _results(config)
    if not _writable(place):
        yield f"{folder} cannot be written, since {place} is no folder that you may write to: set `results` to another."


def disk_problems(config: Config) -> Iterator[str]:
    """Yield a sentence where a run of *config*, in which nothing is wrong, would fill the disk."""
    _, place = _results(config)
    needed = sum(work.disk for work in estimate(config).stages.values())
    free = shutil.disk_usage(place).free
    if needed > free:
        yield (
            f"The run writes about {needed / GB:,.0f} GB and {place} has {free / GB:,.0f} GB free: make room, or set "
            "`results` to a folder on another disk."
        )


def _results(config: Config) -> tuple[Path, Path]:
    """Return the results folder, and the nearest one above it that is there."""
    folder = Path(config["results"], config["name"]).absolute()
    return folder, next(parent for parent in (folder, *folder.parents) if parent.exists())


def _writable(place: Path) -> bool:
    """Say whether a file can be made in *place*; permissions alone do not tell of a disk that is read only."""
    try:
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError:
        return False


def _tools(name: str, settings: dict[str, object]) -> Iterator[str]:
    for step in ("command", "encode", "decode"):
        arguments = settings.get(step)
        tool = str(arguments[0]) if isinstance(arguments, list) and arguments else None
        if tool and shutil.which(tool) is None:
            needed = settings.get("install", tool)
            yield f"The codec {name!r} calls `{tool}`, which is not on the PATH: install {needed}, or leave it out."


def _formats(name: str, options: object) -> Iterator[str]:
    """Yield what the installed libsndfile does not write; other mistakes of *options* are said with the settings."""
    if isinstance(options, dict) and not any(command_problems({"soundfile": options})):
        import soundfile

        coded = {key: options.get(key) for key in ("format", "subtype", "endian")}
        if not soundfile.check_format(**coded):
            asked = " ".join(value for value in coded.values() if value)
            yield (
                f"Config error at codecs.{name}.settings.soundfile: libsndfile {soundfile.__libsndfile_version__} "
                f"writes no {asked}: use one of {list(soundfile.available_formats())} with a subtype of its own."
            )
