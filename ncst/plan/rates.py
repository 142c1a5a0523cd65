"""How fast a core and a card are: ``resources/costs.yaml``, read by the plan and updated by measurements."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ncst.core.files import PathLike, atomic
from ncst.core.shipped import shipped
from ncst.errors import NcstError
from ncst.plan import Config, Entry, entries

COSTS = shipped("resources", "costs.yaml")
MEASURED = ("resynthesize", "compute_features", "train")


@dataclass
class Rate:
    """Seconds of one core and of the card for a unit of work; the card's are 0 where it has no part in it."""

    cpu: float
    gpu: float = 0.0

    def __rmul__(self, amount: float) -> "Rate":
        """Return the rate of *amount* units."""
        return Rate(amount * self.cpu, amount * self.gpu)


class Rates:
    """What a unit of each stage takes, on a core and on a card.

    Where the card was not measured, it stands for ``cores`` cores.

    Parameters
    ----------
    config : dict
        A complete configuration.
    gpu : str, optional
        A card of ``costs.yaml``; default: its first.

    Attributes
    ----------
    costs : dict
        Content of ``costs.yaml``.
    card : dict
        The card's entry.
    assumed : set of str
        Stages that were asked for and that the card has no measurement of.

    Raises
    ------
    NcstError
        If there is no such card.
    """

    def __init__(self, config: Config, gpu: str | None = None) -> None:
        self.config = config
        self.costs: dict[str, Any] = yaml.safe_load(COSTS.read_text(encoding="utf-8"))
        cards = self.costs["cards"]
        if gpu is not None and gpu not in cards:
            raise NcstError(
                f"{COSTS} has no card {gpu!r}, only {', '.join(cards)}: measure it with "
                f"`python benchmarks/gpu.py`, or name one of these."
            )
        self.card = cards[gpu or next(iter(cards))]
        self.assumed: set[str] = set()

    def resynthesis(self, codec: str) -> Rate:
        """Return the rate of a second of speech through *codec*."""
        kind = entries.codec_entry(self.config, codec)["weights"] or "compact"
        module, rates = entries.module_of(self.config, "codecs", codec), self.costs["resynthesize"][kind]
        speed = self._speed("resynthesize", kind == "official", module)
        return self._rate("resynthesis", rates.get(module, rates["default"]), speed)

    def features(self, frontend: str) -> tuple[Rate, float]:
        """Return the rate of a clip of *frontend* and the bytes of its features; one without weights needs no card."""
        kind = entries.weights_kind(self.config, frontend)
        rates, entry = self.costs["compute_features"][kind], self.config["frontends"][frontend]
        cpu, size = rates.get(frontend, rates["default"])
        if not entry.get("weights"):
            return Rate(cpu), size
        speed = self._speed("compute_features", kind == "official", frontend, entry.get("precision", "fp32"))
        return self._rate("features", cpu, speed), size

    def training(self, model: str) -> Rate:
        """Return the rate of a clip in training; a third of it scores one."""
        size, module = entries.model_entry(self.config, model)["size"], entries.module_of(self.config, "models", model)
        rates = self.costs["train"][size]
        speed = self._speed("train", size == "published", module)
        return self._rate("training", rates.get(module, rates["default"]), speed)

    def _speed(self, stage: str, measured: bool, *names: str) -> float | None:
        """Return the units a second that were measured of the card, or None."""
        found: Any = self.card.get(stage, {}) if measured and self.card["measured"] else {}
        for name in names:
            found = found.get(name) or {}
        return found or None

    def _rate(self, stage: str, cpu: float, speed: float | None) -> Rate:
        if speed is None:
            self.assumed.add(stage)
        return Rate(cpu, 1 / speed if speed else cpu / self.costs["gpu_cores"])


def update_card(name: str, card: str, rates: Mapping[str, Mapping[str, Any]], path: PathLike = COSTS) -> dict[str, Any]:
    """Write what was measured of a card into ``costs.yaml`` and return its entry; the rest of the file stays as it is.

    An entry of ``cards`` has ``card`` (the name that the driver gives), ``measured`` (true once this function has
    written it) and, as far as they were measured, all with official weights or published sizes:

    - ``resynthesize``: {codec module: seconds of audio per second};
    - ``compute_features``: {front-end: {fp32 | tf32 | bf16 | fp16: clips per second}};
    - ``train``: {model module: clips per second of training steps}.

    What another measurement of the same card has found, and *rates* does not hold, is kept; that of another card of
    this name is not.

    Parameters
    ----------
    name : str
        What ``ncst plan --gpu`` takes, such as ``h100``.
    card : str
        ``torch.cuda.get_device_name()``.
    rates : dict
        Those of `MEASURED` that were measured.
    path : path
        Another file to update.

    Raises
    ------
    NcstError
        If *rates* has an unknown key or a rate that is no positive number, or the file cannot be written.
    """
    _check(rates)
    text = Path(path).read_text(encoding="utf-8")
    cards: dict[str, Entry] = yaml.safe_load(text)["cards"]
    found = cards.get(name, {})
    if not found.get("measured") or found["card"] != card:
        found = {}
    entry: dict[str, Any] = {"card": card, "measured": True}
    for stage in MEASURED:
        if stage in found or stage in rates:
            entry[stage] = _merged(found.get(stage, {}), rates.get(stage, {}))
    start = text.index("\ncards:") + 1
    head = text[start:].partition("\n")[0]
    body = yaml.safe_dump({**cards, name: entry}, sort_keys=False, default_flow_style=None, width=10_000)
    with atomic(path) as temporary:
        indented = "".join(f"  {line}\n" for line in body.splitlines())
        temporary.write_text(f"{text[:start]}{head}\n{indented}", encoding="utf-8")
    return entry


def _check(rates: Mapping[str, Any]) -> None:
    if unknown := rates.keys() - set(MEASURED):
        raise NcstError(f"Rates of {sorted(unknown)} are none of {', '.join(MEASURED)}.")
    for stage, found in rates.items():
        for name, rate in found.items():
            for value in rate.values() if isinstance(rate, Mapping) else (rate,):
                if not isinstance(value, int | float) or not 0 < value < float("inf"):
                    raise NcstError(f"The rate {value!r} of {stage}.{name} is no positive number.")


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return *old* with the rates of *new*, three significant digits each."""
    merged = dict(old)
    for name, rate in new.items():
        if isinstance(rate, Mapping):
            merged[name] = _merged(old.get(name, {}), rate)
        else:
            merged[name] = float(f"{rate:.3g}")
    return merged
