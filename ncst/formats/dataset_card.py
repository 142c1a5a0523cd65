"""Dataset cards: the README.md from which Hugging Face's `datasets` learns what a folder of clips holds."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from ncst.core.files import PathLike, atomic

Splits = Mapping[str, Sequence[str]]


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """Return what `datasets` can call each of *names*: letters, digits and underscores, no two alike.

    >>> plain_names(["dev", "alm/moshi", "alm_moshi"])
    {'dev': 'dev', 'alm/moshi': 'alm_moshi', 'alm_moshi': 'alm_moshi_'}
    """
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"\W", "_", name)
        while plain in found.values():
            plain += "_"
        found[name] = plain
    return found


def write(
    path: PathLike,
    title: str,
    text: str,
    configs: Mapping[str, Splits],
    options: Mapping[str, Any] | None = None,
    features: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write the card *path*.

    Parameters
    ----------
    path : path
    title, text : str
        Heading and what stands below it.
    configs : dict
        Configuration, ``default`` for that without a name, to split to patterns of files, relative to the card.
    options : dict, optional
        Of the builder that `datasets` chooses, for every configuration.
    features : list of dict
        Types of the columns as `datasets` writes them, where files do not tell them.
    """
    head: dict[str, Any] = {"pretty_name": title, "task_categories": ["audio-classification"]}
    head["configs"] = [
        {"config_name": name, **(options or {}), "data_files": _files(splits)} for name, splits in configs.items()
    ]
    if features:
        head["dataset_info"] = [{"config_name": name, "features": list(features)} for name in configs]
    front = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    with atomic(path) as temporary:
        temporary.write_text(f"---\n{front}---\n\n# {title}\n\n{text.strip()}\n", encoding="utf-8")


def _files(splits: Splits) -> list[dict[str, Any]]:
    return [{"split": name, "path": list(patterns)} for name, patterns in splits.items()]
