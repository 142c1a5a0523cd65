"""Epochs of fixed shares: who is drawn how often."""

from collections import Counter

import numpy as np
import pytest

from ncst.tracing.sampling import SAMPLERS, draw_epoch, groups_of

LABELS = [0] * 30 + [0] * 6 + [1] * 40 + [4] * 24
CORPORA = ["vctk"] * 30 + ["more"] * 6 + ["vctk"] * 64


def epoch(sampler, seed=1):
    return draw_epoch(groups_of(sampler, LABELS, CORPORA), np.random.default_rng(seed))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_epoch_has_as_many_draws_as_clips_and_follows_from_its_seed(sampler):
    assert len(epoch(sampler)) == 100
    assert (epoch(sampler) == epoch(sampler)).all()
    assert (epoch(sampler) != epoch(sampler, seed=2)).any()
    assert abs(np.mean(epoch(sampler)[:50]) - np.mean(epoch(sampler)[50:])) < 25, "groups are mixed"


def test_shuffled_takes_every_clip_once():
    assert sorted(epoch("shuffled")) == list(range(100))


def test_balanced_classes_are_equally_frequent():
    counts = Counter(np.array(LABELS)[epoch("balanced_classes")].tolist())
    assert sorted(counts) == [0, 1, 4] and max(counts.values()) - min(counts.values()) <= 1


def test_balanced_real_is_half_of_an_epoch_and_its_corpora_equally_frequent():
    drawn = epoch("balanced_real")
    counts = Counter((LABELS[i], CORPORA[i]) for i in drawn)
    assert counts == {(0, "vctk"): 25, (0, "more"): 25, (1, "vctk"): 25, (4, "vctk"): 25}
    times = Counter(drawn.tolist())
    assert {times[i] for i in range(30, 36)} == {4, 5}, "no clip a second time before every other once"
    assert max(times[i] for i in range(30)) == 1


def test_samplers_do_with_one_kind_alone():
    for label in (0, 3):
        groups = groups_of("balanced_real", [label] * 5, ["a"] * 5)
        assert sorted(draw_epoch(groups, np.random.default_rng(0))) == list(range(5))
