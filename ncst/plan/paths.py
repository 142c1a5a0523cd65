"""Where a results folder keeps what.

Each constant is a path relative to the results folder, with names in braces: `place` fills them in, `find` reads them
off the files that are there.
"""

import re
from pathlib import Path
from typing import Any

from ncst.core.files import PathLike

RUN = "{model}/seed-{seed}"

INDEX = "corpora/{corpus}.parquet"
SOURCES = "sources/{source_set}.parquet"
AUDIO = "audio"
SHARD = f"{AUDIO}/{{source_set}}/{{codec}}/{{shard}}.parquet"
MANIFEST = "manifests/{split}.parquet"
FEATURES = "features/{frontend}/{shard_file}"
FEATURE_FILE = "features/{frontend}/{source_set}/{codec}/{shard}.npy"
FINGERPRINT = "features/{frontend}/{source_set}/{codec}/{shard}.json"
MODEL = f"models/{RUN}"
CURVES = f"{MODEL}/curves.csv"
SCORES = f"scores/{RUN}"
OOD = f"ood/{RUN}"
METRICS = f"metrics/{RUN}.json"
MAP = f"maps/{RUN}.parquet"
ROBUSTNESS = f"robustness/{RUN}.json"
SHORTCUTS = "robustness/shortcuts.json"
UNSEEN_REAL = f"unseen_real/{RUN}.json"
COMPARISONS = "comparisons/models.json"
TABLES = "tables"

_ANY = {"seed": r"\d+", "split": ".+"}


def place(results: PathLike, pattern: str, **names: str | int) -> Path:
    """Return the `Path` of *pattern*, one of this module's, below *results*; each of its names must be given."""
    return Path(results, pattern.format(**names))


def results_of(path: PathLike, pattern: str) -> Path:
    """Return the results folder that *path* lies in, where *pattern*, one of this module's, places it.

    A job finds what belongs to its inputs beside them, wherever these were brought.

    >>> results_of("results/demo/audio/st_dev/dac/00000-of-00001.parquet", SHARD).as_posix()
    'results/demo'
    """
    return Path(path).parents[pattern.count("/")]


def find(results: PathLike, pattern: str) -> dict[Path, dict[str, Any]]:
    """Return ``{path: names}`` of the files and folders below *results* that fit *pattern*, sorted.

    ``seed`` is an int, ``split`` may hold slashes, any other name is one part of a path.
    """
    results = Path(results)
    found: dict[Path, dict[str, Any]] = {}
    shape = re.sub(r"\\{(\w+)\\}", lambda name: f"(?P<{name[1]}>{_ANY.get(name[1], '[^/]+')})", re.escape(pattern))
    for path in sorted((results / pattern.partition("{")[0]).rglob("*")):
        fit = re.fullmatch(shape, path.relative_to(results).as_posix())
        if fit:
            found[path] = {name: int(value) if name == "seed" else value for name, value in fit.groupdict().items()}
    return found
