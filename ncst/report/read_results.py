"""What the report reads: metrics, manifests, shard rows without audio, indices, learning curves and benchmarks."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ncst.core import parquet
from ncst.errors import NcstError
from ncst.formats import maps, shards, sources
from ncst.formats.findings import ROBUSTNESS, SHORTCUTS, UNSEEN_REAL
from ncst.formats.metrics import METRICS
from ncst.plan import entries, inputs, paths
from ncst.report.titles import titled

CLIP_COLUMNS = [
    *("utt_id", "source_set", "corpus", "speaker", "language", "gender", "codec", "vq", "aux", "dec"),
    *("bitrate_kbps", "native_rate", "duration", "rms_db", "delay_ms", "status", "reason"),
]
INDEX_COLUMNS = ["corpus", "speaker", "language", "duration", "status", "reason"]


@dataclass(frozen=True)
class Results:
    """Everything the page shows, as read from one results folder.

    Attributes
    ----------
    folder : Path
        ``<results>``.
    config : dict
        The merged configuration.
    runs : list of dict
        The metrics object of every trained model, in the order of the config, then by seed; ``run`` names it and
        ``refused`` says why it has no out-of-distribution numbers, or is None.
    tracers : list of dict
        The same of the taxonomy tracers, without ``refused``.
    robustness, unseen_real : lists of dict
        The same of `ncst.formats.findings`, named by ``run`` as well.
    shortcuts : dict
        The shortcut audit; empty without one.
    clips : DataFrame
        One row per row of the audio shards (`CLIP_COLUMNS`, ``shard_file`` relative to ``<results>/audio``, ``row``).
    index : DataFrame
        One row per recording of every corpus (`INDEX_COLUMNS`).
    splits : DataFrame
        Clips per ``split, label, source_set, codec``.
    curves : DataFrame
        Learning curves in long form: ``run, curve, epoch, value``.
    maps : DataFrame
        Places on the embedding maps: ``run`` and the columns of `ncst.formats.maps`.
    benchmarks : DataFrame
        ``rule`` and the measurements of every job.
    """

    folder: Path
    config: dict
    runs: list
    tracers: list
    robustness: list
    unseen_real: list
    shortcuts: dict
    clips: pd.DataFrame
    index: pd.DataFrame
    splits: pd.DataFrame
    curves: pd.DataFrame
    maps: pd.DataFrame
    benchmarks: pd.DataFrame

    def title(self, codec):
        """Return the codec's title, or its name where the config has none."""
        return inputs.codec_title(self.config, codec) if codec in self.config["codecs"] else codec

    def detector(self, name):
        """Return the detector's title, or its name where the config has none."""
        return self.config["detectors"].get(name, {}).get("title", name)

    @property
    def resampled(self):
        """What the bootstrap behind the intervals resamples."""
        return "speakers and their utterances" if "speaker" in self.config["bootstrap"]["clusters"] else "utterances"

    def codecs(self):
        """Return the codecs that have audio, by class; those the config no longer has come last."""
        present, known = set(self.clips["codec"].unique()), self.config["codecs"]
        ordered = sorted(known, key=lambda name: entries.by_class(known[name]))
        return [c for c in ordered if c in present] + sorted(present - set(known))

    def rate(self, codec):
        """Return the sample rate at which *codec* works, in Hz, or None where the config does not say."""
        return entries.codec_entry(self.config, codec).get("sample_rate") if codec in self.config["codecs"] else None

    def weights(self, codec):
        """Return ``official``, ``compact`` or None: the weights that made the clips of *codec*."""
        entry = self.config["codecs"].get(codec) or {}
        return entries.weights_kind(self.config, codec) if entry.get("weights") else None


