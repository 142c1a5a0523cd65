"""What a configuration asks for: codecs, splits, shards and paths, as plain lists of strings.

The Snakefile and the command line read the same functions; nothing heavier than YAML is imported here.
"""

import re
from pathlib import Path

import yaml

from ncst.errors import NcstError
from ncst.registry import FAMILIES
from ncst.release import layout

REGISTRIES = ("codecs", "alms", "corpora", "splits", "models", "detectors", "perturbations", "config")
CODE = Path(__file__).parent
GENERATE = "generate"


def load_config(*overlays, folder="config"):
    """Return the registries and ``config.yaml`` of *folder*, overlaid with YAML files, as Snakemake merges them.

    Mappings merge key by key; everything else is replaced.
    """
    config = {}
    for path in [*(Path(folder) / f"{name}.yaml" for name in REGISTRIES), *map(Path, overlays)]:
        try:
            merge(config, yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except OSError as error:
            raise NcstError(
                f"Cannot read the config file {path} ({error.strerror}): run in the project's folder or name it fully."
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


def selected(config, family):
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


def weights_kind(config, name):
    """Return ``official`` or ``compact``: which weights the codec or front-end *name* runs with."""
    return config["weights"].get(name, config["weights"]["default"])


def weight_file(config, name, family="codecs"):
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
    return weights[kind]["file"]


def codec_entry(config, name):
    """Return the entry of codec *name* flattened for the weights it runs with: their rate, hop, books and bitrate."""
    entry = config["codecs"][name]
    kind = weights_kind(config, name) if entry.get("weights") else None
    facts = entry.get(kind) or {}
    settings = {**(entry.get("settings") or {}), **(facts.get("settings") or {})}
    common = {k: v for k, v in entry.items() if k not in ("official", "compact", "weights", "notes", "licence")}
    return {**common, **facts, "settings": settings, "weights": kind}


def model_entry(config, name):
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


def _augmentation(config, model, names):
    """Return what `ncst.augmentation.Augmentation` needs to know of the config to perturb the clips of *model*."""
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


def seeds(config, model):
    """Return the seeds that *model* is trained with: all of the config, or as many as its entry's ``seeds`` says."""
    return config["seeds"][: config["models"][model].get("seeds")]


def tracers(config):
    """Return the models with several heads, the taxonomy tracers."""
    return [name for name, entry in config["models"].items() if "heads" in entry]


def training_splits(config, model):
    """Return the names of the training and the development split of *model*.

    Raises
    ------
    NcstError
        If one is empty, or a pair of its training split is not there or also tests the model.
    """
    entry = config["models"][model]
    names = [entry.get(part, part) for part in ("train", "dev")]
    for name in names:
        if not pairs(config, name):
            raise NcstError(
                f"The split {name!r}, which the model {model!r} needs, is empty: no selected codec and corpus serves "
                "it; check `select`, `roots` and config/splits.yaml."
            )
    if names[0] != "train" and "heads" not in entry:
        _check_own_training(config, model, names[0])
    return names


def _check_own_training(config, model, split):
    learnt = pairs(config, split)
    absent = {pair["source"] for pair in config["splits"][split]["pairs"]} - {source_set for source_set, _ in learnt}
    if absent:
        raise NcstError(
            f"The split {split!r}, which the model {model!r} needs, lacks the source sets {sorted(absent)}: name the "
            "roots of their corpora, or take the model from select.models."
        )
    for test in splits(config, "id", "single", "ood"):
        both = set(learnt).intersection(pairs(config, test))
        if both:
            raise NcstError(
                f"The model {model!r} would be tested on what it learns: {'/'.join(sorted(both)[0])} is in "
                f"{split!r} and in {test!r}; take the split from select.splits."
            )


def tested_splits(config, model):
    """Return the selected splits with clips among those that the taxonomy tracer *model* is tested on.

    Raises
    ------
    NcstError
        If there are none.
    """
    wanted = config["models"][model]["test"]
    found = [name for name in splits(config) if name in wanted]
    if not found:
        raise NcstError(
            f"None of the splits {wanted} that test the model {model!r} is selected: add one to select.splits."
        )
    return found


def codec_parameters(config, names):
    """Return ``{codec: {"books", "bitrate_kbps", "sample_rate" (Hz), "frame_rate" (Hz)}}`` of the splits *names*.

    Codecs whose entry does not give all of them are left out.
    """
    found = {}
    for codec in sorted({codec for name in names for _, codec in pairs(config, name)}):
        entry = codec_entry(config, codec)
        if {"books", "bitrate_kbps", "sample_rate", "hop"} <= entry.keys():
            found[codec] = {key: entry[key] for key in ("books", "bitrate_kbps", "sample_rate")}
            found[codec]["frame_rate"] = entry["sample_rate"] / entry["hop"]
    return found


def by_class(entry):
    """Sort key of codec entries: by class, base codecs before variants, those without a class last."""
    return entry["class_id"] is None, entry["class_id"] or 0, entry["role"] in ("variant", "extra")


def codecs(config):
    """Return the selected codecs that can run, by class: those with weights of the configured kind, or in need of none.

    A codec without such weights is left out, unless ``select.codecs`` names it: then it is an error.
    """
    names = sorted(selected(config, "codecs"), key=lambda name: by_class(config["codecs"][name]))
    if config["select"].get("codecs") is not None:
        for name in names:
            weight_file(config, name)
        return names
    return [
        n
        for n in names
        if not config["codecs"][n].get("weights") or weights_kind(config, n) in config["codecs"][n]["weights"]
    ]


def corpora(config):
    """Return the corpora that have a root."""
    return [name for name in selected(config, "corpora") if config["roots"].get(name)]


def made_root(config, corpus):
    """Return the folder that the run itself speaks, fetches or generates *corpus* into, None for a root of the user."""
    made = {"demo": "<results>/demo", "fetch": "<downloads>", GENERATE: "<results>/alms"}.get(config["roots"][corpus])
    return f"{made}/{corpus}" if made else None


def source_sets(config):
    """Return the source sets whose corpora all have a root, and those that the configured official release has."""
    released = {source_set for source_set, _ in layout.pair_folders(config)}
    return [name for name in config["sources"] if name in released or has_roots(config, name)]


def has_roots(config, source_set):
    """Say whether every corpus of *source_set* has a root."""
    return set(corpora(config)).issuperset(config["sources"][source_set]["corpora"])


def pairs(config, split):
    """Return the (source set, codec) pairs of *split*, in declared order, without what is not selected.

    What the official release has comes from it; other pairs need the corpora of their source set.
    """
    available, released = codecs(config), layout.pair_folders(config)
    found = []
    for pair in config["splits"][split]["pairs"]:
        wanted = pair["codecs"]
        if isinstance(wanted, dict):
            roles = wanted["role"] if isinstance(wanted["role"], list) else [wanted["role"]]
            names = [n for n in available if config["codecs"][n]["role"] in roles]
        else:
            names = [n for n in wanted if n in available]
        rooted = has_roots(config, pair["source"])
        found += [(pair["source"], name) for name in names if rooted or (pair["source"], name) in released]
    return found


def splits(config, *roles):
    """Return the selected splits that have clips, of the given roles or of all.

    Where `select.splits` is null, training lists that no selected model learns from are left out.

    Raises
    ------
    NcstError
        If train, dev or an in-distribution split would be empty.
    """
    names = [name for name in selected(config, "splits") if not roles or config["splits"][name]["role"] in roles]
    if config["select"].get("splits") is None:
        learnt = {"train", *(config["models"][model].get("train") for model in selected(config, "models"))}
        names = [name for name in names if config["splits"][name]["role"] != "train" or name in learnt]
    for name in names:
        if config["splits"][name]["role"] in ("train", "dev", "id") and not pairs(config, name):
            raise NcstError(
                f"The split {name!r} is empty: no selected codec and corpus serves it; check `select`, `roots` "
                "and config/splits.yaml (`ncst plan` lists what is missing)."
            )
    return [name for name in names if pairs(config, name)]


def real_splits(config):
    """Return the selected test splits of real speech alone, with clips."""
    return [name for name in splits(config, "single") if config["splits"][name].get("label") == 0]


def robustness_cells(config):
    """Return the cells of the robustness grid, ``clean`` first, with their titles; none where it is left out."""
    names = config["robustness"]["perturbations"]
    return {"clean": "Clean"} | {name: config["perturbations"][name]["title"] for name in names} if names else {}


def clips(config, split):
    """Return how many clips *split* has when none fails; a balanced split takes each utterance once real, once not."""
    sizes = {source_set: config["sources"][source_set]["size"] for source_set, _ in pairs(config, split)}
    entry = config["splits"][split]
    if entry.get("balance"):
        return 2 * sum(sizes.values())
    total = sum(sizes[source_set] for source_set, _ in pairs(config, split))
    if entry.get("real_ratio"):
        real = sum(sizes[source_set] for source_set, codec in pairs(config, split) if codec == "real")
        return sum(kept(real, total - real, entry["real_ratio"]))
    return total


def kept(real, fake, ratio):
    """Return how many of *real* and of *fake* clips make the ratio *ratio* of real to fake; all of one kind stay.

    >>> kept(100, 600, 0.5)
    (100, 200)
    """
    return (real, round(real / ratio)) if real < ratio * fake else (round(fake * ratio), fake)


def shard_names(size, shard_size):
    """Return the shard ids of *size* utterances, at most *shard_size* in each.

    >>> shard_names(5, 2)
    ['00000-of-00003', '00001-of-00003', '00002-of-00003']
    """
    count = -(-size // shard_size)
    return [f"{i:05d}-of-{count:05d}" for i in range(count)]


def shards(config, source_set):
    """Return the shard ids of *source_set*."""
    entry = config["sources"][source_set]
    return shard_names(entry["size"], entry["shard_size"])


def pair_files(config, pattern, found, **wildcards):
    """Format *pattern* for every shard of the (source set, codec) pairs *found*."""
    return [
        pattern.format(source_set=source_set, codec=codec, shard=shard, **wildcards)
        for source_set, codec in found
        for shard in shards(config, source_set)
    ]


def module_of(config, family, name):
    """Return the module name of an entry: its ``module`` key or its own name."""
    return config[family][name].get("module", name)


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
        raise NcstError(f"There is no {module!r} among the {family}: write ncst/{family}/{module}.py.")
    files, queue = [], [first, folder / "_base.py"]
    while queue:
        path = queue.pop(0)
        if path not in files:
            files.append(path)
            names = re.findall(rf"{package}\.(_\w+)|{package} import (_\w+)", path.read_text(encoding="utf-8"))
            queue += [folder / f"{a or b}.py" for a, b in names]
    return [str(path) for path in files]
