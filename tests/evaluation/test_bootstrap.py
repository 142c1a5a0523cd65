import numpy as np
import pytest
from interval_coverage import coverage

from ncst.evaluation.bootstrap import closed_set, clustered, clusters_of, draws, mean, open_set
from ncst.evaluation.metrics import auroc, sweep


def test_draws_are_named_and_whole():
    first, again, other = (np.array(list(draws(np.arange(50), 20, name))) for name in ("a", "a", "b"))
    assert (first == again).all() and (first != other).any() and (first.sum(axis=1) == 50).all()


def dependent(rng, utterances=150, clips=5):
    """Accuracy 0.8 on average, clips of an utterance mostly right or wrong together."""
    ease = rng.beta(0.8, 0.2, utterances)
    right = rng.random((utterances, clips)) < ease[:, None]
    return right.ravel(), np.repeat(np.arange(utterances).astype(str), clips)


def test_clustered_intervals_cover_and_row_wise_ones_do_not():
    rng, covered, naive = np.random.default_rng(0), 0, 0
    for trial in range(100):
        right, utterances = dependent(rng)
        predicted = np.where(right, 0, 1)
        truth = np.zeros(len(right), int)
        by_utterance = closed_set(truth, predicted, 2, utterances, trial)["accuracy"]
        by_row = closed_set(truth, predicted, 2, np.arange(len(right)).astype(str), trial)["accuracy"]
        covered += by_utterance["low"] <= 0.8 <= by_utterance["high"]
        naive += by_row["low"] <= 0.8 <= by_row["high"]
    assert covered >= 88 and naive <= 80


def test_open_set_intervals_cover():
    rng, covered = np.random.default_rng(0), 0
    expected = 0.7602499389  # P(N(1, 1) > N(0, 1))
    for trial in range(100):
        shift = rng.standard_normal(80) * 0.7
        known, unknown = (np.repeat(shift, 4) + rng.standard_normal(320) * np.sqrt(0.51) + m for m in (0, 1))
        utterances = np.repeat(np.arange(80).astype(str), 4)
        area = open_set(known, unknown, utterances, utterances, trial, resamples=100)["auroc"]
        assert area["low"] <= area["value"] <= area["high"]
        covered += area["low"] <= expected <= area["high"]
    assert 88 <= covered <= 100


def test_values_are_those_of_all_rows_and_draws_do_not_depend_on_row_order():
    rng = np.random.default_rng(3)
    known, unknown = rng.standard_normal(200), rng.standard_normal(120) + 1
    inside, outside = np.arange(200).astype(str), np.arange(100, 220).astype(str)
    first = open_set(known, unknown, inside, outside, "x", resamples=30)
    order = rng.permutation(200)
    again = open_set(known[order], unknown, inside[order], outside, "x", resamples=30)
    assert first == again and first["auroc"]["value"] == auroc(*sweep(known, unknown).rates())


def test_a_group_of_one_utterance_still_has_an_interval():
    known, unknown = np.linspace(0, 1, 50), np.array([0.9, 0.95])
    result = open_set(known, unknown, np.arange(50).astype(str), np.array(["z", "z"]), 1, resamples=50)
    assert np.isfinite(list(result["fpr95"].values())).all()


def test_closed_set_values():
    truth, predicted = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 1, 0, 2, 2])
    result = closed_set(truth, predicted, 3, np.array(list("aabbcc")), 0)
    assert result["accuracy"]["value"] == pytest.approx(5 / 6) == result["balanced_accuracy"]["value"]
    assert [ci["value"] for ci in result["f1"]] == pytest.approx([0.8, 2 / 3, 1.0])
    assert result["macro_f1"]["low"] < result["macro_f1"]["value"] <= result["macro_f1"]["high"]


def test_a_mixture_is_the_mean_of_its_parts():
    rng = np.random.default_rng(0)
    known, unknown = rng.standard_normal(300), rng.standard_normal(200) + np.repeat([0.5, 3.0], [120, 80])
    groups, utterances = np.repeat(["hard", "easy"], [120, 80]), np.arange(300).astype(str)
    right = rng.random(300) < 0.9
    result = open_set(known, unknown, utterances, utterances[:200], 1, correct=right, groups=groups, resamples=50)
    parts = result["by_group"]
    alone = open_set(known, unknown[:120], utterances, utterances[:120], 1, resamples=1)
    for rate in ("auroc", "fpr95"):
        assert parts["hard"][rate]["value"] == pytest.approx(alone[rate]["value"])
        mean = 0.6 * parts["hard"][rate]["value"] + 0.4 * parts["easy"][rate]["value"]
        assert result[rate]["value"] == pytest.approx(mean)
        assert parts["hard"][rate]["low"] < parts["hard"][rate]["value"] < parts["hard"][rate]["high"]
    assert result["oscr"]["value"] < result["auroc"]["value"]
    assert 0 < result["aurc"]["low"] < result["aurc"]["value"] < result["aurc"]["high"]


