"""What a whole run needs of a valid configuration beyond its entries: clips for its splits, and their corpora."""

from collections.abc import Callable, Iterator
from typing import Any

from ncst.errors import NcstError
from ncst.plan import Config, entries, official_release, selection


def run_problems(config: Config) -> Iterator[str]:
    """Yield a sentence for each thing without which a whole run of *config* would fail."""
    empty = [split for split in _needed(config) if not selection.pairs(config, split)]
    rootless: dict[tuple[str, ...], list[str]] = {}
    for split in empty:
        sources = dict.fromkeys(pair["source"] for pair in config["splits"][split]["pairs"])
        corpora = dict.fromkeys(name for source_set in sources for name in config["sources"][source_set]["corpora"])
        rootless.setdefault(tuple(name for name in corpora if name not in selection.corpora(config)), []).append(split)
    for lacking, splits in rootless.items():
        names, verb = ", ".join(splits), "is" if len(splits) == 1 else "are"
        if lacking:
            yield f"Name the folder of {', '.join(lacking)} in `roots`: without it {names} {verb} empty."
        else:
            yield f"No selected codec has clips for {names}: check `select` and config/splits.yaml."
    for model in entries.selected(config, "models") if not empty else ():
        yield from _said(selection.training_splits, config, model)
        if model in entries.tracers(config):
            yield from _said(selection.tested_splits, config, model)
    pairs = [pair for split in selection.splits(config) for pair in selection.pairs(config, split)]
    yield from _said(official_release.check_root, config, pairs)


def _needed(config: Config) -> list[str]:
    """Return the splits that must have clips: those of training, and what known classes are tested on."""
    roles = {name: config["splits"][name]["role"] for name in entries.selected(config, "splits")}
    models = {name: config["models"][name] for name in entries.selected(config, "models")}
    learnt = [entry.get(part, part) for entry in models.values() for part in ("train", "dev")]
    plain = any("heads" not in entry for entry in models.values())
    return list(dict.fromkeys([*learnt, *(name for name, role in roles.items() if role == "id" and plain)]))


def _said(check: Callable[..., object], *arguments: Any) -> Iterator[str]:
    try:
        check(*arguments)
    except NcstError as error:
        yield str(error)


def page(config: Config) -> list[str]:
    """Return what a whole run makes in the end.

    Raises
    ------
    NcstError
        With what `run_problems` yields, a line each.
    """
    problems = list(dict.fromkeys(run_problems(config)))
    if problems:
        raise NcstError("\n".join(problems))
    return ["<results>/report/index.html", "<results>/report/figures", "<results>/audio/README.md"]