def read_results(folder, config):
    """Read the results folder *folder* of the merged configuration *config*.

    Raises
    ------
    NcstError
        If it holds no metrics or no audio, or a file in it is broken.
    """
    folder = Path(folder)
    runs, tracers = _runs(folder, config)
    return Results(
        folder=folder,
        config=config,
        runs=runs,
        tracers=tracers,
        robustness=_objects(folder, paths.ROBUSTNESS, ROBUSTNESS, config),
        unseen_real=_objects(folder, paths.UNSEEN_REAL, UNSEEN_REAL, config),
        shortcuts=_shortcuts(folder),
        clips=_clips(folder),
        index=_frame(folder, paths.INDEX, INDEX_COLUMNS, "index of a corpus"),
        splits=_splits(folder),
        curves=_curves(folder, runs + tracers),
        maps=_maps(folder, runs),
        benchmarks=_benchmarks(folder),
    )


def missing_ids(folder):
    """Return ``{source set: facts}`` of the sets whose list names utterances that the corpora lack.

    See `ncst.formats.sources.read_facts`.
    """
    found = {names["source_set"]: sources.read_facts(path) for path, names in paths.find(folder, paths.SOURCES).items()}
    return {name: facts for name, facts in found.items() if facts["missing"]}


def _runs(folder, config):
    runs = _objects(folder, paths.METRICS, METRICS, config)
    if not runs:
        raise NcstError(f"{folder}/metrics holds no metrics: run `snakemake` up to the metrics before the report.")
    for run in runs:
        if "ood" in run:
            run["refused"] = run["ood"].pop("refused", None)
    return [run for run in runs if "taxonomy" not in run], [run for run in runs if "taxonomy" in run]


def _objects(folder, pattern, form, config):
    """Return the JSON object of every model and seed below *folder*, in the order of the config, named by ``run``."""
    order = {name: i for i, name in enumerate(config["models"])}
    runs = [titled(form.read(path), inputs.titles(config)) for path in paths.find(folder, pattern)]
    runs.sort(key=lambda r: (order.get(r["model"], len(order)), r["seed"]))
    several = len({r["seed"] for r in runs}) > 1
    for run in runs:
        run["run"] = f"{run['title']}, seed {run['seed']}" if several else run["title"]
    return runs


def _shortcuts(folder):
    path = paths.place(folder, paths.SHORTCUTS)
    return SHORTCUTS.read(path) if path.exists() else {}


def _clips(folder):
    root = folder / paths.AUDIO
    tables = []
    for path in paths.find(folder, paths.SHARD):
        frame = shards.read_columns(path, CLIP_COLUMNS).to_pandas()
        tables.append(frame.assign(shard_file=path.relative_to(root).as_posix(), row=range(len(frame))))
    if not tables:
        raise NcstError(f"{root} holds no audio: run `snakemake` before the report.")
    return pd.concat(tables, ignore_index=True)


def _frame(folder, pattern, columns, what):
    tables = [parquet.read(path, columns, what).to_pandas() for path in paths.find(folder, pattern)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _splits(folder):
    keys = ["split", "label", "source_set", "codec"]
    clips = _frame(folder, paths.MANIFEST, keys, "manifest")
    return clips.groupby(keys, sort=False, dropna=False).size().rename("clips").reset_index()


def _curves(folder, runs):
    tables = []
    for run in runs:
        path = paths.place(folder, paths.CURVES, model=run["model"], seed=run["seed"])
        if path.exists():
            frame = pd.read_csv(path)
            long = frame.melt(id_vars=frame.columns[0], var_name="curve", value_name="value")
            tables.append(long.rename(columns={frame.columns[0]: "epoch"}).assign(run=run["run"]).dropna())
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["run", "curve", "epoch", "value"])


def _maps(folder, runs):
    places = [(run["run"], paths.place(folder, paths.MAP, model=run["model"], seed=run["seed"])) for run in runs]
    tables = [maps.read_map(path).assign(run=run) for run, path in places if path.exists()]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["run"])


def _benchmarks(folder):
    root = folder / "benchmarks"
    rows = []
    for path in sorted(root.rglob("*.jsonl")):
        rule = path.relative_to(root).parts[0].removesuffix(".jsonl")
        rows += [json.loads(line) | {"rule": rule} for line in path.read_text(encoding="utf-8").splitlines() if line]
    return pd.DataFrame(rows, columns=["rule", "s", "cpu_time", "max_rss"])