def test_intervals_hold_what_they_say_from_20_utterances_on():
    """Within what 200 trials can tell of 93 to 97 %: three standard errors."""
    for clusters in (20, 60):
        for name, share in coverage(clusters, 200).items():
            assert 0.89 < share < 0.997, (clusters, name, share)


def test_a_perfect_run_on_few_utterances_is_not_certain():
    rng, truth = np.random.default_rng(0), np.repeat(np.arange(2), 10)
    few = closed_set(truth, truth, 2, np.arange(20).astype(str), 0)["accuracy"]
    assert few["value"] == few["high"] == 1 and few["low"] == pytest.approx(0.025 ** (1 / 20))
    known, unknown = rng.random(20), 2 + rng.random(20)
    utterances = np.arange(20).astype(str)
    assert open_set(known, unknown, utterances, utterances, 0)["eer"]["high"] == pytest.approx(1 - 0.025 ** (1 / 20))


def test_clusters_that_are_all_alike_say_no_more_than_their_number():
    one = mean(np.ones(3), np.array(["a", "a", "a"]), 0)
    assert one == pytest.approx({"value": 1.0, "low": 0.025, "high": 1.0})
    half = mean(np.array([0.0, 1.0] * 8), np.repeat(np.arange(8), 2).astype(str), 0)
    alike = 0.025 ** (1 / 8)
    assert half == pytest.approx({"value": 0.5, "low": 0.5 * alike, "high": 1 - 0.5 * alike})


def test_values_that_are_no_shares_may_leave_0_and_1():
    ci = mean(np.array([-2.0, 3.0, 0.5, 0.1]), np.arange(4).astype(str), 0, share=False)
    assert ci["low"] < 0 and ci["high"] > 1 and ci["value"] == pytest.approx(0.4)


def spoken(rng, speakers=20, utterances=15, spread=0.2):
    """Whether each utterance is right: speakers differ by *spread* around 0.7."""
    ease = np.clip(0.7 + spread * rng.standard_normal(speakers), 0.02, 0.98)
    right = rng.random((speakers, utterances)) < ease[:, None]
    names = np.arange(speakers * utterances).astype(str)
    return right.ravel().astype(float), names, {name: str(int(name) // utterances) for name in names}


def test_two_layers_hold_where_speakers_differ():
    """Accuracy for other speakers: one layer takes the utterances of a speaker for independent and is too narrow."""
    rng, held, wider = np.random.default_rng(0), {"one": 0, "two": 0}, 0
    truth = spoken(np.random.default_rng(9), 40_000, 15)[0].mean()
    for trial in range(60):
        values, names, speakers = spoken(rng)
        one = mean(values, names, trial)
        two = mean(values, clustered(names, speakers), trial)
        assert one["value"] == two["value"]
        wider += two["high"] - two["low"] > one["high"] - one["low"]
        for key, ci in {"one": one, "two": two}.items():
            held[key] += ci["low"] <= truth <= ci["high"]
    assert wider >= 58 and held["two"] >= 55 > 51 >= held["one"]


def test_two_layers_draw_speakers_and_utterances_within():
    names = np.array(list("abcdefg"))
    cluster, owners = clusters_of(clustered(names, dict(zip(names, "xxxyyyz"))))
    assert owners.tolist() == [0, 0, 0, 1, 1, 1, 2] and cluster.tolist() == list(range(7))
    drawn = np.array(list(draws(owners, 2000, "x")))
    of_speaker = np.stack([drawn[:, owners == speaker].sum(axis=1) for speaker in range(3)], axis=1)
    assert (of_speaker % [3, 3, 1] == 0).all() and ((of_speaker // [3, 3, 1]).sum(axis=1) == 3).all()
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.1)
    assert len(np.unique(drawn[of_speaker[:, 0] == 3][:, :3], axis=0)) > 5, "within a speaker, utterances are drawn too"


def test_all_measures_take_two_layers():
    rng = np.random.default_rng(1)
    known, unknown = rng.standard_normal(200), rng.standard_normal(100) + 1
    names = clustered(np.arange(200).astype(str), {str(i): str(i // 20) for i in range(200)})
    wide = open_set(known, unknown, names, names[:100], "x", resamples=50)
    assert wide["auroc"]["value"] == auroc(*sweep(known, unknown).rates())
    truth = rng.integers(3, size=200)
    found = closed_set(truth, truth, 3, names, "x", resamples=50)["accuracy"]
    assert found["low"] < closed_set(truth, truth, 3, names[:, 1], "x", resamples=50)["accuracy"]["low"] < 1
