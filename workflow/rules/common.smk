import re
import shlex
import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError

from ncst.core.devices import check_gpus
from ncst.core.job import note_killed
from ncst.core.shipped import located
from ncst.errors import NcstError
from ncst.plan import entries, folders, inputs, needs, official_release, paths, selection
from ncst.plan.code import code_of
from ncst.plan.config import complete, typed
from ncst.plan.demands import Demands
from ncst.plan.init_folder import place_problem

BEGUN = time.time()
SCRIPTS = Path(workflow.current_basedir.get_path_or_uri(secret_free=False)).parent / "scripts"
for place in map(str, (Path.cwd(), SCRIPTS.parent)):
    if problem := place_problem(place):
        raise WorkflowError(f"{problem}: move the project to a path without.")

# Snakemake hands the path of its interpreter to the shell as it is; this one may hold spaces or parentheses.
sys.executable = shlex.quote(sys.executable)

try:
    # over what Snakemake has read; each job reads all again, and need not check it again
    config.update(complete(config, typed(workflow.config_settings.config), check=workflow.is_main_process))
    CODECS = selection.codecs(config)
    CORPORA = selection.corpora(config)
    SOURCES = selection.source_sets(config)
    SPLITS = selection.splits(config)
    MODELS = entries.selected(config, "models")
    DETECTORS = entries.selected(config, "detectors")
    TRACERS = entries.tracers(config)
    SOURCE_TRACERS = [name for name in MODELS if name not in TRACERS]
    SOURCE_RUNS = inputs.runs(config, SOURCE_TRACERS)
    REAL = selection.real_splits(config)
    CELLS = selection.robustness_cells(config)
    config["folders"] = inputs.folders(config)  # for scripts: where corpora lie is in no job's params
    if workflow.is_main_process:
        code_of(SCRIPTS / "plan.py", *inputs.used_plugins(config))  # a plugin that is missing or broken is said here
except NcstError as error:
    raise WorkflowError(str(error))

if workflow.is_main_process:  # also where nothing is to be done, and onstart is not reached
    for sentence in (*selection.narrowed(config), *folders.changes(config, selection.own_roots(config))):
        logger.warning(sentence)


onstart:  # of a run, in its main process, before any job
    queued = list(workflow.dag.needrun_jobs())
    try:
        if any(job.rule.name == "index_corpus" for job in queued):
            inputs.check_roots(config)
        if workflow.local_exec and any(job.resources.get("gpu") for job in queued):
            limit = workflow.global_resources.get("gpu")
            check_gpus(config["gpu"], limit and limit.value, shlex.split(sys.executable)[0])
    except NcstError as error:
        raise WorkflowError(str(error))


onerror:
    for job in workflow.dag.needrun_jobs():  # those that are not finished
        if job.log:
            asked = f"{job.resources.get('mem_mb')} MB and {job.resources.get('runtime')} minutes"
            if said := note_killed(job.log[0], BEGUN, asked):
                logger.error(f"{job.log[0]}: {said}")


DEMANDS = Demands(config)
PUBLISHED = inputs.published(config)
RELEASED = list(official_release.pair_folders(config))
MODEL_RUN = paths.RUN
CARDS = min(1, config["gpu"])  # of a job that runs a network; a training takes all that are asked for
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
    weights=any_of(inputs.weights_users(config)),


def any_pair(pairs):
    """Wildcard constraint of `source_set` that matches only before one of the codecs it is paired with in *pairs*."""
    return f"(?=({any_of(f'{source_set}/{codec}/' for source_set, codec in pairs)}))[^/]+"


def of_role(*roles):
    """Selected splits of the given roles."""
    return selection.splits(config, *roles)


def per(function, *wildcards, **constants):
    """Function of a job: what *function* of the config says of the job's *wildcards*, or the end of the run."""

    def of(job):
        try:
            return function(config, *(getattr(job, wildcard) for wildcard in wildcards), **constants)
        except NcstError as error:  # not as an exception, which Snakemake shows with a traceback
            sys.exit(f"error: {error}")

    return of


def growing(amount, *wildcards):
    """Resource function: *amount*, or what it says of the job's *wildcards*, once for each attempt."""

    def of(job, attempt):
        named = [getattr(job, wildcard) for wildcard in wildcards]
        return attempt * (amount(*named) if callable(amount) else amount)

    return of


def entry(family, wildcard, key=None):
    """Params function: the config entry of the job's *family* member without its prose, or one *key* of it."""

    def of(job):
        found = config[family][getattr(job, wildcard)]
        return found[key] if key else inputs.facts(found)

    return of


def folder(*parts):
    """Params function: a folder of the results, its *parts* with the job's wildcards filled in."""
    return lambda job: "/".join((RESULTS, *parts)).format(**dict(job.items()))


def code(script, **members):
    """Params function: hash of the code that a script runs, with the plugins of each family's *members*.

    Members are a list of entries, or the wildcard that names the job's own.
    """

    def of(job):
        names = {f: [getattr(job, m)] if isinstance(m, str) else m for f, m in members.items()}
        plugins = [plugin for f in names for name in names[f] for plugin in inputs.plugins(config, f, name)]
        return code_of(SCRIPTS / f"{script}.py", *plugins)

    return of
