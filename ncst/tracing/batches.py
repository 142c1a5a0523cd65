"""Batches of features and labels, from manifests and memory maps, in an order that named seeds decide."""

import numpy as np
import torch

from ncst.core.seeds import seed_of
from ncst.errors import NcstError
from ncst.tracing.sampling import draw_epoch


class Clips(torch.utils.data.Dataset):
    """The clips of a manifest; an item is a whole batch.

    Parameters
    ----------
    manifest : dict of str to list
        The columns ``shard_file`` and ``row`` are read.
    store : ncst.formats.features.FeatureStore
        Where the features are.
    crop : int or None
        Length that is kept along the features' time axis; None keeps all.
    targets : sequence of int or None
        One per clip.
    augmentation : ncst.tracing.augmentation.Augmentation or None
        Makes other features of those that the store, its own, holds.
    groups : list or None
        What an epoch draws from, see `ncst.tracing.sampling.groups_of`; None draws every clip once.
    """

    def __init__(self, manifest, store, crop=None, targets=None, augmentation=None, groups=None):
        self.files = manifest["shard_file"]
        self.rows = manifest["row"]
        self.store = store
        self.crop = crop
        self.targets = targets
        self.augmentation = augmentation
        self.groups = groups or [(1.0, np.arange(len(self)))]
        store.open(self.files[0])
        fingerprint = (augmentation or store).fingerprint
        self.axis = fingerprint["time_axis"]
        self.full_shape = fingerprint["shape"]
        self.length = self.full_shape[self.axis]
        if crop and crop > self.length:
            raise NcstError(
                f"`crop: {crop}` is longer than the features of {store.frontend}, {self.length}: shorten it."
            )

    @property
    def shape(self):
        """Shape of one clip's features after cropping."""
        shape = list(self.full_shape)
        shape[self.axis] = self.crop or self.length
        return tuple(shape)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, key):
        """Return ``(features, targets)`` of ``key = (indices, starts, seeds)``, as float32 and int64 tensors."""
        indices, starts, seeds = key
        batch = self.store.read([self.files[i] for i in indices], [self.rows[i] for i in indices])
        if self.augmentation:
            batch = self.augmentation(batch, seeds)
        if self.crop:
            before = (slice(None),) * self.axis
            batch = np.stack([x[*before, s : s + self.crop] for x, s in zip(batch, starts)])
        targets = None if self.targets is None else torch.tensor([self.targets[i] for i in indices])
        return torch.from_numpy(batch), targets

    def in_order(self, size):
        """Return the keys of consecutive batches that read the middle of each clip."""
        indices = np.arange(len(self))
        start = (self.length - (self.crop or self.length)) // 2
        return [(indices[i : i + size], [start] * size, None) for i in range(0, len(self), size)]

    def shuffled(self, size, *names):
        """Return the keys of one epoch: order, crops and augmentation follow from *names* alone."""
        draw = np.random.default_rng(seed_of(*names, bits=64))
        order = draw_epoch(self.groups, draw)
        starts = draw.integers(0, self.length - (self.crop or self.length) + 1, len(self))
        seeds = draw.integers(2**63, size=len(self))
        return [tuple(part[i : i + size] for part in (order, starts, seeds)) for i in range(0, len(self), size)]


def share(key, rank, processes):
    """Return the part of the batch *key* that process *rank* takes.

    All parts are equally long: a batch that does not divide is filled up with its first clips.
    """
    size = -(-len(key[0]) // processes) * processes
    return tuple(np.resize(part, size)[rank::processes] for part in key)


def loader(clips, keys, workers=0):
    """Return a loader of the batches *keys* of *clips*."""
    return torch.utils.data.DataLoader(
        clips,
        batch_size=None,
        sampler=keys,
        num_workers=workers,
        collate_fn=_as_is,
        pin_memory=torch.cuda.is_available(),
    )


def _as_is(batch):
    return batch
