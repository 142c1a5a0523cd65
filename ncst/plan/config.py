"""The one door of the configuration: registries, ``config.yaml`` and overlays read, merged, checked, completed."""

from typing import Any

from ncst.core.files import PathLike
from ncst.core.shipped import located
from ncst.plan import official_release, selection
from ncst.plan.validate import validate
from ncst.plan.yaml_files import read_mapping

REGISTRIES = ("codecs", "alms", "corpora", "splits", "models", "detectors", "perturbations", "config")


def load_config(*overlays: PathLike, folder: PathLike = "config") -> dict[str, Any]:
    """Return the registries and ``config.yaml`` of *folder*, overlaid with YAML files, checked and complete.

    Mappings merge key by key, as Snakemake merges them; everything else is replaced. A file of ``config/`` that the
    working folder lacks is the shipped one.

    Raises
    ------
    NcstError
        As `read_mapping` and `complete` do.
    """
    config: dict[str, Any] = {}
    for path in [*(f"{folder}/{name}.yaml" for name in REGISTRIES), *overlays]:
        merge(config, read_mapping(located(path)))
    return complete(config)


def complete(config: dict[str, Any]) -> dict[str, Any]:
    """Check the merged *config*, add the roots that its official release has, check that release, and return it.

    The Snakefile, whose files Snakemake merges, enters here.

    Raises
    ------
    NcstError
        As `validate` and `official_release.check_root` do.
    """
    validate(config)
    official_release.add_roots(config)
    if config["release"]["root"]:
        splits = selection.splits(config)
        official_release.check_root(config, [pair for split in splits for pair in selection.pairs(config, split)])
    return config


def merge(into: dict[Any, Any], other: dict[Any, Any]) -> dict[Any, Any]:
    """Merge the mapping *other* into *into* recursively and return it."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
    return into
