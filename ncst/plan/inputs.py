"""What the jobs of the workflow read: configuration and wildcards in, paths and names out.

Read by the Snakefile: nothing heavier than the standard library. ``<results>`` and ``<downloads>`` are Snakemake's
path variables.
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ncst.core.shipped import located
from ncst.errors import NcstError
from ncst.plan import Config, Entry, Pair, entries, official_release, paths, selection, sharding
from ncst.plan.options import constant
from ncst.plan.pools import pool_of
from ncst.registry import file_of

File = str | list[str]
"""A file, or an empty list where there is none, as Snakemake's input functions say it."""

PROSE = {"changes", "download", "known", "licence", "notes", "paper", "reference", "title", "url"}
"""Keys of entries that people read and no job does."""

PACE = {"workers"}
"""Keys of entries that change how fast a job is and nothing of what it makes."""


FEEDERS = 8
"""Threads that keep one card busy with reading, resampling and FLAC."""


SHARDS = f"<results>/{paths.SHARD}"


def facts(entry: Any) -> Any:
    """Return a config entry without its `PROSE` and `PACE`."""
    left_out = PROSE | PACE
    return {key: value for key, value in entry.items() if key not in left_out} if isinstance(entry, dict) else entry


def plugins(config: Config, family: str, name: str) -> list[Pair]:
    """Return the (family, module) pairs that the entry *name* runs: its own, and those that it names."""
    entry = config[family][name]
    own = family, entries.module_of(config, family, name)
    if family == "alms":
        return [own, *plugins(config, "codecs", entry["codec"])]
    if family == "detectors":
        options = [entry.get("options") or {}, *({"members": m} for m in (entry.get("tune") or {}).get("members", ()))]
        return [own, *(("detectors", member) for one in options for member in _members(one))]
    if family == "models":
        return [own, *_trained_with(config, name)]
    return [own]


def used_plugins(config: Config) -> list[Pair]:
    """Return the (family, module) pairs that the selected entries run."""
    used = {
        "corpora": selection.corpora(config),
        "alms": [name for name, root in config["roots"].items() if root == selection.GENERATE],
        "codecs": [name for name in selection.codecs(config) if name != "real"],
        "perturbations": config["robustness"]["perturbations"],
        "models": entries.selected(config, "models"),
        "detectors": [*entries.selected(config, "detectors"), *config["robustness"]["detectors"]],
    }
    return [pair for family, names in used.items() for name in names for pair in plugins(config, family, name)]


def _members(options: Entry) -> Iterator[str]:
    """Yield the detectors that the options of one name as its members, and theirs."""
    for name, inner in (options.get("members") or {}).items():
        yield name
        yield from _members(inner or {})


def _trained_with(config: Config, model: str) -> Iterator[Pair]:
    entry = entries.model_entry(config, model)
    yield "objectives", entry["training"].get("objective", {"name": "cross_entropy"})["name"]
    yield from plugins(config, "frontends", entry["frontend"])
    for name in (entry.get("augmentation") or {}).get("perturbations", ()):
        yield from plugins(config, "perturbations", name)


def published(config: Config) -> dict[str, str]:
    """Return {name: family} of the corpora and releases that can be fetched."""
    return {
        name: family
        for family in ("corpora", "releases")
        for name, entry in config[family].items()
        if "download" in entry
    }


def listed(config: Config) -> list[str]:
    """Return the selected source sets that the release lists: not those whose real speech only the corpora have."""
    released = official_release.pair_folders(config)
    known = {source_set for source_set, _ in released}
    return [
        name
        for name in selection.source_sets(config)
        if name in known and ((name, "real") in released or not selection.has_roots(config, name))
    ]


def weights(config: Config, name: str, family: str = "codecs") -> File:
    """Return the weight file of a codec, front-end or ALM."""
    return entries.weight_file(config, name, family) or []


