"""What a run will make and take: clips, missing inputs, disk and hours of every split and stage.

Rates come from ``resources/costs.yaml``; clips that are there already are counted in the shards, audio unread.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from ncst.core.shipped import shipped
from ncst.plan import Config, Entry, Pair, entries, selection, sharding
from ncst.plan.official_release import pair_folders

COSTS = shipped("resources", "costs.yaml")
HOUR, GB = 3600, 1e9


@dataclass
class Work:
    """Disk in bytes and CPU seconds of one core; ``gpu`` is the part of these seconds that a GPU can take over."""

    disk: float = 0.0
    cpu: float = 0.0
    gpu: float = 0.0

    @classmethod
    def of(cls, seconds: float, disk: float = 0.0, jobs: int = 1, on_gpu: bool = True, start: float = 0.0) -> Self:
        """Return the work of *jobs* jobs of *seconds* in all, which each take *start* seconds to begin."""
        return cls(disk, seconds + jobs * start, seconds if on_gpu else 0.0)

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
    costs : dict
        The rates.
    """

    rows: list[Row]
    stages: dict[str, Work]
    clips: int
    roots: list[str]
    absent: dict[str, str]
    weights: list[str]
    costs: dict[str, Any]


def estimate(config: Config) -> Estimate:
    """Return the `Estimate` of a validated configuration: a row for every split, also those whose corpora have no root.

    Stages and their sum leave these out, unless no training speech has a root.

    Raises
    ------
    NcstError
        If train, dev or an in-distribution split would be empty even with every corpus.
    """
    costs = yaml.safe_load(COSTS.read_text(encoding="utf-8"))
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
        row = _row(config, split, pairs, {*roots, *absent}, fetched)
        for pair in pairs:
            if pair not in ready:
                ready[pair] = _present(config, *pair)
                for stage, work in _work(config, costs, pair, frontends, pair in released):
                    row.work += work
                    if pair in running:
                        stages[stage] = stages.get(stage, Work()) + work
        row.present = min(row.clips, sum(ready[pair] for pair in pairs))
        rows.append(row)
    order = [name for stage in ("real speech", "resynthesis", "features") for name in stages if name.startswith(stage)]
    stages = {name: stages[name] for name in order} | _experiments(run, costs)
    clips = sum(config["sources"][source_set]["size"] for source_set, _ in running)
    return Estimate(rows, stages, clips, roots, absent, fetched, costs)


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


def _row(config: Config, split: str, pairs: list[Pair], lacking: set[str], fetched: list[str]) -> Row:
    entry, made = config["splits"][split], _made(config, pairs)
    sources, codecs = ([*dict.fromkeys(names)] for names in zip(*pairs, strict=True))
    needed = dict.fromkeys(c for source_set, _ in made for c in config["sources"][source_set]["corpora"])
    corpora = [name for name in needed if name in lacking]
    weights = len(set(fetched) & {entries.weight_file(config, name) for _, name in made})
    return Row(
        split, _label(config, entry, codecs), sources, codecs, selection.clips(config, split), 0, corpora, weights
    )


def _label(config: Config, entry: Entry, codecs: list[str]) -> str:
    if entry.get("balance"):
        return "0, 1"
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


def _work(config: Config, costs: Entry, pair: Pair, frontends: list[str], released: bool) -> Iterator[tuple[str, Work]]:
    """Yield (stage, work) of the audio and the features of one (source set, codec) pair."""
    source_set, codec = pair
    clips, jobs = config["sources"][source_set]["size"], len(sharding.shards(config, source_set))
    seconds, disk = clips * costs["clip_seconds"], clips * costs["clip_seconds"] * costs["audio_bytes"]
    kind = entries.codec_entry(config, codec)["weights"]
    if codec == "real" or released:
        rate, stage = costs["write_real"], "real speech"
    else:
        rates = costs["resynthesize"][kind or "compact"]
        rate, stage = rates.get(entries.module_of(config, "codecs", codec), rates["default"]), "resynthesis"
    if released and not config["release"]["copy"]:
        disk = 0
    yield stage, Work.of(seconds * rate, disk, jobs, stage == "resynthesis", costs["start"])
    for name in frontends:
        rate, size = _feature_rate(config, costs, name)
        yield f"features {name}", Work.of(clips * rate, clips * size, jobs, start=costs["start"])


