"""Detection: fit one detector on a model's training scores and rate the clips of the other splits."""

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np

from ncst.core.files import PathLike
from ncst.errors import NcstError
from ncst.evaluation.detectors._base import Head, Unfit
from ncst.evaluation.tune import centre_and_scale, tune
from ncst.formats.ood import write_ood
from ncst.formats.scores import Scores, read_scores
from ncst.registry import build

LOG = logging.getLogger(__name__)


def detect(
    name: str,
    entry: dict[str, Any],
    train: PathLike,
    splits: Iterable[PathLike],
    out: PathLike,
    dev: PathLike | None = None,
    head: Head | None = None,
) -> None:
    """Write the out-of-distribution scores of one detector for one model and seed.

    A detector that cannot serve the model leaves a file without scores that says why.

    Parameters
    ----------
    name : str
        The detector's key in the config.
    entry : dict
        Its entry.
    train : path
        Score file of the training split: all that is learnt comes from here.
    splits : list of paths
        Score files to rate: ``eval_id`` and the splits with the role ``ood``.
    out : path
        The file to write, see `ncst.formats.ood.Ratings`.
    dev : path, optional
        Score file of the development split, rated as well: options are chosen on it alone.
    head : ((C, D) array, (C,) array), optional
        Weight and bias of the model's last layer; estimated from the training scores where a detector needs it.

    Raises
    ------
    NcstError
        If a score file is damaged or of another model, an option is unknown, or a score is not finite.
    """
    known = read_scores(train, embedding=True)
    rated = [read_scores(path, embedding=True) for path in ([dev] if dev else []) + list(splits)]
    for scores in rated:
        if scores.classes != known.classes:
            raise NcstError(
                f"{scores.path} has the classes {scores.classes} and {train} has {known.classes}: score both again."
            )
    try:
        write_ood(out, *_rate(name, entry, known, rated, bool(dev), head))
    except Unfit as reason:
        LOG.warning("The detector %s is left out: %s", name, reason)
        write_ood(out, {"options": entry.get("options") or {}, "unfit": str(reason)}, [])


def _rate(
    name: str, entry: dict[str, Any], known: Scores, rated: list[Scores], dev: bool, head: Head | None
) -> tuple[dict[str, Any], list[tuple[str, np.ndarray, np.ndarray]]]:
    """Return what `write_ood` writes of the clips *rated*, the development split first if *dev*."""
    assert known.embedding is not None
    facts = {"options": entry.get("options") or {}} | (tune(name, entry, known, rated[0], head) if dev else {})
    detector = build("detectors", name, entry | {"options": facts["options"]})
    detector.fit(known.embedding, known.logits, known.positions(), head)
    parts = []
    for scores in rated:
        assert scores.embedding is not None
        values = detector.score(scores.embedding, scores.logits)
        if not np.isfinite(values).all():
            raise NcstError(
                f"The detector {name} gave {scores.path} scores that are not finite: its options do not suit the model."
            )
        parts.append((scores.split, scores.clip_id, values))
    if "calibration" in facts:
        slope, intercept = facts["calibration"]
        centre, scale = centre_and_scale(parts[0][2].astype(np.float64))
        facts["calibration"] = {"slope": slope / scale, "intercept": intercept - slope * centre / scale}
    return facts, parts
