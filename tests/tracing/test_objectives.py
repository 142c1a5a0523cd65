"""Objectives: values against formulas written out in NumPy, what a test then sees."""

import numpy as np
import pytest
import torch

from ncst import registry
from ncst.errors import NcstError
from ncst.tracing.loss import objective_of
from ncst.tracing.objectives._cosine import CosineHead, add_margin

CLASSES = [0, 2, 3, 6]


def made(name, weights=None, **options):
    torch.manual_seed(0)
    return registry.load("objectives", name)(CLASSES, weights, **options)


def embeddings(count=12, width=5):
    draw = np.random.default_rng(3)
    return draw.standard_normal((count, width)).astype(np.float32), np.arange(count) % len(CLASSES)


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def cosines(x, weight):
    weight = weight.detach().numpy()
    return (x / np.linalg.norm(x, axis=1)[:, None]) @ (weight / np.linalg.norm(weight, axis=1)[:, None]).T


def test_aam_softmax_is_the_published_formula():
    objective = made("aam", scale=8.0, margin=0.3)
    head = objective.head(5)
    x, targets = embeddings()
    logits = head(torch.from_numpy(x))
    u = cosines(x, head.weight)
    np.testing.assert_allclose(logits.detach(), 8 * u, atol=1e-5)
    own = np.arccos(u[range(12), targets])
    assert own.max() + 0.3 < np.pi
    u[range(12), targets] = np.cos(own + 0.3)
    expected = -log_softmax(8 * u)[range(12), targets]
    assert objective(logits, torch.from_numpy(targets)).item() == pytest.approx(expected.mean(), rel=1e-5)
    weights = np.array([1.0, 2.0, 0.5, 3.0])
    weighted = made("aam", torch.tensor(weights, dtype=torch.float32), scale=8.0, margin=0.3)
    found = weighted(logits, torch.from_numpy(targets)).item()
    assert found == pytest.approx(np.average(expected, weights=weights[targets]), rel=1e-5)


def test_the_margin_lowers_the_own_class_at_every_angle():
    cosine = torch.linspace(-1, 1, 401)[:, None].requires_grad_()
    moved = add_margin(cosine, torch.zeros(401, dtype=torch.long), 1.0, 0.5)
    moved.sum().backward()
    assert (moved < cosine)[:-1].all()
    assert (cosine.grad[1:-1] > 0).all()
    assert moved.diff(dim=0).min() > -1e-6


def test_oc_softmax_is_the_published_formula_and_traces_codecs():
    objective = made("oc_softmax", alpha=20.0, real_margin=0.9, other_margin=0.2, scale=8.0, margin=0.3)
    head = objective.head(5)
    x, targets = embeddings()
    logits = head(torch.from_numpy(x))
    u = cosines(x, head.weight)
    is_real = targets == 0
    published = np.log1p(np.exp(20 * np.where(is_real, 0.9 - u[:, 0], u[:, 0] - 0.2)))
    others, codec = u[:, 1:].copy(), np.maximum(targets - 1, 0)
    others[range(12), codec] = np.cos(np.arccos(others[range(12), codec]) + 0.3)
    traced = -log_softmax(8 * others)[range(12), codec]
    expected = (published + np.where(is_real, 0, traced)).mean()
    assert objective(logits, torch.from_numpy(targets)).item() == pytest.approx(expected, rel=1e-4)
    probability = np.exp(log_softmax(logits.detach().numpy()))
    np.testing.assert_allclose(probability[:, 0], 1 / (1 + np.exp(-20 * (u[:, 0] - 0.55))), atol=1e-5)
    within = np.exp(log_softmax(8 * u[:, 1:]))
    np.testing.assert_allclose(probability[:, 1:], (1 - probability[:, :1]) * within, atol=1e-5)


def test_oc_softmax_needs_real_speech_and_codecs():
    for classes in ([1, 2, 3], [0, 1]):
        with pytest.raises(NcstError, match="real speech"):
            registry.load("objectives", "oc_softmax")(classes)


def test_regmixup_adds_mixtures_near_one_half():
    objective = made("regmixup", alpha=10.0, eta=0.5)
    x, targets = (torch.from_numpy(part) for part in embeddings())
    seen = []

    def network(features):
        seen.append(features)
        return features, features[:, :4]

    torch.manual_seed(5)
    found = objective.of_batch(network, x, targets).item()
    torch.manual_seed(5)
    share = torch.distributions.Beta(10.0, 10.0).sample().item()
    order = torch.randperm(12)
    mixed = share * x + (1 - share) * x[order]
    torch.testing.assert_close(seen[0], torch.cat([x, mixed]))
    plain, blend = (-log_softmax(part[:, :4].numpy()) for part in (x, mixed))
    mixture = share * blend[range(12), targets] + (1 - share) * blend[range(12), targets[order]]
    expected = plain[range(12), targets].mean() + 0.5 * mixture.mean()
    assert found == pytest.approx(expected, rel=1e-5)
    draws = torch.distributions.Beta(10.0, 10.0).sample((2000,))
    assert abs(draws.mean() - 0.5) < 0.02 and draws.std() < 0.13


def test_a_taxonomy_tracer_takes_no_other_objective():
    facts = {"name": "m1", "heads": {}, "training": {"objective": {"name": "aam"}}}
    with pytest.raises(NcstError, match=r"models\.m1\.training\.objective is aam"):
        objective_of(facts)


def test_directions_not_lengths_decide_cosine_logits():
    head = CosineHead(5, 3, 4.0)
    x = torch.randn(7, 5)
    torch.testing.assert_close(head(x), head(9 * x))
    assert head(x).abs().max() <= 4.0
