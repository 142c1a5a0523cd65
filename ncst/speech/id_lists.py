"""Lists of utterance ids in files: plain, or the label files of the benchmark."""

import gzip
import itertools
import lzma
import re
from pathlib import Path, PurePosixPath

from ncst.core.files import DAMAGED
from ncst.core.shipped import located
from ncst.errors import NcstError

AUDIO_ENDING = re.compile(r"\.(wav|flac)$")


def read_ids(path):
    """Return the set of utterance ids in a text file, plain or .xz or .gz, of the working folder or shipped.

    One id per line, or a label file of the benchmark: name of a clip, an unused column, class. Of that the clips of
    class 0 count, real speech under its own id; the other classes hold the same utterances.

    Raises
    ------
    NcstError
        If there is no such file, it is unreadable, or it names nothing.
    """
    found = Path(located(path))
    if not found.is_file():
        raise NcstError(f"There is no list of ids at {path}: set `ids:` of the source set to an existing file.")
    opener = {".xz": lzma.open, ".gz": gzip.open}.get(found.suffix, open)
    try:
        with opener(found, "rt", encoding="utf-8-sig") as file:
            lines = [line.strip() for line in file if line.strip()]
    except DAMAGED as error:
        raise NcstError(f"The list of ids {found} is not readable UTF-8 text ({error}): replace it.") from error
    fields = [line.split() for line in lines]
    if fields and all(len(f) == 3 and f[2].isdigit() for f in fields):
        lines = [
            AUDIO_ENDING.sub("", PurePosixPath(name).name).removeprefix("real_")
            for name, _, label in fields
            if label == "0"
        ]
    if not lines:
        raise NcstError(f"The list of ids {found} is empty: write one utterance id per line.")
    return set(lines)


def check_lists(lists, sets):
    """Raise a `NcstError` where two lists, {set name: ids}, share an id; the options *sets* name their files."""
    for (name, ids), (other, others) in itertools.combinations(lists.items(), 2):
        if both := sorted(ids & others):
            raise NcstError(
                f"The lists {sets[name]['ids']} of {name} and {sets[other]['ids']} of {other} share {len(both)} ids, "
                f"first {both[0]!r}: remove them from one list."
            )
