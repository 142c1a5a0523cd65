"""Mean rank of several detectors."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ncst.errors import NcstError
from ncst.evaluation.detectors._base import Base
from ncst.registry import load

EQUAL = 1e-6  # known scores that differ by less, as a share of the largest, are one score rounded

LIMITS = {"reference": {"type": "integer", "minimum": 1}}  # of options, as read by `ncst.plan.options`


class Ensemble(Base):
    r"""Mean of the members' ranks among training rows.

    .. math:: s = \frac{1}{|M|} \sum_{m \in M} r_m(s_m)

    :math:`r_m` is the position of a member's score among its scores of training rows, 0 to 1; it goes on beyond both
    ends, linearly in standard deviations of these scores, or in their size where training rows all score the same.
    So a row's score depends on no other evaluated row.

    Parameters
    ----------
    members : mapping of str to mapping
        Detector module to its options.
    reference : int
        Training rows, evenly spaced, that define the ranks.
    """

    def __init__(self, members: Mapping[str, Mapping[str, Any] | None], reference: int = 5000) -> None:
        if not members:
            raise NcstError("The detector ensemble needs at least one detector in its option members.")
        self.members = {name: load("detectors", name)(**(options or {})) for name, options in members.items()}
        self.reference = reference
        self.needs_embeddings = any(member.needs_embeddings for member in self.members.values())

    def _fit(self, features, logits, labels, head):
        rows = np.unique(np.linspace(0, len(features) - 1, min(self.reference, len(features))).astype(int))
        self._known = {}
        for name, member in self.members.items():
            member.fit(features, logits, labels, head)
            self._known[name] = np.sort(member.score(features[rows], logits[rows]).astype(np.float64))

    def _score(self, features, logits):
        ranks = [_rank(member.score(features, logits), self._known[name]) for name, member in self.members.items()]
        return np.mean(ranks, axis=0)


def _rank(scores, known):
    scores = scores.astype(np.float64)
    beyond = scores - np.clip(scores, known[0], known[-1])
    spread, size = known.std(), np.abs(known).max()
    scale = spread if spread > EQUAL * size else max(size, 1.0)
    return np.interp(scores, known, np.linspace(0.0, 1.0, len(known))) + beyond / scale
