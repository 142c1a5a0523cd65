"""The entries of a configuration's registries, flattened for the weights and sizes that they run with."""

from typing import Any

from ncst.core.shipped import located
from ncst.errors import NcstError
from ncst.plan import Config, Entry


def selected(config: Config, family: str) -> list[str]:
    """Return the names of *family* that ``select`` enables, in the registry's order.

    Raises
    ------
    NcstError
        If ``select`` names something the registry does not have.
    """
    wanted = config["select"].get(family)
    registry = config[family]
    if wanted is None:
        return list(registry)
    unknown = sorted(set(wanted) - set(registry))
    if unknown:
        raise NcstError(
            f"select.{family} names {unknown}, which config/{family}.yaml does not have: use {list(registry)}."
        )
    return [name for name in registry if name in wanted]


def weights_kind(config: Config, name: str) -> str:
    """Return ``official`` or ``compact``: which weights the codec or front-end *name* runs with."""
    return config["weights"].get(name, config["weights"]["default"])


def weight_file(config: Config, name: str, family: str = "codecs") -> str | None:
    """Return the path of the weights of a codec, front-end or ALM, or None if it needs none.

    Official weights are fetched to it (and converted, those of codecs and front-ends); compact weights ship with the
    project.

    Raises
    ------
    NcstError
        If it has no weights of the configured kind.
    """
    weights = config[family][name].get("weights")
    if not weights:
        return None
    kind = weights_kind(config, name)
    if kind not in weights:
        raise NcstError(
            f"{name!r} of config/{family} has no {kind} weights, only {sorted(weights)}: "
            f"set weights.{name} in the config."
        )
    return located(weights[kind]["file"])


def codec_entry(config: Config, name: str) -> dict[str, Any]:
    """Return the entry of codec *name* flattened for the weights it runs with: their rate, hop, books and bitrate."""
    entry = config["codecs"][name]
    kind = weights_kind(config, name) if entry.get("weights") else None
    facts = entry.get(kind) or {}
    settings = {**(entry.get("settings") or {}), **(facts.get("settings") or {})}
    common = {k: v for k, v in entry.items() if k not in ("official", "compact", "weights", "notes", "licence")}
    return {**common, **facts, "settings": settings, "weights": kind}


def model_entry(config: Config, name: str) -> dict[str, Any]:
    """Return the entry of model *name* flattened for its configured size: ``options`` and ``training`` of that size.

    A ``training`` beside the sizes changes single keys of both.
    If its training has ``augment``, ``augmentation`` says from which features, with which front-end and how.

    Raises
    ------
    NcstError
        If the model has no such size, or no front-end holds the waveforms that its augmentation needs.
    """
    entry = config["models"][name]
    size = config["model_sizes"].get(name, config["model_sizes"]["default"])
    if size not in entry:
        raise NcstError(
            f"The model {name!r} has no {size} size: set model_sizes.{name}, or add one to config/models.yaml."
        )
    found = {**{k: v for k, v in entry.items() if k not in ("published", "compact")}, "size": size, **entry[size]}
    found["training"] = {**(entry[size].get("training") or {}), **(entry.get("training") or {})}
    names = found["training"].get("augment")
    return found | {"augmentation": _augmentation(config, name, names)} if names else found


def _augmentation(config: Config, model: str, names: list[str]) -> dict[str, Any]:
    """Return what `augmentation.Augmentation` needs to know of the config to perturb the clips of *model*."""
    frontend = config["models"][model]["frontend"]
    entry = config["frontends"][frontend]
    waveforms = [
        name
        for name, other in config["frontends"].items()
        if module_of(config, "frontends", name) == "waveform" and other.get("samples") == entry.get("samples")
    ]
    if not waveforms:
        raise NcstError(
            f"The augmentation of {model!r} reads waveforms as long as the clips of {frontend!r}: add a front-end with "
            f"`module: waveform` and `samples: {entry.get('samples')}` to config/models.yaml."
        )
    return {
        "waveforms": waveforms[0],
        "frontend": frontend,
        "entry": {k: v for k, v in entry.items() if k not in ("weights", "licence")},
        "weights": weight_file(config, frontend, "frontends"),
        "perturbations": {name: config["perturbations"][name] for name in names},
    }


def seeds(config: Config, model: str) -> list[int]:
    """Return the seeds that *model* is trained with: all of the config, or as many as its entry's ``seeds`` says."""
    return config["seeds"][: config["models"][model].get("seeds")]


def tracers(config: Config) -> list[str]:
    """Return the models with several heads, the taxonomy tracers."""
    return [name for name, entry in config["models"].items() if "heads" in entry]


def module_of(config: Config, family: str, name: str) -> str:
    """Return the module name of an entry: its ``module`` key or its own name."""
    return config[family][name].get("module", name)


def by_class(entry: Entry) -> tuple[bool, int, bool]:
    """Sort key of codec entries: by class, base codecs before variants, those without a class last."""
    return entry["class_id"] is None, entry["class_id"] or 0, entry["role"] in ("variant", "extra")
