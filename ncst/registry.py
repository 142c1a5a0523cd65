"""The file name is the registry: `ncst/<family>/<name>.py` holds the class of the entry `<name>` in the config."""

import importlib
import pkgutil

from ncst.errors import NcstError

FAMILIES = {
    "corpora": "ncst.speech.corpora",
    "alms": "ncst.audio.alms",
    "codecs": "ncst.audio.codecs",
    "perturbations": "ncst.audio.perturbations",
    "frontends": "ncst.tracing.frontends",
    "models": "ncst.tracing.models",
    "objectives": "ncst.tracing.objectives",
    "detectors": "ncst.evaluation.detectors",
}


def modules(family):
    """Return the sorted module names of *family*; underscore modules are private."""
    package = importlib.import_module(FAMILIES[family])
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
        folder = FAMILIES[family].replace(".", "/")
        raise NcstError(f"No {name!r} among the {family}: write {folder}/{name}.py or use one of {modules(family)}.")
    base = importlib.import_module(f"{FAMILIES[family]}._base").Base
    module = importlib.import_module(f"{FAMILIES[family]}.{name}")
    (found,) = [
        c
        for c in vars(module).values()
        if isinstance(c, type) and issubclass(c, base) and c.__module__ == module.__name__
    ]
    return found


def build(family, name, entry):
    """Return the member of *family* that the config entry *name* describes, made with the entry's ``options``.

    Raises
    ------
    NcstError
        If there is no such module, or an option it does not know.
    """
    try:
        return load(family, entry.get("module", name))(**(entry.get("options") or {}))
    except TypeError as error:
        raise NcstError(f"The options of {name!r} in config/{family}.yaml do not fit it: {error}.") from error
