"""What every detector shares: checked arrays, chunks, the sign of the score, the linear head."""

from typing import Self

import numpy as np

from ncst.errors import NcstError

Head = tuple[np.ndarray, np.ndarray]
LARGEST = np.finfo(np.float32).max


class Unfit(NcstError):
    """A detector cannot serve a model: it is left out, and the reason stands beside the others' numbers."""


class Base:
    """An out-of-distribution score on plain arrays, fitted on training data alone.

    A subclass takes its options as keyword arguments of its constructor and writes two methods; both get checked
    arrays, logits as float64:

    - ``_fit(features, logits, labels, head)`` keeps what the score needs of the training set (optional);
    - ``_score(features, logits)`` returns one number per row, **higher = more out-of-distribution**, that depends on
      that row alone;
    - ``unfit(features, logits)`` says why it cannot serve a model with such a training set (optional).

    ``LIMITS`` of its module, a JSON schema for each option that has limits, is checked before the first job (optional).

    Attributes
    ----------
    needs_embeddings : bool
        False where the score reads logits alone.
    rows : int
        Rows scored at a time; no larger evaluation x training matrix than ``rows`` x N ever exists.
    """

    rows = 1024
    needs_embeddings = True

    def fit(self, features: np.ndarray, logits: np.ndarray, labels: np.ndarray, head: Head | None = None) -> Self:
        """Learn the statistics of the training set.

        Parameters
        ----------
        features : (N, D) array
            Embeddings in front of the classifier's last layer.
        logits : (N, C) array
        labels : (N,) array of int
            Positions in the logits, 0 to C - 1; every class has a row.
        head : ((C, D) array, (C,) array), optional
            Weight and bias of the last layer; estimated from features and logits where a detector needs it.

        Returns
        -------
        Base
            The detector itself.

        Raises
        ------
        Unfit
            With what `unfit` says.
        NcstError
            If shapes disagree, a value is not finite, or a class has no row.
        """
        features, logits = _checked(features, logits, type(self).__name__)
        labels = np.asarray(labels)
        classes = logits.shape[1]
        if labels.shape != (len(logits),) or set(np.unique(labels)) != set(range(classes)):
            raise NcstError(
                f"{type(self).__name__} needs one label per training row and rows of each of the {classes} classes; "
                f"it got {len(labels)} labels with the values {np.unique(labels).tolist()} for {len(logits)} rows."
            )
        reason = self.unfit(features, logits)
        if reason:
            raise Unfit(f"{type(self).__name__}: {reason}.")
        self._fit(features, logits.astype(np.float64), labels, head)
        self.width = features.shape[1], classes
        return self

    def score(self, features: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Return (M,) finite float32 scores of (M, D) features and (M, C) logits; higher = more out-of-distribution.

        Raises
        ------
        NcstError
            If the widths differ from the training set's, or a value is not finite.
        """
        features, logits = _checked(features, logits, type(self).__name__)
        if (features.shape[1], logits.shape[1]) != self.width:
            raise NcstError(
                f"{type(self).__name__} was fitted on {self.width[0]} features and {self.width[1]} logits "
                f"but is asked to score {features.shape[1]} and {logits.shape[1]}: score one model at a time."
            )
        scores = np.empty(len(features), np.float32)
        for start in range(0, len(scores), self.rows):
            part = slice(start, start + self.rows)
            with np.errstate(over="ignore"):
                scores[part] = self._score(features[part], logits[part].astype(np.float64))
        return np.clip(scores, -LARGEST, LARGEST)

    def unfit(self, features: np.ndarray, logits: np.ndarray) -> str | None:
        """Return why (N, D) training *features* and (N, C) *logits* tell this detector nothing, or None."""
        if self.needs_embeddings and features.size and not np.ptp(features, axis=0).any():
            return "every training clip has the same embedding"
        return None

    def _fit(self, features, logits, labels, head):
        pass

    def _score(self, features, logits):
        raise NotImplementedError


def _checked(features, logits, who):
    features, logits = np.asarray(features, np.float32), np.asarray(logits, np.float32)
    if features.ndim != 2 or logits.ndim != 2 or len(features) != len(logits) or len(features) == 0:
        raise NcstError(
            f"{who} needs (rows, D) features and (rows, C) logits, not {features.shape} and {logits.shape}."
        )
    if not (np.isfinite(features).all() and np.isfinite(logits).all()):
        raise NcstError(f"{who} got features or logits that are not finite: score the model again.")
    return features, logits


def logsumexp(logits: np.ndarray) -> np.ndarray:
    """Return (M,) log of the summed exponentials of (M, C) logits."""
    top = logits.max(axis=1)
    return top + np.log(np.exp(logits - top[:, None]).sum(axis=1))


def log_others(logits: np.ndarray) -> np.ndarray:
    """Return (M,) log of one minus the largest class probability of (M, C) logits, in float64.

    It is the log of the summed other probabilities: where the largest rounds to one, rows keep their order.
    """
    ordered = np.sort(np.asarray(logits, np.float64), axis=1)
    return logsumexp(ordered[:, :-1]) - logsumexp(ordered)


def single_precision(logits: np.ndarray) -> np.ndarray:
    """Return (M,) largest class probabilities of (M, C) logits, in float32 as the benchmark computes them."""
    logits = np.asarray(logits, np.float32)
    return 1 / np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return (M, C) probabilities of (M, C) logits."""
    return np.exp(logits - logsumexp(logits)[:, None])


def unit(features: np.ndarray) -> np.ndarray:
    """Scale the rows of (M, D) *features* to length one; zero rows stay zero."""
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def linear_head(features: np.ndarray, logits: np.ndarray, head: Head | None = None) -> Head:
    """Return the float64 ``(weight (C, D), bias (C,))`` of the last layer.

    Without *head* it is the least-squares solution from (N, D) features to (N, C) logits, which is exact where the
    logits are a linear function of the features and N > D.
    """
    if head is not None:
        weight, bias = (np.asarray(part, np.float64) for part in head)
        return weight, bias
    centre, middle = features.mean(axis=0, dtype=np.float64), logits.mean(axis=0)
    rows = features - centre
    weight = (logits - middle).T @ rows @ np.linalg.pinv(rows.T @ rows, rcond=1e-12, hermitian=True)
    return weight, middle - weight @ centre
