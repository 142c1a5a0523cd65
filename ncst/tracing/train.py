"""Training: one model, one seed, from features on disk to weights, chosen by the loss on the development set."""

import csv
import json
import logging
import time
import warnings
from pathlib import Path

import torch
from safetensors.torch import save

from ncst import registry
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


def train(
    model_entry,
    name,
    seed,
    train_manifest,
    dev_manifest,
    results,
    out_dir,
    device="cpu",
    workers=0,
    parameters=None,
    devices=1,
):
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
    train_manifest, dev_manifest : path
        Parquet manifests; labels are class ids, those of a taxonomy tracer the columns ``vq``, ``aux`` and ``dec``.
    results : path
        The results folder with the features.
    out_dir : path
        The folder to write to.
    device : str
        ``cpu`` or ``cuda``.
    workers : int
        Processes that read features.
    parameters : dict, optional
        Codec to its parameters, for the head ``parameters`` (`ncst.plan.selection.codec_parameters`).
    devices : int
        Processes with a GPU each, or a share of the CPU, that take their parts of every batch.

    Raises
    ------
    NcstError
        If a class has no training clips, features are missing or were not made alike, the loss is not a number, an
        option is unknown, there is no GPU where one is asked for, or the disk is full.
    """
    recipe = read_recipe(name, model_entry.get("training") or {})
    if device == "cpu" and recipe["precision"] == "fp16":
        raise NcstError(f"models.{name}.training.precision is fp16, which needs a GPU: use fp32 or bf16 on a CPU.")
    if device_of(device).type == "cuda" and torch.cuda.device_count() < devices:
        raise NcstError(f"{devices} GPUs are asked for, but PyTorch finds {torch.cuda.device_count()}: lower `gpu`.")
    if model_entry.get("checkpoint") and not Path(model_entry["checkpoint"]).is_file():
        raise NcstError(f"models.{name}: the checkpoint {model_entry['checkpoint']} does not exist.")
    manifests = train_manifest, dev_manifest
    needed = ("label", "codec", "corpus", "shard_file", "row", *(taxonomy.COLUMNS if model_entry.get("heads") else ()))
    columns = [read_manifest(path, needed).to_pydict() for path in manifests]
    if model_entry.get("heads"):
        heads = taxonomy.describe(model_entry["heads"], *columns, parameters or {}, manifests)
        task = {"heads": heads}
        targets = [taxonomy.targets(heads, c, parameters or {}, path) for c, path in zip(columns, manifests)]
    else:
        classes, class_names = _classes(*columns, *manifests)
        task = {"classes": classes, "class_names": class_names}
        targets = [[classes.index(y) for y in c["label"]] for c in columns]
    augmentation = _augmentation(name, model_entry, recipe, results, device)
    store = FeatureStore(results, model_entry["frontend"], augmentation and augmentation.fingerprint)
    groups = groups_of(recipe["sampler"], columns[0]["label"], columns[0]["corpus"])
    read = augmentation.store if augmentation else store
    sets = [
        Clips(columns[0], read, recipe["crop"], targets[0], augmentation, groups),
        Clips(columns[1], store, recipe["crop"], targets[1]),
    ]
    if augmentation:
        workers = workers if augmentation.in_workers else 0
    facts = {
        "name": name,
        "title": model_entry.get("title", name),
        "module": model_entry.get("module", name),
        "seed": seed,
        "frontend": model_entry["frontend"],
        "options": model_entry.get("options") or {},
        "augmentation": model_entry.get("augmentation"),
        "shape": list(sets[0].shape),
        "training": recipe,
        **task,
        "clips": {"train": len(sets[0]), "dev": len(sets[1])},
        "manifests": {"train": sha256(train_manifest), "dev": sha256(dev_manifest)},
        "fingerprint": store.fingerprint,
        "code": code_of(
            __file__, ("models", model_entry.get("module", name)), ("objectives", recipe["objective"]["name"])
        ),
    }
    checkpoint = model_entry.get("checkpoint")
    if checkpoint:
        facts["checkpoint"] = {"file": str(checkpoint), "sha256": sha256(checkpoint)}
    run = _fit(facts, sets, Path(out_dir) / "last.ckpt", device, workers, devices)
    _write(run, facts, Path(out_dir))


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


def _fit(facts, sets, checkpoint, device, workers, devices):
    """Run the epochs that are left with Lightning and return the finished run."""
    from ncst.tracing.loop import Run

    warnings.filterwarnings("ignore", message=".*(num_workers|many workers|treespec).*")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    torch.manual_seed(seed_of(facts["seed"], facts["name"], "weights"))
    network = build(facts)
    if facts["augmentation"] and network.training_free:
        raise NcstError(f"models.{facts['name']} is not trained by gradients: take `augment` from its `training`.")
    run = Run(network, facts, sets, checkpoint, workers)
    if "checkpoint" in facts:
        run.adopt(facts["checkpoint"]["file"], device)
    elif run.network.training_free:
        run.remember(device)
    else:
        run.resume()
        run.fit(device, devices)
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
    with atomic(out_dir / "curves.csv") as temporary, temporary.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(run.curves[0]))
        writer.writeheader()
        writer.writerows(run.curves)
    with atomic(out_dir / "model.json") as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n")
    run.checkpoint.unlink(missing_ok=True)
