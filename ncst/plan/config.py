"""The configuration: the registries and their overlays, merged."""

from pathlib import Path

import yaml

from ncst.core.shipped import located
from ncst.errors import NcstError

REGISTRIES = ("codecs", "alms", "corpora", "splits", "models", "detectors", "perturbations", "config")


def load_config(*overlays, folder="config"):
    """Return the registries and ``config.yaml`` of *folder*, overlaid with YAML files, as Snakemake merges them.

    Mappings merge key by key; everything else is replaced. A file of ``config/`` that the working folder lacks is the
    shipped one.
    """
    config = {}
    for path in [*(f"{folder}/{name}.yaml" for name in REGISTRIES), *overlays]:
        try:
            merge(config, yaml.safe_load(Path(located(path)).read_text(encoding="utf-8")) or {})
        except OSError as error:
            raise NcstError(
                f"Cannot read the config file {path} ({error.strerror}): name a file that exists."
            ) from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise NcstError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from error
    return config


def merge(into, other):
    """Merge the mapping *other* into *into* recursively and return it."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
    return into
