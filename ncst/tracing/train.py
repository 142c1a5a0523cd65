"""Training: one model, one seed, from features on disk to weights, chosen by the loss on the development set."""

import json
import logging
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save

from ncst import registry
from ncst.core.csv_text import csv_text
from ncst.core.devices import device_of
from ncst.core.files import atomic, sha256
from ncst.core.seeds import seed_of
from ncst.errors import NcstError
from ncst.formats.features import FeatureStore
from ncst.formats.manifests import read_manifest
from ncst.plan.code import code_of
from ncst.tracing import taxonomy
from ncst.tracing.augmentation import Augmentation
from ncst.tracing.batches import Clips
from ncst.tracing.loss import objective_of
from ncst.tracing.recipe import read_recipe
from ncst.tracing.sampling import groups_of


@dataclass(frozen=True)
class Machine:
    """Where a training runs.

    Attributes
    ----------
    device : str
        ``cpu`` or ``cuda``.
    workers : int
        Processes that read features.
    devices : int
        Processes with a GPU each, or a share of the CPU, that take their parts of every batch.
    """

    device: str = "cpu"
    workers: int = 0
    devices: int = 1

    def check(self):
        """Take the GPUs; raise a `NcstError` if there are not as many as are asked for."""
        device_of(self.device, self.devices)


def train(model_entry, name, seed, manifests, results, out_dir, parameters=None, machine=None):
    """Train one model with one seed and write ``model.safetensors``, ``model.json`` and ``curves.csv``.

    The epoch with the lowest development loss, averaged over clips, is kept; ``last.safetensors`` holds the weights of
    the last one and ``tensorboard`` the curves. ``last.ckpt`` holds all state after each epoch until the end; the same
    call after an interruption goes on from there and, on a CPU with as many threads, ends with the same weights to the
    bit.

    Parameters
    ----------
    model_entry : dict
        The model's entry of ``config/models.yaml``: ``frontend``, ``options`` and ``training``; missing keys of
        ``training`` take the values of `recipe.DEFAULTS`, those of the published baselines. With ``heads`` (see
        `taxonomy.heads_of`) it is a taxonomy tracer. Where ``training`` has ``augment``, ``augmentation`` says
        what that is (`ncst.plan.entries.model_entry`). With ``checkpoint``, a published file, its weights are taken as
        they are and nothing is trained. A model that is `training_free` sees the training clips once.
    name : str
        The model's name; its module unless the entry has a ``module`` key.
    seed : int
        Decides initial weights, order, crops and dropout.
    manifests : (path, path)
        Of the training and the development split; labels are class ids, those of a taxonomy tracer the columns
        ``vq``, ``aux`` and ``dec``.
    results : path
        The results folder with the features.
    out_dir : path
        The folder to write to.
    parameters : dict, optional
        Codec to its parameters, for the head ``parameters`` (`ncst.plan.selection.codec_parameters`).
    machine : Machine, optional
        Default: one process on the CPU.

    Raises
    ------
    NcstError
        If a class has no training clips, features are missing or were not made alike, the loss is not a number, an
        option is unknown, there is no GPU where one is asked for, or the disk is full.
    """
    machine, recipe = machine or Machine(), read_recipe(name, model_entry.get("training") or {})
    if machine.device == "cpu" and recipe["precision"] == "fp16":
        raise NcstError(f"models.{name}.training.precision is fp16, which needs a GPU: use fp32 or bf16 on a CPU.")
    machine.check()
    if model_entry.get("checkpoint") and not Path(model_entry["checkpoint"]).is_file():
        raise NcstError(f"models.{name}: the checkpoint {model_entry['checkpoint']} does not exist.")
    columns, task, targets = _task(model_entry, manifests, parameters or {})
    augmentation = _augmentation(name, model_entry, recipe, results, machine.device)
    store = FeatureStore(results, model_entry["frontend"], augmentation and augmentation.fingerprint)
    groups = groups_of(recipe["sampler"], columns[0]["label"], columns[0]["corpus"])
    read = augmentation.store if augmentation else store
    sets = [
        Clips(columns[0], read, recipe["crop"], targets[0], augmentation, groups),
        Clips(columns[1], store, recipe["crop"], targets[1]),
    ]
    if augmentation and not augmentation.in_workers:
        machine = replace(machine, workers=0)
    facts = {
        "name": name,
        "module": model_entry.get("module", name),
        "seed": seed,
        "frontend": model_entry["frontend"],
        "options": model_entry.get("options") or {},
        "augmentation": model_entry.get("augmentation"),
        "shape": list(sets[0].shape),
        "training": recipe,
        **task,
        "clips": dict(zip(("train", "dev"), map(len, sets))),
        "manifests": dict(zip(("train", "dev"), map(sha256, manifests))),
        "fingerprint": store.fingerprint,
        "code": code_of(
            __file__, ("models", model_entry.get("module", name)), ("objectives", recipe["objective"]["name"])
        ),
    }
    if model_entry.get("checkpoint"):
        checkpoint = model_entry["checkpoint"]
        facts["checkpoint"] = {"file": str(checkpoint), "sha256": sha256(checkpoint)}
    _write(_fit(facts, sets, Path(out_dir) / "last.ckpt", machine), facts, Path(out_dir))


