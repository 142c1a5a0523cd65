"""What Snakemake makes of a command line, looked at first: the default profile calls this before any file is read."""

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ncst.errors import NcstError
from ncst.plan.yaml_files import read_mapping

ENDINGS = (".yaml", ".yml", ".json")


def check_command_line(executor: str | None = None) -> None:
    """End with one sentence and exit status 1 where Snakemake would end with a traceback, or with its usage.

    Parameters
    ----------
    executor : str, optional
        What the profile hands jobs to, a plugin of Snakemake and an extra of this package.
    """
    try:
        check_overlays(sys.argv[1:])
        if executor and importlib.util.find_spec(f"snakemake_executor_plugin_{executor}") is None:
            raise NcstError(f"This profile needs Snakemake's executor {executor}: `pip install 'ncst[{executor}]'`.")
    except NcstError as error:
        sys.exit(f"error: {error}")


def check_overlays(arguments: Sequence[str]) -> None:
    """Check what follows ``--configfile`` and ``--config`` in *arguments* of snakemake.

    Raises
    ------
    NcstError
        If an overlay is not one, only the last of several would count, or a value is no ``key=value``.
    """
    if "--target-jobs" in arguments:  # a job of a run whose command line was checked
        return
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="*", action="append", default=[])
    parser.add_argument("--config", "-C", nargs="*", action="append", default=[])
    found, _ = parser.parse_known_args(arguments)
    if len(found.configfile) > 1:
        files = " ".join(file for files in found.configfile for file in files)
        raise NcstError(f"Of several --configfile Snakemake reads the last alone: write `--configfile {files}`.")
    for file in (file for files in found.configfile for file in files):
        if not file.endswith(ENDINGS):
            raise NcstError(
                f"Snakemake takes every word after --configfile for an overlay, and {file!r} does not end with "
                f"{', '.join(ENDINGS)}: write targets before --configfile, or after `--`."
            )
        read_mapping(Path(file))
    for value in (value for values in found.config for value in values):
        if "=" not in value:
            raise NcstError(
                f"--config takes key=value, and {value!r} is not: write targets before --config, and quote what holds "
                "blanks, as in --config 'roots={vctk: /data/VCTK}'."
            )


def config_values(values: Sequence[str]) -> dict[str, Any]:
    """Return what Snakemake makes of the ``key=value`` that follow ``--config``.

    Raises
    ------
    NcstError
        If one is no such pair, or its key no name.
    """
    if not values:
        return {}
    from snakemake.cli import parse_config

    check_overlays(["--config", *values])
    try:
        return parse_config(list(values))
    except ValueError as error:
        raise NcstError(f"--config {' '.join(values)}: {error}") from error
