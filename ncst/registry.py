"""The file name is the registry: `ncst/<family>/<name>.py` holds the class of the entry `<name>` in the config."""

import importlib
import pkgutil

from ncst.errors import NcstError

FAMILIES = ("corpora", "codecs", "frontends", "models", "detectors")


def modules(family):
    """Return the sorted module names of *family*; underscore modules are private."""
    package = importlib.import_module(f"ncst.{family}")
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))


def load(family, name):
    """Return the class that module *name* of *family* defines on top of the family's base class.

    Parameters
    ----------
    family : str
        One of `FAMILIES`.
    name : str
        The module's name: the entry's ``module`` key, or else the entry's own name.

    Raises
    ------
    NcstError
        If there is no such module.
    """
    if name not in modules(family):
        raise NcstError(
            f"No {name!r} among the {family}: write ncst/{family}/{name}.py or use one of {modules(family)}."
        )
    base = importlib.import_module(f"ncst.{family}._base").Base
    module = importlib.import_module(f"ncst.{family}.{name}")
    (found,) = [
        c
        for c in vars(module).values()
        if isinstance(c, type) and issubclass(c, base) and c.__module__ == module.__name__
    ]
    return found
