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
    yield from () if empty else _untrainable(config)
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


def _untrainable(config: Config) -> Iterator[str]:
    """Yield what `select` leaves too little of for anything to be trained."""
    models = entries.selected(config, "models")
    if not models:
        yield "Config error at select.models: none is named, so there is nothing to train: name at least one."
    every = {**config, "select": {**config["select"], "codecs": None}}
    plain = [config["models"][name] for name in models if "heads" not in config["models"][name]]
    for split in dict.fromkeys(entry.get("train", "train") for entry in plain):
        if len(_classes(config, split)) < 2 <= len(_classes(every, split)):
            yield (
                f"Config error at select.codecs: {config['select']['codecs']} leave fewer than two classes in "
                f"the split {split!r}, and training needs two: name another codec."
            )


def _classes(config: Config, split: str) -> set[int]:
    return {config["codecs"][codec]["class_id"] for _, codec in selection.pairs(config, split)}


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
