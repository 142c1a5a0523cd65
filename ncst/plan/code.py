"""The source files that decide what a job computes."""

import re
from pathlib import Path

from ncst.errors import NcstError
from ncst.registry import FAMILIES

CODE = Path(__file__).parents[1]


def code_of(family, module):
    """Return the source files that decide what *module* of *family* computes: itself, its base, its private helpers.

    Raises
    ------
    NcstError
        If the module does not exist.
    """
    package = FAMILIES[family]
    folder = CODE.joinpath(*package.split(".")[1:])
    first = folder / f"{module}.py"
    if not first.is_file():
        raise NcstError(f"There is no {module!r} among the {family}: write {first.relative_to(CODE.parent)}.")
    files, queue = [], [first, folder / "_base.py"]
    while queue:
        path = queue.pop(0)
        if path not in files:
            files.append(path)
            names = re.findall(rf"{package}\.(_\w+)|{package} import (_\w+)", path.read_text(encoding="utf-8"))
            queue += [folder / f"{a or b}.py" for a, b in names]
    return [str(path) for path in files]
