"""The names that the entries of a configuration use of each other, and whether what they ask for can be had."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ncst.errors import NcstError
from ncst.plan import Config, Entry, entries, selection, sharding
from ncst.plan.pools import pool_of
from ncst.plan.terms import check_terms

MOST_SHARDS = 10_000  # of one source set: each is a job for every codec
SPARING = {"ids", "speaker_disjoint"}  # with which a set, even of `size: all`, may leave others their own
OWNERS = {
    "roots": ["corpora"],
    "accept": ["corpora", "releases"],
    "weights": ["codecs", "frontends", "alms"],
    "model_sizes": ["models"],
}


def reference_problems(config: Config) -> Iterator[str]:
    """Yield a sentence for each name that nothing has, and for what is asked for and cannot be had.

    The schemas hold for *config*.
    """
    for problems in (
        _own_names,
        _selected_names,
        _durations,
        _classes,
        _precisions,
        _sources,
        _exhausted,
        _splits,
        _models,
        _roots,
    ):
        yield from problems(config)


def _unknown(names: Iterable[str], known: Iterable[str], where: str, place: str) -> Iterator[str]:
    unknown = sorted({*names} - {*known}, key=str)
    if unknown:
        yield f"Config error at {where}: {unknown} unknown; {place} {list(known)}."


def _said(check: Callable[..., object], *arguments: Any) -> Iterator[str]:
    """Yield what *check* raises."""
    try:
        check(*arguments)
    except NcstError as error:
        yield str(error)


def _own_names(config: Config) -> Iterator[str]:
    for key, families in OWNERS.items():
        if "..." in config[key]:
            yield f"Config error at {key}: the dots of an example stand there: write what you mean in their place."
        known = [name for family in families for name in config[family]]
        yield from _unknown({*config[key]} - {"default", "..."}, known, key, "the registries have")


def _selected_names(config: Config) -> Iterator[str]:
    for key in ("perturbations", "detectors"):
        place = f"config/{key}.yaml has"
        yield from _unknown(config["robustness"][key], config[key], f"robustness.{key}", place)
    for family, names in config["select"].items():
        yield from _said(entries.selected, config, family)
        if doubles := [name for name, times in Counter(names or ()).items() if times > 1]:
            yield f"Config error at select.{family}: {doubles} stand there more than once: name each once."


def _durations(config: Config) -> Iterator[str]:
    shortest, longest = config["min_duration"], config["max_duration"]
    if shortest > longest:
        yield (
            f"Config error at min_duration: {shortest:g} s is more than max_duration, {longest:g} s, so that no "
            "recording fits: lower the one or raise the other."
        )


def _classes(config: Config) -> Iterator[str]:
    """Yield the codecs and splits that are to be unknown and bear the class of a known codec, and known ones of one."""
    known: dict[int, str] = {}
    for name, entry in config["codecs"].items():
        if entry["role"] in ("real", "id") and known.setdefault(entry["class_id"], name) != name:
            yield (
                f"Config error at codecs.{name}: its class {entry['class_id']} is that of "
                f"{known[entry['class_id']]!r}, and both are learnt: give it one of its own, or the role variant."
            )
    for name, split in config["splits"].items():
        if split["role"] == "ood" and split.get("label") in known:
            yield (
                f"Config error at splits.{name}: with the role ood it must not have the label {split['label']}, the "
                f"class of {known[split['label']]!r} that models learn: give it one of its own, or the role single."
            )
    for name, entry in config["codecs"].items():
        if entry["role"] in ("ood_single", "ood_multi") and entry["class_id"] in known:
            yield (
                f"Config error at codecs.{name}: with the role {entry['role']} it must not have the class "
                f"{entry['class_id']}, which is that of {known[entry['class_id']]!r} that models learn: give it one of "
                "its own."
            )


def _precisions(config: Config) -> Iterator[str]:
    """Yield the entries that ask for a precision that nothing of theirs, or no device of the run, has."""
    for family in ("codecs", "frontends"):
        for name, entry in config[family].items():
            asked = entry.get("precision", "fp32")
            where = f"Config error at {family}.{name}.precision"
            if asked != "fp32" and not entry.get("weights"):
                yield f"{where}: without weights there is no network to run at {asked}: leave it out."
            elif asked in ("tf32", "fp16") and not config["gpu"]:
                yield f"{where}: {asked} needs a GPU: set `gpu: 1`, or use fp32 or bf16."


def _sources(config: Config) -> Iterator[str]:
    for name, entry in config["sources"].items():
        yield from _unknown(entry["corpora"], config["corpora"], f"sources.{name}", "config/corpora.yaml has")
        where = f"Config error at sources.{name}"
        if (entry["size"] == sharding.ALL) != ("shards" in entry):
            yield (
                f"{where}: `size: all` goes with `shards`, the number of files of at most shard_size utterances each, "
                "and a number without: the jobs of a run must follow from the config alone."
            )
            continue
        if entry["size"] == sharding.ALL and entry.get("balance"):
            yield f"{where}: `size: all` takes every utterance and cannot `balance` them: write a number or drop one."
        shards = -(-sharding.most(entry) // entry["shard_size"])
        if shards > MOST_SHARDS:
            yield (
                f"{where}: {sharding.most(entry):,} utterances in shards of {entry['shard_size']:,} are {shards:,} "
                f"jobs for every codec: raise shard_size until at most {MOST_SHARDS:,} are left."
            )


def _exhausted(config: Config) -> Iterator[str]:
    """Yield the source sets of ``size: all`` that leave nothing to others that draw after them from their pool."""
    for name, entry in config["sources"].items():
        pool = pool_of(name, config["sources"])
        if entry["size"] != sharding.ALL or any(map(SPARING.intersection, pool.values())):
            continue
        after = list(pool)[list(pool).index(name) + 1 :]
        starved = [other for other in after if _covers(entry, pool[other])]
        if starved:
            yield (
                f"Config error at sources.{name}: with `size: all` it leaves nothing to {', '.join(starved)}, drawn "
                f"after it from the same pool: give {name} a higher `order`, a number as its size, or another pool."
            )


def _covers(first: Entry, second: Entry) -> bool:
    """Say whether all utterances that fit the source set *second* fit *first*."""
    kinds = [
        entry.get("kind", "bonafide" if entry.get("balance") in (None, "language") else "any")
        for entry in (first, second)
    ]
    subsets = [
        {entry["subset"]} if isinstance(entry.get("subset"), str) else set(entry.get("subset") or ())
        for entry in (first, second)
    ]
    return (
        kinds[0] in ("any", kinds[1])
        and (not subsets[0] or (bool(subsets[1]) and subsets[0] >= subsets[1]))
        and {*first["corpora"]} >= {*second["corpora"]}
    )


def _splits(config: Config) -> Iterator[str]:
    if not any(split["role"] == "id" for split in config["splits"].values()):
        yield (
            "Config error at splits: none has the `role: id`, which tests the known classes: give it to one, as "
            "config/splits.yaml does to eval_id."
        )
    for name, split in config["splits"].items():
        unlabelled = split["role"] == "unlabelled"
        if ("label" in split and split["label"] is None) != unlabelled:
            yield f"Config error at splits.{name}: `label: null` goes with `role: unlabelled` and no other: write both."
        if unlabelled and {"balance", "real_ratio"} & split.keys():
            yield f"Config error at splits.{name}: without labels there is nothing to balance: drop that key."
        for pair in split["pairs"]:
            if pair["source"] not in config["sources"]:
                yield f"Config error at splits.{name}: no source set {pair['source']!r} in config/corpora.yaml."
            if isinstance(pair["codecs"], list):
                for codec in pair["codecs"]:
                    if codec not in config["codecs"]:
                        yield f"Config error at splits.{name}: no codec {codec!r} in config/codecs.yaml."


def _models(config: Config) -> Iterator[str]:
    for name, entry in config["models"].items():
        for split in (entry.get("train", "train"), entry.get("dev", "dev"), *entry.get("test", ())):
            if split not in config["splits"]:
                yield f"Config error at models.{name}: no split {split!r} in config/splits.yaml."
        for split in (entry.get("train", "train"), entry.get("dev", "dev")):
            if config["splits"].get(split, {}).get("role") == "unlabelled":
                yield (
                    f"Config error at splits.{split}: models learn from its labels, so its role cannot be unlabelled: "
                    "give that role to another split."
                )
        if entry["frontend"] not in config["frontends"]:
            yield f"Config error at models.{name}: no front-end {entry['frontend']!r} in config/models.yaml."
        for size in sorted(entry.keys() & {"published", "compact"}):
            training = (entry[size].get("training") or {}) | entry.get("training", {})
            if training.get("precision") == "fp16" and not config["gpu"] and _runs(config, name, size):
                where = f"models.{name}.{size}.training.precision"
                yield f"Config error at {where}: fp16 needs a GPU: set `gpu`, or use bf16."
            where = f"models.{name}.{size}.training.augment"
            place = "config/perturbations.yaml has"
            yield from _unknown(training.get("augment") or (), config["perturbations"], where, place)


def _runs(config: Config, model: str, size: str) -> bool:
    sizes, selected = config["model_sizes"], config["select"].get("models")
    return size == sizes.get(model, sizes["default"]) and (selected is None or model in selected)


def _roots(config: Config) -> Iterator[str]:
    for name, root in config["roots"].items():
        if name not in config["corpora"]:
            continue
        if root == "fetch":
            yield from _said(check_terms, name, config["corpora"][name], config["accept"])
        if root == "demo" and "demo" not in config["corpora"][name]:
            spoken = [corpus for corpus, entry in config["corpora"].items() if "demo" in entry]
            yield (
                f"Config error at roots.{name}: only corpora with a `demo` entry can be spoken: {spoken}; name a "
                "folder of its recordings, or leave it out with null."
            )
        if root == selection.GENERATE:
            yield from _generated(config, name)


def _generated(config: Config, name: str) -> Iterator[str]:
    if name not in config["alms"]:
        known = list(config["alms"])
        yield f"Config error at roots.{name}: only what config/alms.yaml lists can be generated: {known}."
        return
    alm, kind = config["alms"][name], entries.weights_kind(config, name)
    yield from _said(entries.weight_file, config, name, "alms")
    if alm["codec"] not in config["codecs"]:
        yield f"Config error at alms.{name}: no codec {alm['codec']!r} in config/codecs.yaml."
    elif entries.weights_kind(config, alm["codec"]) != kind:
        yield (
            f"Config error at roots.{name}: its codes are those of the {kind} {alm['codec']}: set "
            f"weights.{alm['codec']}: {kind}, or name a folder of its clips."
        )


def missing_files(config: Config) -> Iterator[str]:
    """Yield a sentence for each weight file or checkpoint that the run takes and nothing makes or fetches.

    What lies among the results is made by the run.
    """
    results = f"{config['results']}/{config['name']}/"
    models = {name: entries.model_entry(config, name) for name in entries.selected(config, "models")}
    taken = [("codecs", name) for name in selection.codecs(config)]
    taken += [("frontends", name) for name in dict.fromkeys(entry["frontend"] for entry in models.values())]
    taken += [("alms", name) for name, root in config["roots"].items() if root == selection.GENERATE]
    wanted: dict[str | None, str] = {}
    for family, name in taken:
        lacking = _unpublished((config[family][name].get("weights") or {}).get("official") or {})
        if entries.weights_kind(config, name) == "compact" or lacking:
            kind = f"official.{lacking}" if lacking and entries.weights_kind(config, name) == "official" else "compact"
            wanted.setdefault(entries.weight_file(config, name, family), f"{family}.{name}.weights.{kind}")
    for name, entry in models.items():
        wanted.setdefault(entry.get("checkpoint"), f"models.{name}.{entry['size']}.checkpoint")
    for file, where in wanted.items():
        if file and not file.startswith(results) and not Path(file).is_file():
            yield (
                f"Config error at {where}: there is no file {file}, and nothing fetches it: name one that is there, or "
                f"one that the run trains into {results}compact/."
            )


def _unpublished(official: Entry) -> str | None:
    """Return the key without which nobody can fetch the *official* weights, or None."""
    if official.get("source") == "huggingface":
        return next((key for key in ("repo", "revision", "files") if not official.get(key)), None)
    files = official.get("files", {})
    lacking = [f"files.{name}.url" for name, facts in files.items() if not (facts or {}).get("url")]
    return next(iter([*lacking, *([] if files else ["files"])]), None) if official else None