def _feature_rate(config: Config, costs: Entry, frontend: str) -> tuple[float, float]:
    """Return CPU seconds and bytes of the features of a clip."""
    rates = costs["compute_features"][entries.weights_kind(config, frontend)]
    return rates.get(frontend, rates["default"])


def _training_rate(config: Config, costs: Entry, model: str) -> float:
    """Return the CPU seconds of a clip in training; a third of it scores one."""
    rates = costs["train"][entries.model_entry(config, model)["size"]]
    return rates.get(entries.module_of(config, "models", model), rates["default"])


def _experiments(config: Config, costs: Entry) -> dict[str, Work]:
    """Return the work of training, scoring and detectors; models of one module stand together."""
    splits = selection.splits(config)
    roles = {split: config["splits"][split]["role"] for split in splits}
    tracers, detectors = entries.tracers(config), entries.selected(config, "detectors")
    models = {name: entries.module_of(config, "models", name) for name in entries.selected(config, "models")}
    together, detect = Counter(models.values()), Work()
    train: dict[str, Work] = {}
    score: dict[str, Work] = {}
    for model, module in models.items():
        entry, runs = entries.model_entry(config, model), len(entries.seeds(config, model))
        rate, epochs = _training_rate(config, costs, model), entry["training"]["epochs"]
        if model in tracers:
            tested = selection.tested_splits(config, model)
        else:
            tested = [split for split in splits if roles[split] in ("dev", "id", "single", "ood")]
            tested.append(selection.training_splits(config, model)[0])
            rated = sum(selection.clips(config, split) for split in tested if roles.get(split) != "single")
            seconds = runs * len(detectors) * rated * costs["detect"]
            detect += Work.of(seconds, jobs=runs * len(detectors), on_gpu=False, start=1.0)
        learnt, checked = (selection.clips(config, split) for split in selection.training_splits(config, model))
        training = Work.of(runs * epochs * (learnt + checked / 3) * rate, jobs=runs, start=costs["start"])
        seconds = runs * rate / 3 * sum(selection.clips(config, split) for split in tested)
        scoring = Work.of(seconds, jobs=runs * len(tested), start=costs["start"])
        title = f"{module} ({together[module]} models)" if together[module] > 1 else model
        for stages, name, work in (
            (train, f"train {title}, {epochs} epochs x {runs}", training),
            (score, f"score {title}", scoring),
        ):
            stages[name] = stages.get(name, Work()) + work
    return train | score | {"detectors": detect} | _robustness(config, costs, [m for m in models if m not in tracers])


def _robustness(config: Config, costs: Entry, models: list[str]) -> dict[str, Work]:
    """Return the work of the robustness grid: every cell perturbed once, its features made for every model and seed."""
    wanted, cells = config["robustness"], len(selection.robustness_cells(config))
    counts = [(wanted["known"], selection.splits(config, "id")), (wanted["unknown"], selection.splits(config, "ood"))]
    clips = cells * sum(min(most, selection.clips(config, split)) for most, splits in counts for split in splits)
    if not clips or not models:
        return {}
    work = Work.of(clips * costs["perturb"], jobs=cells, on_gpu=False, start=1.0)
    for model in models:
        runs, frontend = len(entries.seeds(config, model)), config["models"][model]["frontend"]
        rate = _feature_rate(config, costs, frontend)[0] + _training_rate(config, costs, model) / 3
        work += Work.of(runs * clips * rate, jobs=runs, start=costs["start"])
    return {"robustness": work}
