"""Checkpoints that can be rebuilt anywhere: every tensor is a pure function of its name, its shape and a seed."""

import zlib

import numpy as np


def tensor(name, shape, seed, kind, scale=1.0):
    """Return the float32 tensor called *name* in a checkpoint of seed *seed*.

    Standard normal numbers n, drawn in float64 from PCG64 seeded with (CRC-32 of the name, seed), are shaped by *kind*
    (matrix, direction, codebook, gain, norm, bias, positive, one, zero or sinusoid), multiplied by *scale* and rounded.
    """
    n = np.random.Generator(np.random.PCG64([zlib.crc32(name.encode()), seed])).standard_normal(tuple(shape))
    return (scale * _shape(n, kind)).astype(np.float32)


def _shape(n, kind):
    match kind:
        case "matrix":
            return n / np.sqrt(np.prod(n.shape[1:]))
        case "direction" | "codebook":
            return n
        case "gain" | "norm":
            return 1 + 0.1 * n
        case "bias":
            return 0.02 * n
        case "positive":
            return np.exp(0.1 * n)
        case "one" | "zero":
            return np.full(n.shape, float(kind == "one"))
        case "sinusoid":
            rows, _, width = n.shape
            angle = np.outer(np.arange(rows), np.exp(-np.log(1e4) * np.arange(0, width, 2) / width))
            return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(n.shape)
    raise ValueError(f"no kind {kind!r}")


def state(part, seed, stored):
    """Return {key: array} of one entry of a case's ``parts``; *stored* holds the arrays that follow no rule."""
    return {
        key: np.asarray(stored[kind.removeprefix("stored:")]).reshape(shape).astype(dtype)
        if kind.startswith("stored:")
        else tensor(part["hash_prefix"] + key, shape, seed, kind, scale).astype(dtype)
        for key, (shape, dtype, kind, scale) in part["tensors"].items()
    }
