"""How a run fits into a day of one card: what each part that could be left out saves, and the longest chain of jobs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ncst.errors import NcstError
from ncst.plan import Config, entries, sharding
from ncst.plan.estimate import GB, HOUR, Estimate, Work, estimate
from ncst.plan.rates import Rate, Rates

DAY = 24.0  # hours


@dataclass(frozen=True)
class Cut:
    """Something to leave out; a *baseline* is left out last.

    ``hours`` of the card and ``disk`` in GB are what leaving out this one alone saves.
    """

    title: str
    models: frozenset[str] = frozenset()
    splits: frozenset[str] = frozenset()
    seeds: bool = False
    robustness: bool = False
    baseline: bool = False
    hours: float = 0.0
    disk: float = 0.0


@dataclass
class OneDay:
    """What to leave out: all that could be, largest first; what to take of it for a day; the hours that are left."""

    cuts: list[Cut]
    taken: list[Cut]
    hours: float


def one_day(config: Config, whole: Estimate, gpu: str | None = None) -> OneDay:
    """Return what to leave out of *config*, whose plan is *whole*, for a day of the card *gpu* (see `Rates`)."""
    before, cuts = total(whole), []
    for cut in _possible(config, {row.split for row in whole.rows}):
        try:
            left = total(estimate(_without(config, [cut]), gpu))
        except NcstError:  # something else needs it
            continue
        hours, disk = (before.gpu - left.gpu) / HOUR, (before.disk - left.disk) / GB
        cuts.append(Cut(**{**vars(cut), "hours": hours, "disk": disk}))
    cuts.sort(key=lambda cut: -cut.hours)
    taken: list[Cut] = []
    hours = before.gpu / HOUR
    for cut in sorted(cuts, key=lambda cut: cut.baseline):
        if hours <= DAY:
            break
        taken.append(cut)
        hours = total(estimate(_without(config, taken), gpu)).gpu / HOUR
    return OneDay(cuts, taken, hours)


def total(found: Estimate) -> Work:
    """Return the work of all stages."""
    return sum(found.stages.values(), Work())


def _possible(config: Config, splits: set[str]) -> Iterator[Cut]:
    if len(config["seeds"]) > 1:
        yield Cut(f"seeds but the first of {len(config['seeds'])}", seeds=True)
    if cells := config["robustness"]["perturbations"]:
        yield Cut(f"the robustness grid ({len(cells)} perturbations)", robustness=True)
    models = entries.selected(config, "models")
    tracers = frozenset(models).intersection(entries.tracers(config))
    roles = {split: config["splits"][split]["role"] for split in splits}
    if tracers:
        own = frozenset(split for split, role in roles.items() if role == "taxonomy")
        yield Cut(f"the taxonomy tracers ({len(tracers)})", tracers, own)
    tests = [split for split, role in roles.items() if role in ("single", "ood")]
    for group in dict.fromkeys(split.partition("/")[0] for split in tests):
        members = frozenset(split for split in tests if split.partition("/")[0] == group)
        yield Cut(f"{group} ({len(members)} splits)" if len(members) > 1 else next(iter(members)), splits=members)
    for model in models:
        if model not in tracers:
            yield Cut(f"the model {model}", frozenset([model]), baseline=True)


def _without(config: Config, cuts: Sequence[Cut]) -> Config:
    """Return *config* without what the *cuts* name."""
    models, splits = (frozenset[str]().union(*sets) for sets in zip(*((cut.models, cut.splits) for cut in cuts)))
    select, robustness = config["select"], config["robustness"]
    named = select.get("splits")
    return {
        **config,
        "splits": {name: entry for name, entry in config["splits"].items() if name not in splits},
        "select": {
            **select,
            "models": [name for name in entries.selected(config, "models") if name not in models],
            "splits": named and [name for name in named if name not in splits],
        },
        "seeds": config["seeds"][:1] if any(cut.seeds for cut in cuts) else config["seeds"],
        "robustness": {**robustness, "perturbations": []} if any(cut.robustness for cut in cuts) else robustness,
    }


def longest_chain(config: Config, found: Estimate) -> dict[str, float]:
    """Return the jobs of the chain that no number of cards shortens and their hours, in order.

    The slowest codec on the largest shard of the training speech, its features, the longest training of one seed and
    the scores of the largest split.
    """
    rates = found.rates
    rows = {row.split: row for row in found.rows}
    chains = []
    for model in entries.selected(config, "models"):
        if "train" not in rows or model in entries.tracers(config):
            continue
        learnt, checked = (rows[config["models"][model].get(part, part)] for part in ("train", "dev"))
        shard = max(_largest_shard(config, source_set) for source_set in learnt.sources)
        seconds = shard * rates.costs["clip_seconds"]
        codec = max((name for name in learnt.codecs if name != "real"), key=lambda name: rates.resynthesis(name).gpu)
        frontend, rate = config["models"][model]["frontend"], rates.training(model)
        epochs = entries.model_entry(config, model)["training"]["epochs"]
        largest = max(row.clips for row in rows.values() if config["splits"][row.split]["role"] in ("id", "ood"))
        jobs = {
            f"resynthesis {codec}": seconds * rates.resynthesis(codec),
            f"features {frontend}": shard * rates.features(frontend)[0],
            f"train {model}": epochs * (learnt.clips + checked.clips / 3) * rate,
            f"score {model}": largest / 3 * rate,
        }
        chains.append({name: _hours(rates, work) for name, work in jobs.items()})
    return max(chains, key=lambda chain: sum(chain.values()), default={})


def _largest_shard(config: Config, source_set: str) -> int:
    size, count = config["sources"][source_set]["size"], len(sharding.shards(config, source_set))
    return -(-size // count)


def _hours(rates: Rates, rate: Rate) -> float:
    return ((rate.gpu or rate.cpu) + rates.costs["start"]) / HOUR
