"""Licences that a user accepts before anything is downloaded."""

from collections.abc import Collection

from ncst.errors import NcstError
from ncst.plan import Entry


def check_terms(name: str, entry: Entry, accepted: Collection[str]) -> None:
    """Check that *name* can be fetched and its licence is accepted.

    Parameters
    ----------
    name, entry : str, dict
        A corpus or release and its entry in the config.
    accepted : list of str
        The config's ``accept``.

    Raises
    ------
    NcstError
        Naming the licence, where to read it and what to write into the config.
    """
    if "download" not in entry:
        place = f"get it from {entry['url']} and " if entry.get("url") else ""
        raise NcstError(
            f"{entry['title']}, licence {entry['licence']}, cannot be fetched for you: {place}name its folder in"
            f" `roots: {{{name}: ...}}`."
        )
    if name not in accepted:
        raise NcstError(
            f"{entry['title']} is published under {entry['licence']}: read {entry['download']['terms']}, and if you"
            f" accept it, add {name} to `accept: [...]` in the config (`--config 'accept=[{name}]'`)."
        )
