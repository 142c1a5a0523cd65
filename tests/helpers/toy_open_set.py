"""Seven classes with a linear head, and unknown rows."""

import numpy as np


def toy_open_set(width, seed=0, train=420, rows=90):
    """Seven classes with a linear head; rows around class means, unknown rows elsewhere."""
    rng = np.random.default_rng(seed)
    means = 2.0 + rng.standard_normal((7, width))
    head = 8.0 * (means - means.mean(axis=0)) / width
    bias = -head @ means.mean(axis=0) + 5.0

    def around(centres, spread):
        features = (centres + spread * rng.standard_normal((len(centres), width))).astype(np.float32)
        return features, (features @ head.T + bias).astype(np.float32)

    labels = np.arange(train) % 7
    known = means[np.arange(rows) % 7]
    unknown = 0.5 * (known + means.mean(axis=0)) - 1.0
    return (*around(means[labels], 0.5), labels), around(known, 0.5), around(unknown, 1.0)
