"""Pools: source sets that share no utterance."""

from collections.abc import Mapping

from ncst.plan import Entry


def pool_of(name: str, sources: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return the options of the sets that share no utterance with set *name* (itself included), in drawing order.

    Sets with the same ``pool`` draw one after the other: by ``order`` where given, else as the config lists them.
    A set without ``pool`` draws alone.

    Parameters
    ----------
    name : str
    sources : dict
        The ``sources`` of the config.
    """
    pool = sources[name].get("pool")
    sets = {key: options for key, options in sources.items() if key == name or (pool and options.get("pool") == pool)}
    return dict(sorted(sets.items(), key=lambda item: item[1].get("order", 0)))
