"""Batches of features and labels, from manifests and memory maps, in an order that named seeds decide."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from ncst.core.seeds import seed_of
from ncst.core.threads import ahead
from ncst.errors import NcstError
from ncst.tracing.sampling import draw_epoch

READERS = 4  # threads that read ahead
CHUNK = 64  # clips read at a time
ROOM = 8 * 2**30  # bytes of a GPU, and at least a quarter of it, that features leave to the training


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

    Attributes
    ----------
    held : (N, *shape) tensor or None
        The features as they are stored, once `hold` has read them.
    """

    def __init__(self, manifest, store, crop=None, targets=None, augmentation=None, groups=None):
        self.files = manifest["shard_file"]
        self.rows = manifest["row"]
        self.store = store
        self.crop = crop
        self.targets = targets
        self.augmentation = augmentation
        self.groups = groups or [(1.0, np.arange(len(self)))]
        self.held = None
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

    def hold(self, device):
        """Keep the features of all clips in the memory of *device*, where `loader` then makes its batches."""
        values = torch.from_numpy(self.store.open(self.files[0])[:0])
        self.held = torch.empty(len(self), *self.full_shape, dtype=values.dtype, device=device)

        def read(first):
            chunk = slice(first, first + CHUNK)
            rows = [self.store.open(file)[row] for file, row in zip(self.files[chunk], self.rows[chunk])]
            self.held[chunk] = torch.from_numpy(np.stack(rows))

        with ThreadPoolExecutor(READERS) as pool:
            list(pool.map(read, range(0, len(self), CHUNK)))

    def fits(self, device):
        """Return whether there is room for `hold` on the GPU *device*, and for a training beside it."""
        if self.augmentation:
            return False
        free, total = torch.cuda.mem_get_info(device)
        free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        stored = self.store.open(self.files[0])
        return len(self) * stored[:1].nbytes <= free - max(ROOM, total // 4)

    def in_order(self, size):
        """Return the keys of consecutive batches that read the middle of each clip."""
        indices = np.arange(len(self))
        starts = np.full_like(indices, (self.length - (self.crop or self.length)) // 2)
        return [(indices[i : i + size], starts[i : i + size], None) for i in range(0, len(self), size)]

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


def loader(clips, keys, workers=0, in_advance=False):
    """Return an iterable of the batches *keys* of *clips*.

    Those of clips that are held lie on their device. Others are read when they are asked for, by *workers* processes,
    or *in_advance* by threads; processes pay where batches are augmented.
    """
    if clips.held is not None:
        return _Held(clips, keys)
    if in_advance and not clips.augmentation:
        return _Ahead(clips, keys)
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


class _Ahead:
    """Batches that threads read ahead, in pinned memory where there is a GPU."""

    def __init__(self, clips, keys):
        self.clips, self.keys = clips, keys

    def __len__(self):
        return len(self.keys)

    def __iter__(self):
        with ThreadPoolExecutor(READERS) as pool:
            yield from ahead(pool, self._read, self.keys, most=2 * READERS)

    def _read(self, key):
        features, targets = self.clips[key]
        return features.pin_memory() if torch.cuda.is_available() else features, targets


class _Held:
    """Batches of clips that are held: order and crops of all of them go to the device at once."""

    def __init__(self, clips, keys):
        self.clips, self.keys = clips, keys

    def __len__(self):
        return len(self.keys)

    def __iter__(self):
        clips, device = self.clips, self.clips.held.device
        sizes = [len(indices) for indices, _, _ in self.keys]
        rows, starts = (
            torch.from_numpy(np.concatenate([key[part] for key in self.keys])).to(device).split(sizes)
            for part in (0, 1)
        )
        steps = torch.arange(clips.crop or clips.length, device=device)
        targets = None if clips.targets is None else torch.tensor(clips.targets, device=device)
        for row, start in zip(rows, starts):
            features = _gather(clips.held, row, start, steps, clips.axis + 1 if clips.crop else None)
            yield features, None if targets is None else targets[row]


def _gather(held, row, start, steps, axis):
    """Return float32 features of the clips *row*, cropped at *start* along *axis* (None: whole)."""
    if axis is None:
        features = held[row]
    else:
        features = held.movedim(axis, 1)[row[:, None], start[:, None] + steps].movedim(1, axis).contiguous()
    return features.float().mul_(1 / 32768) if held.dtype == torch.int16 else features.float()
