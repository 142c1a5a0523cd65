"""Where the scores of runs lie, and the clips that all of them scored."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from ncst.core.files import PathLike
from ncst.errors import NcstError
from ncst.evaluation.bootstrap import clustered
from ncst.formats.ood import read_ood
from ncst.formats.scores import PROBABILITIES, Scores, like_probabilities, read_scores
from ncst.plan import paths


@dataclass(frozen=True)
class Run:
    """One model: a title, and by seed the folders of its score files and of its detector files."""

    title: str
    seeds: dict[int, tuple[Path, Path]]


@dataclass(frozen=True)
class ScoredRun:
    """One model and seed that is to be evaluated.

    Attributes
    ----------
    model, title : str
        The model's key and its title.
    seed : int
        The seed it was trained with.
    scores : path
        Folder with ``<split>.parquet``.
    ood : path, optional
        Folder with ``<detector>.parquet``; a taxonomy tracer has none.
    posterior : bool
        Whether the logits give class probabilities; else there is no calibration.
    speakers : dict of str to str, optional
        Utterance to its speaker, where the bootstrap resamples speakers first.
    """

    model: str
    title: str
    seed: int
    scores: Path
    ood: Path | None = None
    posterior: bool = True
    speakers: Mapping[str, str] | None = None

    @property
    def names(self) -> dict[str, Any]:
        """Return ``model``, ``title`` and ``seed``, and any other than the usual ``clusters``, as metrics files do."""
        names = {"model": self.model, "title": self.title, "seed": self.seed}
        return names | ({"clusters": ["speaker", "utterance"]} if self.speakers else {})

    def read(self, split: str) -> Scores:
        """Return the `ncst.formats.scores.Scores` of *split*."""
        found = read_scores(Path(self.scores) / f"{split}.parquet")
        return replace(found, clusters=clustered(found.utt_id, self.speakers))


def find_runs(folder: PathLike) -> dict[str, Run]:
    """Return ``{model: Run}`` of a results folder, its ``scores`` folder, or the folder of one model or seed there.

    Raises
    ------
    NcstError
        If there are no score files of this project.
    """
    folder = Path(folder).resolve()
    found: dict[str, dict[int, tuple[Path, Path]]] = {}
    for results in (folder, *folder.parents[:3]):
        for path, run in paths.find(results, paths.SCORES).items():
            if path.is_dir() and path.is_relative_to(folder):
                found.setdefault(run["model"], {})[run["seed"]] = path, paths.place(results, paths.OOD, **run)
    if not found:
        raise NcstError(
            f"{folder} holds no scores/<model>/seed-<n>/<split>.parquet: name a results folder, or make one of other "
            "score files with `ncst evaluate`."
        )
    return {model: Run(model, seeds) for model, seeds in found.items()}


def short_names(folders: Iterable[PathLike]) -> list[str]:
    """Return the parts of the paths that differ."""
    parts = [Path(folder).resolve().parts for folder in folders]
    start = next((i for i, same in enumerate(zip(*parts)) if len(set(same)) > 1), min(map(len, parts)) - 1)
    return ["/".join(part[start:]) or part[-1] for part in parts]


def common_splits(runs: Sequence[Run], notes: list[str]) -> list[str]:
    """Return the splits that every run has scored; what only some have goes into the list *notes*."""
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


class Part:
    """The clips of one score file that all runs have, in one order."""

    def __init__(self, scores: Scores, clips: np.ndarray, ood: Path) -> None:
        order = np.argsort(scores.clip_id)
        self.scores, self.ood = scores, ood
        self.rows = order[np.searchsorted(scores.clip_id[order], clips)]
        self.label, self.clusters = scores.label[self.rows], scores.utt_id[self.rows]
        self.predicted = scores.predicted()[self.rows]

    def right(self) -> np.ndarray:
        """Say of every (N,) clip whether its class was predicted."""
        return np.asarray(self.scores.classes)[self.predicted] == self.label

    def rated(self, detector: str) -> np.ndarray:
        """Return the (N,) scores of *detector*, higher = more out-of-distribution."""
        return read_ood(self.ood / f"{detector}.parquet").of(self.scores)[self.rows]


def read_parts(
    runs: Sequence[Run], split: str, notes: list[str], speakers: Mapping[str, str] | None = None
) -> list[list[Part]]:
    """Return the `Part` of each run and seed; with *speakers*, of each utterance, these are resampled first."""
    found = [[(read_scores(scores / f"{split}.parquet"), ood) for scores, ood in run.seeds.values()] for run in runs]
    every = [scores for part in found for scores, _ in part]
    told = (
        f"{r.title}: {PROBABILITIES}" for r, p in zip(runs, found) if any(like_probabilities(s.logits) for s, _ in p)
    )
    notes += [note for note in told if note not in notes]
    clips = reduce(np.intersect1d, (scores.clip_id for scores in every))
    if len(clips) == 0:
        raise NcstError(f"{every[0].path} and {every[-1].path} have no clip in common: name runs of the same clips.")
    most = max(map(len, every))
    if len(clips) < most:
        notes.append(f"{split}: {len(clips)} clips are in all runs and compared; the largest run has {most}.")
    parts = [[Part(scores, clips, ood) for scores, ood in part] for part in found]
    first = parts[0][0]
    clusters = clustered(first.scores.utt_id[first.rows], speakers)
    for part in (part for group in parts for part in group):
        if part.scores.classes != first.scores.classes or (part.label != first.label).any():
            raise NcstError(
                f"{first.scores.path} and {part.scores.path} have other classes or other labels of the same clips: "
                "score both with one configuration."
            )
        part.clusters = clusters
    return parts
