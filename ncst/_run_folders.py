"""Where the scores of a run lie, for runs to be compared."""

import re
from dataclasses import dataclass
from pathlib import Path

from ncst.errors import NcstError


@dataclass(frozen=True)
class Run:
    """One model: a title, and by seed the folders of its score files and of its detector files."""

    title: str
    seeds: dict


def find_runs(folder):
    """Return ``{model: Run}`` of a results folder, its ``scores`` folder, or the folder of one model or seed there.

    Raises
    ------
    NcstError
        If there are no score files of this project.
    """
    folder = Path(folder).resolve()
    root = folder / "scores" if (folder / "scores").is_dir() else folder
    seeds = [root, *sorted(root.glob("seed-*")), *sorted(root.glob("*/seed-*"))]
    found = {}
    for path in seeds:
        if re.fullmatch(r"seed-\d+", path.name) and path.is_dir():
            ood = path.parents[2] / "ood" / path.parent.name / path.name
            found.setdefault(path.parent.name, {})[int(path.name[5:])] = (path, ood)
    if not found:
        raise NcstError(
            f"{folder} holds no scores/<model>/seed-<n>/<split>.parquet: name a results folder, or make one of other "
            "score files with `ncst evaluate`."
        )
    return {model: Run(model, seeds) for model, seeds in found.items()}


def short_names(folders):
    """Return the parts of the paths that differ."""
    parts = [Path(folder).resolve().parts for folder in folders]
    start = next((i for i, same in enumerate(zip(*parts)) if len(set(same)) > 1), min(map(len, parts)) - 1)
    return ["/".join(part[start:]) or part[-1] for part in parts]


def common_splits(runs, notes):
    found = [
        {p.relative_to(scores).with_suffix("").as_posix() for p in scores.rglob("*.parquet")}
        for run in runs
        for scores, _ in run.seeds.values()
    ]
    common, every = (joined - {"train", "dev"} for joined in (set.intersection(*found), set.union(*found)))
    if not common:
        raise NcstError(f"{' and '.join(run.title for run in runs)} share no scored split.")
    if every - common:
        notes.append(f"Not compared, since not every run scored them: {', '.join(sorted(every - common))}.")
    return sorted(common, key=lambda split: ("/" in split, split))
