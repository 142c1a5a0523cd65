"""The toy training, known and unknown rows that the golden detector scores were computed on, from a seed."""

import zlib

import numpy as np


def golden_open_set(seed, train, known, unknown, width, classes):
    """Return ``{"train" | "id" | "ood": (features, logits, labels)}``.

    A class is a mean vector, its rows add noise of unequal spread per dimension. Unknown rows sit 60 : 40 between their
    class and one of the following classes, with labels from `classes` on. Logits are a fixed linear map.
    """

    def normal(name, *shape):
        seeds = [zlib.crc32(f"ood.{name}".encode()), seed]
        return np.random.Generator(np.random.PCG64(seeds)).standard_normal(shape)

    means = 0.5 + 0.35 * normal("mean", classes, width)
    spread = 0.6 * np.exp(0.5 * normal("spread", width))
    centre = means.mean(axis=0)
    head = (means - centre) / np.sqrt(width)
    parts = {}
    for part, rows in {"train": train, "id": known, "ood": unknown}.items():
        position = np.arange(rows)
        labels = position % classes
        if part == "ood":
            other = (labels + 1 + position // classes % 5) % classes
            base, labels = 0.6 * means[labels] + 0.4 * means[other], classes + position % 5
        else:
            base = means[labels]
        features = np.round(base + spread * normal(part, rows, width), 4)
        logits = np.round(4.0 * (features - centre) @ head.T + 0.3 * np.arange(classes), 4)
        parts[part] = features.astype(np.float32), logits.astype(np.float32), labels
    return parts