def _task(model_entry, manifests, parameters):
    """Return columns and targets of both *manifests*, and between them what ``model.json`` says of the outputs."""
    needed = ("label", "codec", "corpus", "shard_file", "row", *(taxonomy.COLUMNS if model_entry.get("heads") else ()))
    columns = [read_manifest(path, needed).to_pydict() for path in manifests]
    if model_entry.get("heads"):
        heads = taxonomy.describe(model_entry["heads"], *columns, parameters, manifests)
        targets = [taxonomy.targets(heads, c, parameters, path) for c, path in zip(columns, manifests)]
        return columns, {"heads": heads}, targets
    classes, class_names = _classes(*columns, *manifests)
    targets = [[classes.index(y) for y in c["label"]] for c in columns]
    return columns, {"classes": classes, "class_names": class_names}, targets


def _augmentation(name, model_entry, recipe, results, device):
    if not recipe["augment"]:
        return None
    if not model_entry.get("augmentation"):
        raise NcstError(
            f"models.{name} has no `augmentation`, the entries of {recipe['augment']}: see ncst.plan.config."
        )
    return Augmentation(model_entry["augmentation"], recipe["augment_probability"], results, device)


def build(facts):
    """Return the untrained network that the content of a ``model.json`` describes.

    Raises
    ------
    NcstError
        If the model does not take one of its options, or has one output and is asked for several.
    """
    network = registry.load("models", facts["module"])
    if network.heads != ("heads" in facts):
        raise NcstError(
            f"Model {facts['name']}: the module {facts['module']} {'needs' if network.heads else 'takes no'} `heads`; "
            "those of a taxonomy tracer go with the module taxonomy."
        )
    outputs = (
        {head: len(about["outputs"]) for head, about in facts["heads"].items()}
        if network.heads
        else len(facts["classes"])
    )
    try:
        network = network(outputs, tuple(facts["shape"]), **facts["options"])
    except TypeError as error:
        raise NcstError(f"Model {facts['name']} does not take its `options` {facts['options']}: {error}.") from error
    if not network.training_free and not network.heads:
        head = objective_of(facts).head(network.embedding_dim)
        if head:
            setattr(network, network.head, head)
    return network


def _classes(columns, dev_columns, train_manifest, dev_manifest):
    """Return the sorted class ids of the training manifest and the codec of each."""
    names = dict(zip(columns["label"], columns["codec"]))
    empty = set(dev_columns["label"]) - names.keys()
    if empty:
        raise NcstError(
            f"Classes {sorted(empty)} of {dev_manifest} have no clips in {train_manifest}: add them to `train`."
        )
    if len(names) < 2:
        raise NcstError(f"{train_manifest} holds the classes {sorted(names)} alone: training needs at least two.")
    return sorted(names), [names[label] for label in sorted(names)]


def _fit(facts, sets, checkpoint, machine):
    """Run the epochs that are left with Lightning and return the finished run."""
    from ncst.tracing.loop import Run

    warnings.filterwarnings("ignore", message=".*(num_workers|many workers|treespec).*")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    torch.manual_seed(seed_of(facts["seed"], facts["name"], "weights"))
    network = build(facts)
    if facts["augmentation"] and network.training_free:
        raise NcstError(f"models.{facts['name']} is not trained by gradients: take `augment` from its `training`.")
    run = Run(network, facts, sets, checkpoint, machine.workers)
    if "checkpoint" in facts:
        run.adopt(facts["checkpoint"]["file"], machine.device)
    elif run.network.training_free:
        run.remember(machine.device)
    else:
        run.resume()
        run.fit(machine.device, machine.devices)
    return run


def _write(run, facts, out_dir):
    best = run.curves[run.best_epoch]
    facts = facts | {
        "best_epoch": best["epoch"],
        "dev_loss": best["dev_loss"],
        "dev_accuracy": best["dev_acc"],
        "parameters": sum(p.numel() for p in run.network.parameters()),
        "threads": torch.get_num_threads(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    for name, state in (("model", run.best_state), ("last", run.network.state_dict())):
        content = save({key: value.cpu().contiguous() for key, value in state.items()})
        with atomic(out_dir / f"{name}.safetensors") as temporary:
            temporary.write_bytes(content)
    with atomic(out_dir / "curves.csv") as temporary:
        temporary.write_bytes(csv_text(run.curves[0], (row.values() for row in run.curves), end="\r\n").encode())
    with atomic(out_dir / "model.json") as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n")
    run.checkpoint.unlink(missing_ok=True)
