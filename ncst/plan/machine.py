"""Whether this machine can do what a configuration asks of it: tools, a GPU, a folder to write to, room on its disk."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ncst.plan import Config, entries, selection
from ncst.plan.estimate import GB, estimate


def machine_problems(config: Config) -> Iterator[str]:
    """Yield a sentence for each thing that a run of the checked *config* would find missing here."""
    for name in selection.codecs(config):
        if entries.module_of(config, "codecs", name) == "command":
            yield from _tools(name, config["codecs"][name].get("settings") or {})
    if config["gpu"] and not any(Path("/dev").glob("nvidia[0-9]*")):
        yield f"gpu is {config['gpu']}, but this machine shows no GPU: set `gpu: 0`, or run on a machine that has one."
    folder = Path(config["results"], config["name"]).absolute()
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        yield f"{folder} cannot be written, since {place} is no folder that you may write to: set `results` to another."
        return
    needed = sum(work.disk for work in estimate(config).stages.values())
    free = shutil.disk_usage(place).free
    if needed > free:
        yield (
            f"The run writes about {needed / GB:,.0f} GB and {place} has {free / GB:,.0f} GB free: make room, or set "
            "`results` to a folder on another disk."
        )


def _tools(name: str, settings: dict[str, object]) -> Iterator[str]:
    for step in ("command", "encode", "decode"):
        arguments = settings.get(step)
        tool = str(arguments[0]) if isinstance(arguments, list) and arguments else None
        if tool and shutil.which(tool) is None:
            needed = settings.get("install", tool)
            yield f"The codec {name!r} calls `{tool}`, which is not on the PATH: install {needed}, or leave it out."
