"""What a run will make and take: clips, missing inputs, disk and hours of every split and stage.

Rates come from ``resources/costs.yaml``; clips that are there already are counted in the shards, audio unread.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ncst.plan import Config, Entry, Pair, entries, selection, sharding
from ncst.plan.official_release import pair_folders
from ncst.plan.rates import Rate, Rates

HOUR, GB = 3600, 1e9


@dataclass
class Work:
    """Disk in bytes, CPU seconds of one core, and seconds of one card in place of most of these."""

    disk: float = 0.0
    cpu: float = 0.0
    gpu: float = 0.0

    @classmethod
    def of(cls, rate: Rate, disk: float = 0.0, jobs: int = 1, start: float = 0.0) -> Self:
        """Return the work of *jobs* jobs that take *rate* in all and *start* seconds each to begin."""
        return cls(disk, rate.cpu + jobs * start, rate.gpu + (jobs * start if rate.gpu else 0.0))

    def __add__(self, other: "Work") -> "Work":
        """Return both together."""
        return Work(self.disk + other.disk, self.cpu + other.cpu, self.gpu + other.gpu)


@dataclass
class Row:
    """One split: its clips, those present, the corpora and number of weight files that are not there, and its work.

    The work is that of clips that no split before it has.
    """

    split: str
    label: str
    sources: list[str]
    codecs: list[str]
    clips: int
    present: int
    corpora: list[str]
    weights: int
    work: Work = field(default_factory=Work)


@dataclass
class Estimate:
    """The plan of a run.

    Attributes
    ----------
    rows : list of Row
    stages : dict of Work
        By name, in the order of the workflow.
    clips : int
        Distinct clips of the run.
    roots : list of str
        Corpora whose ``roots`` are not set.
    absent : dict
        Corpora whose folder is not there, and that folder.
    weights : list of str
        Official weight files that the run will fetch.
    rates : Rates
    """

    rows: list[Row]
    stages: dict[str, Work]
    clips: int
    roots: list[str]
    absent: dict[str, str]
    weights: list[str]
    rates: Rates


def estimate(config: Config, gpu: str | None = None) -> Estimate:
    """Return the `Estimate` of a validated configuration: a row for every split, also those whose corpora have no root.

    Stages and their sum leave these out, unless no training speech has a root. *gpu* is a card of ``costs.yaml``, by
    default its first.

    Raises
    ------
    NcstError
        If train, dev or an in-distribution split would be empty even with every corpus, or there is no such card.
    """
    rates = Rates(config, gpu)
    roots = [name for name in entries.selected(config, "corpora") if not config["roots"].get(name)]
    absent = selection.absent_roots(config)
    run, config = config, {**config, "roots": config["roots"] | dict.fromkeys(roots, "missing")}
    splits = selection.splits(config)
    if not selection.pairs(run, "train"):
        run = config
    running = {pair for split in selection.splits(run) for pair in selection.pairs(run, split)}
    frontends = list(dict.fromkeys(config["models"][m]["frontend"] for m in entries.selected(config, "models")))
    fetched = _unfetched(config, frontends, splits)
    released, rows = pair_folders(config), []
    stages: dict[str, Work] = {}
    ready: dict[Pair, int] = {}
    for split in splits:
        pairs = selection.pairs(config, split)
        needed = dict.fromkeys(c for name, _ in _made(config, pairs) for c in selection.drawn_from(run, name))
        row = _row(config, split, pairs, [name for name in needed if name in {*roots, *absent}], fetched)
        for pair in pairs:
            if pair not in ready:
                ready[pair] = _present(config, *pair)
                for stage, work in _work(config, rates, pair, frontends, pair in released):
                    row.work += work
                    if pair in running:
                        stages[stage] = stages.get(stage, Work()) + work
        row.present = min(row.clips, sum(ready[pair] for pair in pairs))
        rows.append(row)
    order = [name for stage in ("real speech", "resynthesis", "features") for name in stages if name.startswith(stage)]
    stages = {name: stages[name] for name in order} | _experiments(run, rates)
    clips = sum(sharding.most(config["sources"][source_set]) for source_set, _ in running)
    return Estimate(rows, stages, clips, roots, absent, fetched, rates)


def _unfetched(config: Config, frontends: list[str], splits: list[str]) -> list[str]:
    """Return the official weight files of codecs and front-ends that are not there yet."""
    codecs = dict.fromkeys(codec for split in splits for _, codec in _made(config, selection.pairs(config, split)))
    named = [("codecs", name) for name in codecs] + [("frontends", name) for name in frontends]
    files = dict.fromkeys(entries.weight_file(config, name, family) for family, name in named)
    return [file for file in files if file and not Path(file).is_file()]


def _made(config: Config, pairs: list[Pair]) -> list[Pair]:
    """Return the pairs that the official release does not have."""
    released = pair_folders(config)
    return [pair for pair in pairs if pair not in released]


def _row(config: Config, split: str, pairs: list[Pair], corpora: list[str], fetched: list[str]) -> Row:
    entry, made = config["splits"][split], _made(config, pairs)
    sources, codecs = ([*dict.fromkeys(names)] for names in zip(*pairs, strict=True))
    weights = len(set(fetched) & {entries.weight_file(config, name) for _, name in made})
    return Row(
        split, _label(config, entry, codecs), sources, codecs, selection.clips(config, split), 0, corpora, weights
    )


def _label(config: Config, entry: Entry, codecs: list[str]) -> str:
    if entry.get("balance"):
        return "0, 1"
    if entry["role"] == "unlabelled":
        return "none"
    if entry.get("label") is not None:
        return str(entry["label"])
    found = sorted({config["codecs"][name]["class_id"] for name in codecs} - {None})
    if len(found) > 2 and found == list(range(found[0], found[-1] + 1)):
        return f"{found[0]}-{found[-1]}"
    return ", ".join(map(str, found)) or "none"


def _present(config: Config, source_set: str, codec: str) -> int:
    """Count the usable clips in the shards of a pair."""
    pattern = f"{config['results']}/{config['name']}/audio/{{source_set}}/{{codec}}/{{shard}}.parquet"
    files = [path for path in sharding.pair_files(config, pattern, [(source_set, codec)]) if Path(path).is_file()]
    if not files:
        return 0
    from ncst.core import parquet

    return sum(parquet.read(path, ["status"], "shard")["status"].to_pylist().count("ok") for path in files)


def _work(config: Config, rates: Rates, pair: Pair, frontends: list[str], released: bool) -> Iterator[tuple[str, Work]]:
    """Yield (stage, work) of the audio and the features of one (source set, codec) pair."""
    source_set, codec = pair
    costs, clips = rates.costs, sharding.most(config["sources"][source_set])
    jobs, seconds = len(sharding.shards(config, source_set)), clips * costs["clip_seconds"]
    disk = 0.0 if released and not config["release"]["copy"] else seconds * costs["audio_bytes"]
    if codec == "real" or released:
        yield "real speech", Work.of(seconds * Rate(costs["write_real"]), disk, jobs, costs["start"])
    else:
        yield "resynthesis", Work.of(seconds * rates.resynthesis(codec), disk, jobs, costs["start"])
    for name in frontends:
        rate, size = rates.features(name)
        yield f"features {name}", Work.of(clips * rate, clips * size, jobs, costs["start"])


def _experiments(config: Config, rates: Rates) -> dict[str, Work]:
    """Return the work of training, scoring and detectors; models of one module stand together."""
    splits, costs = selection.splits(config), rates.costs
    roles = {split: config["splits"][split]["role"] for split in splits}
    tracers, detectors = entries.tracers(config), entries.selected(config, "detectors")
    models = {name: entries.module_of(config, "models", name) for name in entries.selected(config, "models")}
    together, detect = Counter(models.values()), Work()
    train: dict[str, Work] = {}
    score: dict[str, Work] = {}
    for model, module in models.items():
        entry, runs = entries.model_entry(config, model), len(entries.seeds(config, model))
        rate, epochs = rates.training(model), entry["training"]["epochs"]
        if model in tracers:
            tested = selection.tested_splits(config, model)
        else:
            tested = [split for split in splits if roles[split] in ("dev", "id", "single", "ood", "unlabelled")]
            tested.append(selection.training_splits(config, model)[0])
            rated = sum(selection.clips(config, split) for split in tested if roles.get(split) != "single")
            seconds = runs * len(detectors) * rated * costs["detect"]
            detect += Work.of(Rate(seconds), jobs=runs * len(detectors), start=1.0)
        learnt, checked = (selection.clips(config, split) for split in selection.training_splits(config, model))
        training = Work.of(runs * epochs * (learnt + checked / 3) * rate, jobs=runs, start=costs["start"])
        scored = runs / 3 * sum(selection.clips(config, split) for split in tested)
        scoring = Work.of(scored * rate, jobs=runs * len(tested), start=costs["start"])
        title = f"{module} ({together[module]} models)" if together[module] > 1 else model
        for stages, name, work in (
            (train, f"train {title}, {epochs} epochs x {runs}", training),
            (score, f"score {title}", scoring),
        ):
            stages[name] = stages.get(name, Work()) + work
    return train | score | {"detectors": detect} | _robustness(config, rates, [m for m in models if m not in tracers])


def _robustness(config: Config, rates: Rates, models: list[str]) -> dict[str, Work]:
    """Return the work of the robustness grid: every cell perturbed once, its features made for every model and seed."""
    wanted, cells, costs = config["robustness"], len(selection.robustness_cells(config)), rates.costs
    counts = [(wanted["known"], selection.splits(config, "id")), (wanted["unknown"], selection.splits(config, "ood"))]
    clips = cells * sum(min(most, selection.clips(config, split)) for most, splits in counts for split in splits)
    if not clips or not models:
        return {}
    work = Work.of(clips * Rate(costs["perturb"]), jobs=cells, start=1.0)
    for model in models:
        runs, frontend = len(entries.seeds(config, model)), config["models"][model]["frontend"]
        rate, score = rates.features(frontend)[0], (1 / 3) * rates.training(model)
        both = Rate(rate.cpu + score.cpu, rate.gpu + score.gpu)
        work += Work.of(runs * clips * both, jobs=runs, start=costs["start"])
    return {"robustness": work}
