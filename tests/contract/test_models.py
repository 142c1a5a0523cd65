"""What every model must keep: embedding and logits of the stated widths, clips that do not depend on each other."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.entries import configured
from helpers.golden_models import golden_wave

from ncst import registry
from ncst.plan.entries import model_entry, weight_file
from ncst.tracing.recipe import read_recipe
from ncst.tracing.train import build

CONFIG = configured()
HERE = [
    name
    for name, entry in CONFIG["models"].items()
    if Path(weight_file(CONFIG, entry["frontend"], "frontends") or ".").exists()
]
CLASSES = [0, 1, 2]


@pytest.fixture(scope="module")
def features_of():
    """Return a function from a front-end to its features (3, ...) float32 and their time axis, each computed once."""
    waves, made = np.stack([golden_wave(seed) for seed in range(3)]), {}

    def compute(name):
        if name not in made:
            entry = CONFIG["frontends"][name]
            weights = weight_file(CONFIG, name, "frontends")
            frontend = registry.load("frontends", entry.get("module", name))(entry, weights)
            features = frontend.compute(waves[:, : frontend.samples])
            scale = 1 / 32768 if frontend.dtype == np.int16 else 1
            made[name] = torch.from_numpy(features.astype(np.float32) * scale), frontend.time_axis + 1
        return made[name]

    return compute


@pytest.mark.parametrize("name", HERE)
def test_every_clip_counts_alone_and_has_an_embedding_and_logits(name, features_of):
    entry = model_entry(CONFIG, name)
    recipe = read_recipe(name, entry["training"])
    features, axis = features_of(entry["frontend"])
    features = features.narrow(axis, 0, recipe["crop"] or features.shape[axis])
    facts = {"name": name, "module": entry.get("module", name), "options": entry.get("options") or {}}
    facts |= {"shape": list(features.shape[1:]), "classes": CLASSES, "training": recipe}
    if "heads" in entry:
        facts["heads"] = {head: {"outputs": CLASSES} for head in entry["heads"]}
    torch.manual_seed(0)
    network = build(facts)
    if network.training_free:
        network.remember([(features, torch.tensor(CLASSES))])
    with torch.inference_mode():
        embedding, logits = network.eval()(features)
        alone = torch.cat([network(clip[None])[1] for clip in features])
    assert embedding.shape == (3, network.embedding_dim)
    assert logits.shape == (3, len(CLASSES) * len(entry.get("heads", "x")))
    assert embedding.isfinite().all() and logits.isfinite().all()
    torch.testing.assert_close(alone, logits, rtol=1e-4, atol=1e-4)
    if not network.training_free and not network.heads:
        last = getattr(network, network.head)
        assert sum(p.numel() for p in last.parameters()) >= network.embedding_dim, "objectives may replace `head`"
        network.train()(features)[1].square().sum().backward()
        assert all(p.grad.isfinite().all() for p in last.parameters())
