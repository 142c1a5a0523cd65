"""What every objective must keep: what is reported on the development set, and a gradient that points the right way."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from ncst import registry

CLASSES = [0, 2, 3, 6]
NAMES = registry.modules("objectives")


def made(name, weights=None):
    torch.manual_seed(0)
    return registry.load("objectives", name)(CLASSES, weights)


@pytest.mark.parametrize("name", NAMES)
def test_every_objective_is_plain_cross_entropy_on_the_development_set(name):
    objective = made(name, torch.tensor([1.0, 2.0, 3.0, 4.0])).eval()
    logits, targets = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    torch.testing.assert_close(objective(logits, targets), cross_entropy(logits, targets))
    assert objective.right(logits, logits.argmax(1)) == 6


@pytest.mark.parametrize("name", NAMES)
def test_a_step_against_the_gradient_makes_clips_likelier(name):
    objective = made(name)
    torch.manual_seed(1)
    head = objective.head(5) or torch.nn.Linear(5, 4)
    x = torch.from_numpy(np.random.default_rng(3).standard_normal((12, 5)).astype(np.float32))
    targets = torch.arange(12) % len(CLASSES)

    def network(features):
        return features, head(features)

    before = objective.eval()(head(x), targets).item()
    optimizer = torch.optim.SGD(head.parameters(), lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        objective.train().of_batch(network, x, targets).backward()
        optimizer.step()
    assert objective.eval()(head(x), targets).item() < before