def weights_users(config: Config) -> dict[str, tuple[str, str, Entry]]:
    """Return (family, name, entry) of the first entry of every official file ``weights/<key>.safetensors``."""
    found: dict[str, tuple[str, str, Entry]] = {}
    for family in ("codecs", "frontends"):
        for name, entry in config[family].items():
            file = Path((entry.get("weights") or {}).get("official", {}).get("file", ""))
            if file.parent == Path("weights") and file.suffix == ".safetensors":
                found.setdefault(file.stem, (family, name, facts(entry)))
    return found


def weights_user(config: Config, weights: str) -> tuple[str, str, Entry]:
    """Return (family, name, entry) of the first entry whose official weights are the file named *weights*."""
    return weights_users(config)[weights]


def people(config: Config) -> list[str]:
    """Return the folders of every configured corpus of people, which compact networks learn from."""
    names = [name for name in selection.corpora(config) if entries.module_of(config, "corpora", name) != "alm"]
    return [selection.made_root(config, name) or config["roots"][name] for name in names]


def made_root(config: Config, corpus: str) -> File:
    """Return the folder to speak, fetch or generate first, none where the corpus' root is the user's."""
    return selection.made_root(config, corpus) or []


def folders(config: Config) -> dict[str, str]:
    """Return the folder of every corpus that has a root, whoever makes it."""
    places = {"<results>": f"{config['results']}/{config['name']}", "<downloads>": str(config["downloads"])}
    found = {}
    for name in selection.corpora(config):
        place, _, rest = (selection.made_root(config, name) or "").partition("/")
        found[name] = f"{places[place]}/{rest}" if place else str(Path(config["roots"][name]).expanduser())
    return found


def check_roots(config: Config) -> None:
    """Raise a `NcstError` that names every root of the user's that is no folder."""
    absent = [f"roots.{name}: there is no folder {root}" for name, root in selection.absent_roots(config).items()]
    if absent:
        raise NcstError(f"{'; '.join(absent)}: name where each corpus lies, or null to leave it out.")


def shown(config: Config) -> Config:
    """Return the config as the page shows it: folders of the user's own are ``given``, wherever they lie."""
    made = {name: selection.made_root(config, name) for name in selection.corpora(config)}
    roots = {name: root if not root or made.get(name) else "given" for name, root in config["roots"].items()}
    release = config["release"] | {"root": config["release"]["root"] and "given"}
    return {key: value for key, value in config.items() if key != "folders"} | {"roots": roots, "release": release}


def prompts(config: Config, alm: str) -> File:
    """Return the text file that an ALM speaks."""
    file = config["alms"][alm].get("prompts")
    return located(file) if file else []


def cards(config: Config, name: str, family: str = "codecs") -> int:
    """Return how many GPUs a job of a codec or front-end owns.

    None where it has no network, or its module says ``ON_GPU = False``.
    """
    if not config[family][name].get("weights"):
        return 0
    with contextlib.suppress(NcstError):  # most modules say nothing
        if constant(file_of(family, entries.module_of(config, family, name)), "ON_GPU") is False:
            return 0
    return min(1, config["gpu"])


def threads(config: Config, name: str) -> int:
    """Return how many threads read and write the clips of a codec: those of a card wait for one."""
    return FEEDERS if cards(config, name) else 1


def back_end_weights(config: Config, alm: str) -> File:
    """Return the weight file of the codec that makes audio of an ALM's codes."""
    return weights(config, config["alms"][alm]["codec"])


def back_end(config: Config, alm: str) -> dict[str, Any]:
    """Return the entry of the codec that makes audio of an ALM's codes."""
    return facts(entries.codec_entry(config, config["alms"][alm]["codec"]))


def codec(config: Config, name: str) -> dict[str, Any]:
    """Return the entry of a codec as jobs read it."""
    return facts(entries.codec_entry(config, name))


def model(config: Config, name: str) -> dict[str, Any]:
    """Return the entry of a model as its training reads it."""
    found = facts(entries.model_entry(config, name))
    if about := found.get("augmentation"):
        perturbations = {key: facts(entry) for key, entry in about["perturbations"].items()}
        found["augmentation"] = about | {"entry": facts(about["entry"]), "perturbations": perturbations}
    return found


