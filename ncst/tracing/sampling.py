"""Which clips an epoch takes: all of them once, or groups in fixed shares."""

import numpy as np

SAMPLERS = ("shuffled", "balanced_classes", "balanced_real")


def groups_of(sampler, labels, corpora):
    """Return the groups of clips that *sampler* draws from, ``[(share, indices)]`` with shares that add up to 1.

    Parameters
    ----------
    sampler : {"shuffled", "balanced_classes", "balanced_real"}
        One group of all; every class equally often; real speech (label 0) as often as all codecs together, its corpora
        equally often and the codecs' classes equally often.
    labels : (N,) sequence of int
    corpora : (N,) sequence of str
    """
    labels, corpora = np.asarray(labels), np.asarray(corpora)
    if sampler == "shuffled":
        return [(1.0, np.arange(len(labels)))]
    halves = [[labels == label for label in np.unique(labels)]]
    if sampler == "balanced_real":
        real = labels == 0
        halves = [
            [real & (corpora == name) for name in np.unique(corpora[real])],
            [labels == label for label in np.unique(labels[~real])],
        ]
        halves = [half for half in halves if half]
    return [(1 / len(halves) / len(half), np.flatnonzero(group)) for half in halves for group in half]


def draw_epoch(groups, draw):
    """Return the (N,) indices of one epoch, as many as there are clips, in random order.

    Of a group, no clip is taken a second time before every other was taken once.

    Parameters
    ----------
    groups : list of (float, (n,) array)
        See `groups_of`.
    draw : numpy.random.Generator
    """
    if len(groups) == 1:
        return draw.permutation(groups[0][1])
    shares, members = zip(*groups)
    counts = np.diff(np.round(np.cumsum([0.0, *shares]) * sum(map(len, members))).astype(int))
    return draw.permutation(np.concatenate([_take(*pair, draw) for pair in zip(members, counts)]))


def _take(members, count, draw):
    rounds = [draw.permutation(members) for _ in range(-(-count // len(members)))]
    return np.concatenate([members[:0], *rounds])[:count]
