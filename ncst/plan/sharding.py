"""Shards of source sets: how many, and what they are called."""

from collections.abc import Iterable

from ncst.plan import Config, Entry, Pair

ALL = "all"


def kept(real: int, fake: int, ratio: float) -> tuple[int, int]:
    """Return how many of *real* and of *fake* clips make the ratio *ratio* of real to fake; all of one kind stay.

    >>> kept(100, 600, 0.5)
    (100, 200)
    """
    return (real, round(real / ratio)) if real < ratio * fake else (round(fake * ratio), fake)


def shard_names(size: int, shard_size: int) -> list[str]:
    """Return the shard ids of *size* utterances, at most *shard_size* in each.

    >>> shard_names(5, 2)
    ['00000-of-00003', '00001-of-00003', '00002-of-00003']
    """
    count = -(-size // shard_size)
    return [f"{i:05d}-of-{count:05d}" for i in range(count)]


def most(entry: Entry) -> int:
    """Return how many utterances a source set may have: its ``size``, or as many as the shards of ``size: all`` hold.

    >>> most({"size": "all", "shards": 3, "shard_size": 500})
    1500
    """
    return entry["shards"] * entry["shard_size"] if entry["size"] == ALL else entry["size"]


def shards(config: Config, source_set: str) -> list[str]:
    """Return the shard ids of *source_set*."""
    entry = config["sources"][source_set]
    return shard_names(most(entry), entry["shard_size"])


def pair_files(config: Config, pattern: str, found: Iterable[Pair], **wildcards: str | int) -> list[str]:
    """Format *pattern* for every shard of the (source set, codec) pairs *found*."""
    return [
        pattern.format(source_set=source_set, codec=codec, shard=shard, **wildcards)
        for source_set, codec in found
        for shard in shards(config, source_set)
    ]
