"""What a configuration selects: codecs, corpora, source sets and splits that can run, as plain lists of names."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ncst.errors import NcstError
from ncst.plan import Config, Pair, official_release
from ncst.plan.entries import by_class, codec_entry, selected, weight_file, weights_kind
from ncst.plan.sharding import kept, most

GENERATE = "generate"


def codecs(config: Config) -> list[str]:
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


def corpora(config: Config) -> list[str]:
    """Return the corpora that have a root."""
    return [name for name in selected(config, "corpora") if config["roots"].get(name)]


def made_root(config: Config, corpus: str) -> str | None:
    """Return the folder that the run itself speaks, fetches or generates *corpus* into, None for a root of the user."""
    made = {"demo": "<results>/demo", "fetch": "<downloads>", GENERATE: "<results>/alms"}.get(config["roots"][corpus])
    return f"{made}/{corpus}" if made else None


def own_roots(config: Config) -> dict[str, str]:
    """Return the corpora that lie in a folder of the user's, and that folder."""
    return {name: config["roots"][name] for name in corpora(config) if not made_root(config, name)}


def absent_roots(config: Config) -> dict[str, str]:
    """Return those of `own_roots` that are no folders."""
    return {name: root for name, root in own_roots(config).items() if not Path(root).expanduser().is_dir()}


def source_sets(config: Config) -> list[str]:
    """Return the source sets whose corpora all have a root, and those that the configured official release has."""
    released = {source_set for source_set, _ in official_release.pair_folders(config)}
    return [name for name in config["sources"] if name in released or has_roots(config, name)]


def drawn_from(config: Config, source_set: str) -> list[str]:
    """Return the corpora of *source_set*; with ``any_root``, those of them that have a root, where one has."""
    entry = config["sources"][source_set]
    rooted = [name for name in corpora(config) if name in entry["corpora"]]
    return rooted if rooted and entry.get("any_root") else entry["corpora"]


def narrowed(config: Config) -> Iterator[str]:
    """Yield a sentence for each group of source sets that draw from fewer corpora than the config lists."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name in source_sets(config):
        drawn, listed = drawn_from(config, name), config["sources"][name]["corpora"]
        if len(drawn) < len(listed):
            lacking = ", ".join(f"roots.{corpus}" for corpus in listed if corpus not in drawn)
            groups.setdefault((", ".join(drawn), lacking), []).append(name)
    for (drawn_corpora, lacking), names in groups.items():
        yield f"{', '.join(names)} draw from {drawn_corpora} alone, as {lacking} is not set."


def has_roots(config: Config, source_set: str) -> bool:
    """Say whether every corpus that *source_set* draws from has a root."""
    return set(corpora(config)).issuperset(drawn_from(config, source_set))


def pairs(config: Config, split: str) -> list[Pair]:
    """Return the (source set, codec) pairs of *split*, in declared order, without what is not selected.

    What the official release has comes from it; other pairs need the corpora of their source set.
    """
    available, released = codecs(config), official_release.pair_folders(config)
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


def splits(config: Config, *roles: str) -> list[str]:
    """Return the selected splits that have clips, of the given roles or of all.

    Where `select.splits` is null, training lists that no selected model learns from are left out.
    """
    names = [name for name in selected(config, "splits") if not roles or config["splits"][name]["role"] in roles]
    if config["select"].get("splits") is None:
        learnt = {"train", *(config["models"][model].get("train") for model in selected(config, "models"))}
        names = [name for name in names if config["splits"][name]["role"] != "train" or name in learnt]
    return [name for name in names if pairs(config, name)]


def training_splits(config: Config, model: str) -> list[str]:
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


def _check_own_training(config: Config, model: str, split: str) -> None:
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


def tested_splits(config: Config, model: str) -> list[str]:
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


def real_splits(config: Config) -> list[str]:
    """Return the selected test splits of real speech alone, with clips."""
    return [name for name in splits(config, "single") if config["splits"][name].get("label") == 0]


def codec_parameters(config: Config, names: Iterable[str]) -> dict[str, dict[str, float]]:
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


def robustness_cells(config: Config) -> list[str]:
    """Return the cells of the robustness grid, ``clean`` first; none where it is left out."""
    names = config["robustness"]["perturbations"]
    return ["clean", *names] if names else []


def clips(config: Config, split: str) -> int:
    """Return how many clips *split* has at most; a balanced split takes each utterance once real, once not."""
    sizes = {source_set: most(config["sources"][source_set]) for source_set, _ in pairs(config, split)}
    entry = config["splits"][split]
    if entry.get("balance"):
        return 2 * sum(sizes.values())
    total = sum(sizes[source_set] for source_set, _ in pairs(config, split))
    if entry.get("real_ratio"):
        real = sum(sizes[source_set] for source_set, codec in pairs(config, split) if codec == "real")
        return sum(kept(real, total - real, entry["real_ratio"]))
    return total
