"""Whether the corpora of a configuration lie where it says, and are what they were when they were indexed."""

import os
from pathlib import Path

from ncst import registry
from ncst.errors import NcstError
from ncst.plan import entries, folders, selection
from ncst.speech.index_corpus import recall

SHOWN = 3


def root_problems(config):
    """Yield a sentence for each root of the user's that is missing, empty, one level off, or of another corpus."""
    for name, corpus in _own(config):
        try:
            corpus.check_root()
        except NcstError as error:
            yield f"roots.{name}: {error}"


def changed_corpora(config):
    """Yield a sentence for each indexed corpus whose recordings were added, removed or replaced since.

    Names, sizes and times of change are compared; no audio is read. A corpus without an index is left out. The folders
    of one that is in order are noted as they are now, so that runs no longer warn of them.
    """
    for name, corpus in _own(config):
        index = folders.index_of(config, name)
        if not index.is_file():
            continue
        known = recall(index.with_suffix(".headers"), corpus.root)
        there = {row["path"] for row in corpus.index()}
        changed = [
            path for path in there & known.keys() if _status(path) != (known[path]["size"], known[path]["mtime_ns"])
        ]
        parts = {"added": there - known.keys(), "removed": known.keys() - there, "changed": changed}
        told = [f"{len(paths):,} {what} ({_few(paths, corpus.root)})" for what, paths in parts.items() if paths]
        if told:
            yield (
                f"{corpus.title} in {corpus.root} is not what was indexed: {', '.join(told)}; index it again with "
                f"`snakemake --cores all --forcerun {index}`."
            )
        else:
            folders.remember(index, corpus.root, there)


def uncompared(config):
    """Return a sentence on what `changed_corpora` has nothing to compare with, None where it has all."""
    own = {name: corpus.title for name, corpus in _own(config)}
    left = [title for name, title in own.items() if not folders.index_of(config, name).is_file()]
    if not own:
        return "No corpus lies in a folder of yours: nothing to compare."
    return f"{', '.join(left)}: not indexed yet, nothing to compare." if left else None


def _own(config):
    """Yield (name, parser) of every corpus that lies in a folder of the user's."""
    for name, root in selection.own_roots(config).items():
        yield name, registry.load("corpora", entries.module_of(config, "corpora", name))(config["corpora"][name], root)


def _status(path):
    try:
        found = os.stat(path)  # noqa: PTH116 (a fifth of the time of Path.stat)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _few(paths, root):
    names = [
        Path(path).relative_to(root).as_posix() if Path(path).is_relative_to(root) else path for path in sorted(paths)
    ]
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
