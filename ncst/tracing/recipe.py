"""How a model is trained: the keys of ``training`` in config/models.yaml, the learning rate, the optimizer."""

import math

import torch

from ncst.errors import NcstError
from ncst.tracing.sampling import SAMPLERS

DEFAULTS = {
    "objective": {"name": "cross_entropy"},
    "epochs": 50,
    "batch": 24,
    "optimizer": "adam",
    "lr": 5e-4,
    "betas": [0.9, 0.999],
    "weight_decay": 5e-4,
    "schedule": "step",
    "step_epochs": 10,
    "step_factor": 0.5,
    "clip_grad": None,
    "class_weights": None,
    "sampler": "shuffled",
    "precision": "fp32",
    "compile": None,
    "deterministic": False,
    "crop": None,
    "augment": [],
    "augment_probability": 0.5,
}
OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def read_recipe(name, training):
    """Return the recipe of model *name*: its ``training`` in the config over `DEFAULTS`.

    Raises
    ------
    NcstError
        If a key or a value is unknown.
    """
    recipe = DEFAULTS | training
    allowed = {
        "optimizer": set(OPTIMIZERS),
        "schedule": {"step", "cosine"},
        "class_weights": {None, "balanced"},
        "sampler": set(SAMPLERS),
        "precision": {"fp32", "bf16", "fp16"},
        "compile": {None, "inductor", "aot_eager"},
        "deterministic": {True, False},
    }
    unknown = recipe.keys() - DEFAULTS.keys()
    if unknown:
        raise NcstError(f"models.{name}.training has unknown keys {sorted(unknown)}: use {sorted(DEFAULTS)}.")
    for key, values in allowed.items():
        if recipe[key] not in values:
            raise NcstError(f"models.{name}.training.{key} is {recipe[key]!r}: use one of {sorted(map(str, values))}.")
    return recipe


def learning_rate(recipe, epoch):
    """Return the learning rate of an *epoch*, counted from 0: halved in steps, or a half cosine down to zero."""
    if recipe["schedule"] == "cosine":
        return recipe["lr"] * 0.5 * (1 + math.cos(math.pi * epoch / recipe["epochs"]))
    return recipe["lr"] * recipe["step_factor"] ** (epoch // recipe["step_epochs"])


def make_optimizer(network, recipe, device):
    """Return the optimizer of *recipe* for the parameters of *network* on *device*.

    On a GPU a step is one launch, except where Lightning clips gradients of mixed precision before it.
    """
    return OPTIMIZERS[recipe["optimizer"]](
        network.parameters(),
        lr=recipe["lr"],
        betas=tuple(recipe["betas"]),
        weight_decay=recipe["weight_decay"],
        fused=(device.type == "cuda" and (recipe["precision"] == "fp32" or not recipe["clip_grad"])) or None,
    )
