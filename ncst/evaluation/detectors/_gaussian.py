"""Gaussian statistics shared by the Mahalanobis detectors."""

import numpy as np


def whitening(covariance: np.ndarray) -> np.ndarray:
    """Return W (D, r) such that ``|W' x|^2 = x' pinv(covariance) x``, from the r directions that vary at all."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > max(values[-1], 0.0) * 1e-12
    return vectors[:, kept] / np.sqrt(values[kept])


def too_few(features: np.ndarray, logits: np.ndarray) -> str | None:
    """Return why a covariance within classes cannot be estimated from these training rows, or None.

    With no more rows beyond one a class than dimensions, each lies equally far from the mean of its class.
    """
    (clips, width), classes = features.shape, logits.shape[1]
    if clips - classes > width:
        return None
    return f"{clips} training clips of {classes} classes are too few for embeddings of {width} dimensions"


def class_means(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the (C, D) float64 means of the classes 0 to C - 1."""
    return np.stack([features[labels == c].mean(axis=0, dtype=np.float64) for c in range(labels.max() + 1)])


def nearest(features: np.ndarray, means: np.ndarray, whiten: np.ndarray) -> np.ndarray:
    """Return the (M,) squared Mahalanobis distance of each row to the nearest of the (C, D) *means*."""
    rows = features @ whiten
    return np.min([((rows - mean @ whiten) ** 2).sum(axis=1) for mean in means], axis=0)
