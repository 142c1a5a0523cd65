"""The largest inner products of a chunk of rows with a bank of rows, exactly."""

import numpy as np

from ncst.errors import NcstError
from ncst.evaluation.detectors._base import Unfit


class Bank:
    """Training rows prepared for `largest`.

    The bank's columns are dealt into about sqrt(N k) groups. The k largest values of a row lie in the k groups whose
    maxima are largest, so a row of N products costs one pass for the maxima instead of a partial sort.

    Parameters
    ----------
    rows : (N, D) float32 array
    k : int
        Neighbours, at most N.

    Raises
    ------
    Unfit
        If there are fewer rows than neighbours.
    NcstError
        If no neighbour is asked for.
    """

    def __init__(self, rows: np.ndarray, k: int) -> None:
        if not 1 <= k <= len(rows):
            error = NcstError if k < 1 else Unfit
            raise error(
                f"{k} neighbours asked of {len(rows)} training rows: "
                f"set the detector's option k between 1 and {len(rows)}."
            )
        self.k, self.size = k, len(rows)
        self.depth = max(1, int(np.sqrt(len(rows) / k)))
        self.groups = -(-len(rows) // self.depth)
        padding = self.groups * self.depth - len(rows)
        self.columns = np.ascontiguousarray(np.pad(rows.astype(np.float32), ((0, padding), (0, 0))).T)

    def largest(self, queries: np.ndarray) -> np.ndarray:
        """Return the (M, k) float32 largest inner products of (M, D) *queries* with the bank, ascending."""
        products = queries.astype(np.float32) @ self.columns
        products[:, self.size :] = -np.inf
        products = products.reshape(len(queries), self.depth, self.groups)
        best = np.argpartition(products.max(axis=1), self.groups - self.k, axis=1)[:, None, self.groups - self.k :]
        candidates = np.take_along_axis(products, best, axis=2).reshape(len(queries), -1)
        return np.sort(candidates, axis=1)[:, -self.k :]