def titles(config: Config) -> dict[str, dict[str, str]]:
    """Return {family: {name: title}} of what results name by their keys: the report alone reads titles."""
    families = "models", "splits", "codecs", "perturbations", "corpora"
    found = {family: {name: entry["title"] for name, entry in config[family].items()} for family in families}
    found["codecs"] = {name: codec_title(config, name) for name in config["codecs"]}
    found["splits"] |= {split: split_title(config, split) for split in selection.splits(config)}
    return found | {"perturbations": {"clean": "Clean"} | found["perturbations"]}


def codec_title(config: Config, name: str) -> str:
    """Return the title of a codec; one whose official weights stand in for others says so wherever it is named."""
    title = config["codecs"][name]["title"]
    return f"{title} (stand-in)" if stands_in(config, name) else title


def split_title(config: Config, split: str) -> str:
    """Return the title of a selected split, which names the stand-ins among its codecs."""
    title = config["splits"][split]["title"]
    names = dict.fromkeys(codec for _, codec in selection.pairs(config, split) if stands_in(config, codec))
    shown = ", ".join(config["codecs"][name]["title"] for name in names)
    return f"{title} (stand-in: {shown})" if names else title


def stands_in(config: Config, codec: str) -> bool:
    """Say whether the official weights that a codec runs with stand in for others, which are not public."""
    return config["codecs"][codec].get("known") == "stand-in" and entries.weights_kind(config, codec) == "official"


def pool(config: Config, source_set: str) -> dict[str, Entry]:
    """Return the options of the selected source sets that share no utterance with *source_set*, itself included."""
    selected = selection.source_sets(config)
    sets = {name: facts(config["sources"][name]) | {"corpora": selection.drawn_from(config, name)} for name in selected}
    return pool_of(source_set, sets)


def indexes(config: Config, source_set: str) -> list[str]:
    """Return the indexes of the corpora that the source sets of a pool draw from."""
    names = dict.fromkeys(name for options in pool(config, source_set).values() for name in options["corpora"])
    return [f"<results>/corpora/{name}.parquet" for name in names]


def audio(config: Config, *splits: str) -> list[str]:
    """Return the shards of audio of *splits*, each once."""
    return sharding.pair_files(config, SHARDS, _pairs(config, splits))


def split_audio(config: Config, split: str) -> list[str]:
    """Return the shards of audio of one split.

    Raises
    ------
    NcstError
        If it has none.
    """
    found = audio(config, split)
    if not found:
        raise NcstError(
            f"The split {split!r} has no clips: of what its `pairs` name, no codec is in `select.codecs`, or no corpus "
            "has a root."
        )
    return found


def audio_sets(config: Config) -> dict[str, dict[str, list[str]]]:
    """Return ``{source set: {codec: shard ids}}`` of all audio that the run makes, real speech behind it included."""
    wanted, released = _pairs(config, selection.splits(config)), official_release.pair_folders(config)
    found: dict[str, dict[str, list[str]]] = {}
    for source_set, codec in wanted:
        needed = [codec] if (source_set, codec) in released else ["real", codec]
        found.setdefault(source_set, {}).update(dict.fromkeys(needed, sharding.shards(config, source_set)))
    return found


def every_shard(config: Config) -> list[str]:
    """Return the shards of `audio_sets`."""
    pairs = [(source_set, codec) for source_set, codecs in audio_sets(config).items() for codec in codecs]
    return sharding.pair_files(config, SHARDS, pairs)


def features(config: Config, frontend: str, *splits: str) -> list[str]:
    """Return the feature files of every clip of *splits*, each once, and then the fingerprints of these files."""
    patterns, pairs = (paths.FEATURE_FILE, paths.FINGERPRINT), _pairs(config, splits)
    return [f for p in patterns for f in sharding.pair_files(config, f"<results>/{p}", pairs, frontend=frontend)]


