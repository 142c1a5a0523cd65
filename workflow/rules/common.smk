import re

from snakemake.exceptions import WorkflowError

from ncst.core.shipped import located
from ncst.errors import NcstError
from ncst.plan import entries, official_release, selection, sharding
from ncst.plan.code import code_of
from ncst.plan.config import complete
from ncst.plan.pools import pool_of

try:
    complete(config)
    CODECS = selection.codecs(config)
    CORPORA = selection.corpora(config)
    SOURCES = selection.source_sets(config)
    SPLITS = selection.splits(config)
    MODELS = entries.selected(config, "models")
    DETECTORS = entries.selected(config, "detectors")
    TRACERS = entries.tracers(config)
    SOURCE_TRACERS = [name for name in MODELS if name not in TRACERS]
    SOURCE_RUNS = [f"{model}/seed-{seed}" for model in SOURCE_TRACERS for seed in entries.seeds(config, model)]
    REAL = selection.real_splits(config)
    CELLS = selection.robustness_cells(config)
except NcstError as error:
    raise WorkflowError(str(error))


PUBLISHED = {
    name: family for family in ("corpora", "releases") for name, entry in config[family].items() if "download" in entry
}
RESULTS = f"{config['results']}/{config['name']}"


pathvars:
    results=RESULTS,
    logs=f"{RESULTS}/logs",
    benchmarks=f"{RESULTS}/benchmarks",
    downloads=config["downloads"],


def any_of(names):
    """Wildcard constraint that matches exactly *names*."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    corpus=any_of(config["corpora"]),
    published=any_of(PUBLISHED),
    source_set=any_of(config["sources"]),
    codec=any_of(config["codecs"]),
    alm=any_of(config["alms"]),
    shard=r"\d{5}-of-\d{5}",
    split=any_of(config["splits"]),
    frontend=any_of(config["frontends"]),
    model=any_of(config["models"]),
    detector=any_of(config["detectors"]),
    perturbation=any_of(config["perturbations"]),
    seed=r"\d+",


RELEASED = list(official_release.pair_folders(config))


def is_listed(source_set):
    """Say whether the release itself lists a source set: not when it has no real speech of it and the corpora do."""
    known = {name for name, _ in RELEASED}
    return source_set in known and ((source_set, "real") in RELEASED or not selection.has_roots(config, source_set))


def any_pair(pairs):
    """Wildcard constraint of `source_set` that matches only before one of the codecs it is paired with in *pairs*."""
    return f"(?=({any_of(f'{source_set}/{codec}/' for source_set, codec in pairs)}))[^/]+"


def entry(family, wildcard):
    """Params function: the config entry of the job's *family* member."""
    return lambda wildcards: config[family][getattr(wildcards, wildcard)]


def code(family, wildcard):
    """Input function: the source files of the job's *family* member; their content decides, not their date."""
    return lambda wildcards: code_of(family, entries.module_of(config, family, getattr(wildcards, wildcard)))


def audio(found):
    """Shards of (source set, codec) pairs."""
    return sharding.pair_files(config, "<results>/audio/{source_set}/{codec}/{shard}.parquet", found)


def features(frontend, *splits):
    """Feature files of every clip of *splits*."""
    found = dict.fromkeys(pair for split in splits for pair in selection.pairs(config, split))
    return sharding.pair_files(
        config, "<results>/features/{frontend}/{source_set}/{codec}/{shard}.npy", found, frontend=frontend
    )


def of_role(*roles):
    """Selected splits of the given roles."""
    return selection.splits(config, *roles)


def user_of(path):
    """Return (family, name, entry) of the first registry entry whose official weights are the file *path*."""
    return next(
        (family, name, entry)
        for family in ("codecs", "frontends")
        for name, entry in config[family].items()
        if (entry.get("weights") or {}).get("official", {}).get("file") == path
    )


def speech_of(wildcards):
    """Input function: the speech that compact networks learn from, every configured corpus of people."""
    people = [name for name in CORPORA if entries.module_of(config, "corpora", name) != "alm"]
    return [selection.made_root(config, name) or config["roots"][name] for name in people]


def root_of(wildcards):
    """Input function: the folder to speak, fetch or generate first, where the corpus' root says so."""
    return selection.made_root(config, wildcards.corpus) or []


def back_end(wildcards):
    """The codec of a job's ALM."""
    return config["alms"][wildcards.alm]["codec"]


def indexes_of(wildcards):
    """Input function: the corpora that the source sets of the same pool draw from."""
    sets = pool_of(wildcards.source_set, {name: config["sources"][name] for name in SOURCES})
    names = [name for options in sets.values() for name in options["corpora"]]
    return expand("<results>/corpora/{corpus}.parquet", corpus=dict.fromkeys(names))


def augmentation_of(wildcards):
    """Input function: what the augmentation of a model's training reads, if it has one."""
    found = entries.model_entry(config, wildcards.model).get("augmentation")
    if not found:
        return []
    modules = {entries.module_of(config, "perturbations", name) for name in found["perturbations"]}
    files = [file for module in sorted(modules) for file in code_of("perturbations", module)]
    train = selection.training_splits(config, wildcards.model)[0]
    return [*files, *features(found["waveforms"], train), *([found["weights"]] if found["weights"] else [])]


def code_of_model(wildcards):
    """Input function: the source files of a model and of what its training minimises."""
    objective = entries.model_entry(config, wildcards.model)["training"].get("objective", {"name": "cross_entropy"})
    return [*code("models", "model")(wildcards), *code_of("objectives", objective["name"])]


def frontend_of(model):
    return config["models"][model]["frontend"]


def manifests_of(model):
    """Manifests that a model learns from: training, development."""
    return [f"<results>/manifests/{split}.parquet" for split in selection.training_splits(config, model)]


def training_scores(wildcards):
    """Input function: a model's scores of the split that it learnt from."""
    split = selection.training_splits(config, wildcards.model)[0]
    return f"<results>/scores/{wildcards.model}/seed-{wildcards.seed}/{split}.parquet"


def parameters_of(model, *splits_of):
    """Parameters of the codecs in splits of a taxonomy tracer; None for other models, which do not read them."""
    if model not in TRACERS:
        return None
    return selection.codec_parameters(config, [split for names in splits_of for split in names(config, model)])
