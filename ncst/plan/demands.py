"""What a job asks a cluster for: memory in MB and time in minutes, for the sizes that a configuration runs at."""

import functools
import math
from pathlib import Path

from ncst.plan import Config, entries, inputs, selection, sharding
from ncst.plan.rates import Rate, Rates

SMALL = 2000  # MB of a job without a network or with a compact one; the largest of them takes half of it
START, ROOM = 60, 4  # minutes that any job may take, and how many times as long as planned
DAY = 24 * 60

CODEC = {"official": 8000, "compact": 3000}
FRONTEND = {"official": 6000, "compact": SMALL}
TRAINING = {"waveform": 16_000, "default": 12_000, "compact": 3000}
SCORING = {"waveform": 13_000, "default": 6000, "compact": SMALL}
"""By the module of the front-end: AASIST at its published size takes 8.9 GB to score waveforms, 10.7 GB to learn."""

ALM, LOADED = 24_000, 2.5  # MB of one whose files are not there yet; memory of one that is, as a multiple of its files


class Demands:
    """Memory and time of jobs whose networks have several sizes.

    Each is that of a first attempt: a half more than what was measured, and `ROOM` times what ``resources/costs.yaml``
    says.

    Parameters
    ----------
    config : dict
        A complete configuration.
    """

    def __init__(self, config: Config) -> None:
        self.config = config

    @functools.cached_property
    def rates(self) -> Rates:
        """The seconds that the plan counts with."""
        return Rates(self.config)

    def codec_memory(self, codec: str) -> int:
        """Return the MB of passing a shard through *codec*."""
        return CODEC[self._kind(codec)] if self.config["codecs"][codec].get("weights") else SMALL

    def codec_time(self, codec: str, source_set: str) -> int:
        """Return the minutes of passing a shard of *source_set* through *codec*."""
        seconds = self._shard(source_set) * self.rates.costs["clip_seconds"]
        return _minutes(seconds * self.rates.resynthesis(codec), inputs.cards(self.config, codec))

    def frontend_memory(self, frontend: str) -> int:
        """Return the MB of computing the features of a shard."""
        return FRONTEND[self._kind(frontend)] if self.config["frontends"][frontend].get("weights") else SMALL

    def frontend_time(self, frontend: str, source_set: str) -> int:
        """Return the minutes of computing the features of a shard of *source_set*."""
        rate, _ = self.rates.features(frontend)
        return _minutes(self._shard(source_set) * rate, inputs.cards(self.config, frontend, "frontends"))

    def alm_memory(self, alm: str) -> int:
        """Return the MB of generating speech with *alm*: more than its files hold, once they are there."""
        if self._kind(alm) == "compact":
            return SMALL
        folder = Path(entries.weight_file(self.config, alm, "alms") or "")
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
        return CODEC["official"] + math.ceil(LOADED * size / 1e6) if size else ALM

    def alm_time(self, alm: str) -> int:
        """Return the minutes of generating speech with *alm*."""
        return 60 if self._kind(alm) == "compact" else DAY

    def training_memory(self, model: str) -> int:
        """Return the MB of a training of *model*."""
        return self._of_model(TRAINING, model)

    def training_time(self, model: str) -> int:
        """Return the minutes of a training of *model*, which goes on where time ended it."""
        return DAY if self._published(model) else 120

    @functools.cached_property
    def scoring_memory(self) -> int:
        """The MB of scoring clips with any of the selected models: tasks of one array are alike."""
        return max((self._of_model(SCORING, model) for model in entries.selected(self.config, "models")), default=SMALL)

    @functools.cached_property
    def scoring_time(self) -> int:
        """The minutes of scoring the longest split with any of the selected models."""
        clips = max((selection.clips(self.config, split) for split in selection.splits(self.config)), default=0)
        rates = [self.rates.training(model) for model in entries.selected(self.config, "models")]
        return max((_minutes(clips / 3 * rate, self.config["gpu"]) for rate in rates), default=START)

    def _kind(self, name: str) -> str:
        return entries.weights_kind(self.config, name)

    def _published(self, model: str) -> bool:
        return entries.model_entry(self.config, model)["size"] == "published"

    def _of_model(self, table: dict[str, int], model: str) -> int:
        if not self._published(model):
            return table["compact"]
        module = entries.module_of(self.config, "frontends", self.config["models"][model]["frontend"])
        return table.get(module, table["default"])

    def _shard(self, source_set: str) -> int:
        """Return how many clips a shard of *source_set* has at most."""
        entry = self.config["sources"][source_set]
        return min(sharding.most(entry), entry["shard_size"])


def _minutes(work: Rate, gpu: int) -> int:
    """Return the minutes that a job with *gpu* cards, or one core, may take for *work*."""
    return START * (1 + math.floor(ROOM * (work.gpu if gpu else work.cpu) / 60 / START))
