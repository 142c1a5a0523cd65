"""The file name is the registry: the file `<name>.py` of a family holds the class of the entry `<name>` in the config.

It lies in the family's package, or in ``plugins/<family>/`` of the folder that a run works in, beside its ``config/``:
both make up one package, so that a plugin there is imported as ``ncst.audio.codecs.<name>`` in every process.
"""

import importlib
from pathlib import Path

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
PLUGINS = Path("plugins").absolute()


def folders(family):
    """Return the two folders of *family* as strings, the package's own and the user's: its package's ``__path__``."""
    return [str(Path(__file__).parent.joinpath(*FAMILIES[family].split(".")[1:])), str(PLUGINS / family)]


def modules(family):
    """Return the sorted module names of *family*; underscore modules are private."""
    files = [path for folder in folders(family) for path in Path(folder).glob("*.py")]
    return sorted({path.stem for path in files if not path.name.startswith("_")})


def file_of(family, name):
    """Return the path of the file that holds module *name* of *family*, without importing it.

    Raises
    ------
    NcstError
        If there is no such module, or the package and ``plugins/`` both have one.
    """
    own, plugins = (Path(folder, f"{name}.py") for folder in folders(family))
    if name not in modules(family):
        raise NcstError(f"No {name!r} among the {family}: write {own} or {plugins}, or use one of {modules(family)}.")
    if own.is_file() and plugins.is_file():
        raise NcstError(f"{plugins} bears the name of ncst's own {own}: rename it, and its entry.")
    return own if own.is_file() else plugins


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
        If there is no such module, or not one such class in it.
    """
    path = file_of(family, name)
    base = importlib.import_module(f"{FAMILIES[family]}._base").Base
    module = importlib.import_module(f"{FAMILIES[family]}.{name}")
    found = [
        c
        for c in vars(module).values()
        if isinstance(c, type) and issubclass(c, base) and c.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise NcstError(
            f"{path} must define one class on top of {FAMILIES[family]}._base.Base, not {len(found)}; "
            f"what several share goes into an underscore file beside it."
        )
    return found[0]


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
