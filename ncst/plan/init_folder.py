"""Lay the workflow and its default configuration out in a folder of one's own."""

import shutil
from pathlib import Path

from ncst.core.files import PathLike
from ncst.core.shipped import shipped
from ncst.errors import NcstError

PARTS = ("Snakefile", "config", "environment.yml", "profiles", "workflow")
README = """# An experiment of ncst

    ncst plan                 # what a run makes and takes
    snakemake --cores all     # run it; the report is results/demo/report/index.html

`config/README.md` explains every key, `config/guides/` leads to a corpus, a codec and models of your own. `ncst new
codec NAME` starts a codec: `plugins/codecs/NAME.py` and its entry in `config/codecs.yaml`. Corpora, models, front-ends,
objectives, perturbations and detectors alike.
"""


def place_problem(place: PathLike) -> str | None:
    """Say why Snakemake cannot work in the folder *place*, without an end; None if it can."""
    return f"Snakemake takes the braces in {place} for wildcards" if set("{}") & set(str(place)) else None


def init_folder(folder: PathLike) -> None:
    """Write Snakefile, workflow, configs and profiles, and a README on how to run them, into *folder*.

    Weights, sentences and schemas stay in the package, where the workflow finds them.

    Raises
    ------
    NcstError
        If *folder* is not empty, cannot be written, or is one where Snakemake cannot work.
    """
    folder = Path(folder)
    if problem := place_problem(folder.absolute()):
        raise NcstError(f"{problem}: name another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise NcstError(f"{folder} is not empty: name a new folder.")
        for part in PARTS:
            source, target = shipped(part), folder / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("schemas", ".*", "__pycache__"))
            else:
                shutil.copyfile(source, target)
        (folder / "README.md").write_text(README, encoding="utf-8")
    except OSError as error:
        raise NcstError(f"Cannot write {folder}: {error.strerror or error}; name another folder.") from error
