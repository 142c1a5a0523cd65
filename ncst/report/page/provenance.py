"""Where the numbers come from: versions, commit, machine, weight hashes, time per rule."""

import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path

import pandas as pd
import yaml
from safetensors import SafetensorError, safe_open

from ncst.core.files import sha256
from ncst.core.shipped import shipped
from ncst.errors import NcstError
from ncst.formats import features, shards
from ncst.plan import entries, paths, selection
from ncst.report.page.html_table import table

PACKAGES = (
    *(
        "ncst",
        "torch",
        "torchaudio",
        "transformers",
        "lightning",
        "numpy",
        "scipy",
        "pandas",
        "pyarrow",
        "scikit-learn",
    ),
    *(
        "soundfile",
        "soxr",
        "snac",
        "descript-audio-codec",
        "speechtokenizer",
        "snakemake",
        "altair",
        "vl-convert-python",
    ),
)


def config_yaml(config):
    """Return the merged configuration as YAML."""
    return yaml.safe_dump(json.loads(json.dumps(config)), sort_keys=False, allow_unicode=True, width=110)


def versions_table():
    """Return the installed version of every package that touches the numbers."""
    rows = []
    for name in PACKAGES:
        try:
            rows.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            rows.append((name, "not installed"))
    return table("versions", "Packages", f"Python {platform.python_version()}.", ["Package", "Version"], rows)


def machine():
    """Return facts of the code and of the machine that wrote the page, as {name: text}."""
    gpus = [_field(path, "Model") for path in Path("/proc/driver/nvidia/gpus").glob("*/information")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "Code": commit() or "no git checkout",
        "System": platform.platform(),
        "Processor": f"{_field(Path('/proc/cpuinfo'), 'model name') or platform.machine()}, {os.cpu_count()} threads",
        "Memory": f"{memory:.0f} GiB",
        "GPU": ", ".join(filter(None, gpus)) or "none",
    }


def commit():
    """Return the git commit of the code, with a note on uncommitted changes, or None outside a checkout."""
    folder = shipped()
    if not (folder / ".git").exists():
        return None
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True)
        changes = subprocess.run(
            ["git", "status", "--porcelain"], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + (" with uncommitted changes" if changes.stdout.strip() else "")


def _field(path, name):
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), None)


def weights_table(results):
    """Return the origin and SHA-256 of the weights of codecs, front-ends and ALMs, and of every trained model."""
    config, rows = results.config, []
    models = (config["models"].get(run["model"], {}) for run in results.runs + results.tracers)
    used = {
        "codecs": results.codecs(),
        "frontends": dict.fromkeys(model["frontend"] for model in models if "frontend" in model),
        "alms": [name for name in config.get("alms", {}) if config["roots"].get(name) == selection.GENERATE],
    }
    for family, names in used.items():
        for name in names:
            entry = config[family].get(name) or {}
            if entry.get("weights"):
                kind = entries.weights_kind(config, name)
                origin, digest = origin_of(config, name, family), _digest(config, name, family)
                rows.append((entry.get("title", name), kind, origin, digest))
    for run in results.runs + results.tracers:
        folder = paths.place(results.folder, paths.MODEL, model=run["model"], seed=run["seed"])
        path = folder / "model.safetensors"
        rows.append(
            (run["run"], "trained", f"{run['model']}, seed {run['seed']}", sha256(path) if path.exists() else None)
        )
    text = "SHA-256 of the file that was loaded; trained models are those of this run."
    return table("weights", "Weights", text, ["Network", "Kind", "Origin", "SHA-256"], rows)


def origin_of(config, name, family):
    """Return whose the weights of the codec, front-end or ALM *name* are, as far as the files themselves say it."""
    kind = entries.weights_kind(config, name)
    entry = config[family][name]["weights"].get(kind, {})
    file = Path(entry.get("file", ""))
    if kind == "compact":
        own = f"{config['results']}/{config['name']}/"
        return f"trained by this {'run' if str(file).startswith(own) else 'project'}, not the published weights"
    noted = _noted(file) if file.suffix == ".safetensors" and file.is_file() else {"fetched": "yes"}
    if "placed" in noted:
        return ", ".join(
            f"{name}: placed by hand, SHA-256 {digest}" for name, digest in json.loads(noted["placed"]).items()
        )
    if "fetched" not in noted:
        return f"{file}: placed by hand"
    if "repo" in entry:
        return f"{entry['repo']} at {str(entry.get('revision', '?'))[:12]}"
    return ", ".join(facts["url"] for facts in entry["files"].values())


def _noted(file):
    """Return what `ncst.fetch.weights` noted of the origin of *file*."""
    try:
        with safe_open(file, "numpy") as weights:
            return weights.metadata() or {}
    except (OSError, SafetensorError):
        return {}


def _digest(config, name, family):
    try:
        path = entries.weight_file(config, name, family)
    except (NcstError, KeyError):
        return None
    return sha256(path) if path and Path(path).is_file() else None


def precision_table(results):
    """Return what ran below fp32, or in smaller batches than it should, the worst of all shards; None without such."""
    shards_notes = [
        (names["codec"], shards.read_notes(path)) for path, names in paths.find(results.folder, paths.SHARD).items()
    ]
    found = shards_notes + features.all_notes(results.folder)
    rows = []
    for name in dict.fromkeys(name for name, notes in found if notes):
        precisions = [notes["precision"] for other, notes in found if other == name and "precision" in notes]
        held = [notes["batch"]["held"] for other, notes in found if other == name and "batch" in notes]
        rows.append(
            (
                name,
                precisions[0]["name"] if precisions else "fp32",
                max((about["relative_error"] for about in precisions), default=None),
                min((about["equal_codes"] for about in precisions if "equal_codes" in about), default=None),
                min(held, default=None),
            )
        )
    text = "Against fp32, on the first clips of each shard; the worst shard counts. Batch: what a full GPU held."
    columns = ["Network", "Precision", "Relative error", "Equal codes", "Batch"]
    return table("precision", "Precision", text, columns, rows) if rows else None


def rules_table(results):
    """Return jobs, wall time, CPU time and peak memory per rule, or None without benchmarks."""
    jobs = results.benchmarks
    if jobs.empty:
        return None
    numbers = jobs.assign(**{c: pd.to_numeric(jobs[c], errors="coerce") for c in ("s", "cpu_time", "max_rss")})
    rows = [
        (
            rule,
            len(group),
            *(float(v) / 60 for v in (group["s"].sum(), group["cpu_time"].sum())),
            float(group["max_rss"].max()),
        )
        for rule, group in numbers.groupby("rule", sort=False)
    ]
    columns = ["Rule", "Jobs", "Wall, min", "CPU, min", "Peak memory, MB"]
    return table("rules", "Time and memory", "Sums over the jobs of a rule, as Snakemake measured them.", columns, rows)
