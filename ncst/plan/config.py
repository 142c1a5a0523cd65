"""The one door of the configuration: registries, ``config.yaml`` and overlays read, merged, checked, completed."""

from collections.abc import Sequence
from typing import Any

import yaml

from ncst.core.files import PathLike
from ncst.core.shipped import located
from ncst.errors import NcstError
from ncst.plan import Config, official_release, selection
from ncst.plan.command_line import config_values
from ncst.plan.validate import FAMILIES, problems, validate
from ncst.plan.yaml_files import read_mapping
from ncst.registry import FAMILIES as PLUGIN_FAMILIES

REGISTRIES = ("codecs", "alms", "corpora", "splits", "models", "detectors", "perturbations", "config")


def load_config(*overlays: PathLike, values: Sequence[str] = (), folder: PathLike = "config") -> dict[str, Any]:
    """Return the registries and ``config.yaml`` of *folder*, overlaid with YAML files, checked and complete.

    Parameters
    ----------
    *overlays : path
    values : list of str
        ``key=value``, over the files, as Snakemake's ``--config`` takes them.
    folder : path

    Raises
    ------
    NcstError
        As `read_mapping` and `complete` do.
    """
    return complete(*_read(overlays, values), folder=folder)


def check_config(*overlays: PathLike, values: Sequence[str] = ()) -> tuple[list[str], Config | None]:
    """Return what is wrong with a configuration, and the config that can be checked further, if there is one.

    Raises
    ------
    NcstError
        As `read_mapping` does.
    """
    found, sound = problems(merged(*_read(overlays, values)), merged)
    if sound is not None:
        official_release.add_roots(sound)
    return found, sound


def _read(overlays: Sequence[PathLike], values: Sequence[str]) -> list[dict[str, Any]]:
    return [*(read_mapping(located(path)) for path in overlays), typed(config_values(values))]


def complete(*overlays: dict[str, Any], folder: PathLike = "config", check: bool = True) -> dict[str, Any]:
    """Return the registries and ``config.yaml`` of *folder*, overlaid with mappings, checked and complete.

    Mappings merge key by key; everything else is replaced. A file of ``config/`` that the working folder lacks is the
    shipped one. The roots that an official release has are added, and that release is checked. The Snakefile, whose
    overlays Snakemake reads, enters here; its jobs without *check*, as their main process has checked the same.

    Raises
    ------
    NcstError
        As `fill_likenesses`, `validate` and `official_release.check_root` do.
    """
    config = merged(*overlays, folder=folder)
    if check:
        validate(config, lambda: merged(folder=folder))
    official_release.add_roots(config)
    if check:
        splits = selection.splits(config)
        official_release.check_root(config, [pair for split in splits for pair in selection.pairs(config, split)])
    return config


def merged(*overlays: dict[str, Any], folder: PathLike = "config") -> dict[str, Any]:
    """Return the registries and ``config.yaml`` of *folder*, overlaid with mappings, as they stand."""
    config: dict[str, Any] = {}
    for mapping in (*(read_mapping(located(f"{folder}/{name}.yaml")) for name in REGISTRIES), *overlays):
        merge(config, unshared(mapping))
    fill_likenesses(config)
    return config


def unshared(value: Any) -> Any:
    """Return *value* with a copy of its own for every YAML alias: what overlays one entry must not change another."""
    if isinstance(value, dict):
        return {key: unshared(item) for key, item in value.items()}
    return [unshared(item) for item in value] if isinstance(value, list) else value


def fill_likenesses(config: dict[str, Any]) -> None:
    """Give each entry that says ``like: NAME`` what the entry NAME of its family says and itself does not.

    Its title stays its own, and its module is NAME's. NAME may be like another.

    Raises
    ------
    NcstError
        If there is no NAME, or an entry is like itself.
    """
    for family in (name for name in FAMILIES if isinstance(config.get(name), dict)):
        for name in config[family]:
            config[family][name] = _alike(config[family], family, name)


def _alike(entries: dict[str, Any], family: str, name: str, before: tuple[str, ...] = ()) -> Any:
    entry = entries[name]
    if not isinstance(entry, dict) or "like" not in entry:
        return entry
    model = entry["like"]
    if not isinstance(model, str) or model not in entries or model in (name, *before):
        raise NcstError(
            f"Config error at {family}.{name}.like: {model!r} is no other entry of {family}: use one of"
            f" {[other for other in entries if other not in (name, *before)]}."
        )
    found = _alike(entries, family, model, (name, *before))
    base = {key: unshared(value) for key, value in found.items() if key != "title"} if isinstance(found, dict) else {}
    if family in PLUGIN_FAMILIES:
        base.setdefault("module", model)
    return merge(base, {key: value for key, value in entry.items() if key != "like"})


def typed(value: Any, nested: bool = False) -> Any:
    """Return what follows ``--config`` with the types of YAML: Snakemake leaves every nested number as text.

    >>> typed({"seed": 3, "robustness": {"known": "9", "perturbations": ["opus_8"], "shortcuts": "null"}})
    {'seed': 3, 'robustness': {'known': 9, 'perturbations': ['opus_8'], 'shortcuts': None}}
    """
    if isinstance(value, dict):
        return {key: typed(item, nested or isinstance(item, dict | list)) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item, True) for item in value]
    if not (nested and isinstance(value, str)):
        return value
    try:
        found = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError):  # such as the 99th of a month
        return value
    return value if isinstance(found, dict | list) else found


def merge(into: dict[Any, Any], other: dict[Any, Any]) -> dict[Any, Any]:
    """Merge the mapping *other* into *into* recursively and return it."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
    return into