def _pairs(config: Config, splits: Iterable[str]) -> list[Pair]:
    return list(dict.fromkeys(pair for split in splits for pair in selection.pairs(config, split)))


def training_manifest(config: Config, model: str) -> str:
    """Return the manifest that a model learns from."""
    return f"<results>/manifests/{selection.training_splits(config, model)[0]}.parquet"


def development_manifest(config: Config, model: str) -> str:
    """Return the manifest that chooses a model's best epoch."""
    return f"<results>/manifests/{selection.training_splits(config, model)[1]}.parquet"


def training_features(config: Config, model: str) -> list[str]:
    """Return the feature files that a model's training reads."""
    return features(config, config["models"][model]["frontend"], *selection.training_splits(config, model))


def scored_features(config: Config, model: str, split: str) -> list[str]:
    """Return the feature files of a split that a model reads."""
    return features(config, config["models"][model]["frontend"], split)


def augmentation(config: Config, model: str) -> list[str]:
    """Return the waveforms and weights that the augmentation of a model's training reads, if it has one."""
    found = entries.model_entry(config, model).get("augmentation")
    if not found:
        return []
    files = features(config, found["waveforms"], selection.training_splits(config, model)[0])
    return [*files, *([found["weights"]] if found["weights"] else [])]


def checkpoint(config: Config, model: str) -> File:
    """Return the published checkpoint that a model's weights come from, none if it is trained."""
    return entries.model_entry(config, model).get("checkpoint") or []


def speakers(config: Config, *splits: str) -> list[str]:
    """Return the manifests that name the speakers of *splits*, none where the bootstrap does not resample them."""
    wanted = splits if "speaker" in config["bootstrap"]["clusters"] else ()
    return [f"<results>/{paths.MANIFEST}".format(split=split) for split in wanted]


def tested_speakers(config: Config, model: str) -> list[str]:
    """Return the manifests that name the speakers a taxonomy tracer is tested on, as `speakers`."""
    return speakers(config, *selection.tested_splits(config, model))


def training_scores(config: Config, model: str, seed: str) -> str:
    """Return a model's scores of the split that it learnt from."""
    return _scores(model, seed, selection.training_splits(config, model)[0])


def tested_scores(config: Config, model: str, seed: str) -> list[str]:
    """Return a taxonomy tracer's scores of the splits that it is tested on."""
    return [_scores(model, seed, split) for split in selection.tested_splits(config, model)]


def learnt_parameters(config: Config, model: str) -> dict[str, Any] | None:
    """Return the parameters of the codecs that a taxonomy tracer learns; None for others, which do not read them."""
    if model not in entries.tracers(config):
        return None
    return selection.codec_parameters(config, selection.training_splits(config, model))


def tested_parameters(config: Config, model: str) -> dict[str, Any]:
    """Return the parameters of the codecs that a taxonomy tracer learns or is tested on."""
    splits = selection.training_splits(config, model) + selection.tested_splits(config, model)
    return selection.codec_parameters(config, splits)


def frontend(config: Config, model: str) -> dict[str, Any]:
    """Return the entry of a model's front-end."""
    return facts(config["frontends"][config["models"][model]["frontend"]])


def frontend_weights(config: Config, model: str) -> File:
    """Return the weight file of a model's front-end."""
    return weights(config, config["models"][model]["frontend"], "frontends")


def measured(config: Config, split: str) -> int | None:
    """Return how many clips of a split are measured at most; None for all, those of test splits of real speech."""
    return None if split in selection.real_splits(config) else config["robustness"]["shortcuts"]


def runs(config: Config, models: Iterable[str]) -> list[str]:
    """Return the ``<model>/seed-<n>`` of every seed that *models* are trained with."""
    return [paths.RUN.format(model=name, seed=seed) for name in models for seed in entries.seeds(config, name)]


def _scores(model: str, seed: str, split: str) -> str:
    return f"<results>/{paths.SCORES}/{split}.parquet".format(model=model, seed=seed)
