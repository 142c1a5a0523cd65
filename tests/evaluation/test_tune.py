import numpy as np
import pytest
from helpers.score_files import CLASSES, rows, write

from ncst.errors import NcstError
from ncst.evaluation.detectors.knn import NearestNeighbour
from ncst.evaluation.metrics import auroc, sweep
from ncst.evaluation.tune import held_out_scores, tune
from ncst.formats.scores import read_scores


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuning")
    return [scores(folder, "train", 150, 1), scores(folder, "dev", 60, 2)]


def scores(folder, split, count, seed, labels=CLASSES):
    columns = rows(split, labels, [f"codec_{label}" for label in labels], count, seed, 3.0)
    return read_scores(write(folder, split, columns), embedding=True)


def test_a_held_out_class_leaves_no_trace(pair):
    """What the scores of a held-out class must be, put together by hand."""
    train, dev = pair
    groups = held_out_scores("knn", {"options": {"k": 3}}, train, dev, [0, 1, 2])
    kept = train.label != 1
    detector = NearestNeighbour(3)
    detector.fit(train.embedding[kept], train.logits[kept][:, [0, 2]], (train.label[kept] == 4).astype(int))
    every = detector.score(dev.embedding, dev.logits[:, [0, 2]])
    np.testing.assert_array_equal(groups[1][0], every[dev.label != 1])
    np.testing.assert_array_equal(groups[1][1], every[dev.label == 1])


def test_the_best_options_win_and_all_are_told(pair):
    entry = {"options": {"k": 90}, "tune": {"k": [1, 5, 90, 140]}}
    found = tune("knn", entry, *pair)
    tried = {trial["options"]["k"]: trial for trial in found["tried"]}
    assert list(tried) == [90, 1, 5, 140], "the entry's own options first, none twice"
    assert tried[140]["auroc"] is None and "140 neighbours asked of 100" in tried[140]["reason"]
    assert found["options"]["k"] == max((1, 5, 90), key=lambda k: tried[k]["auroc"]) != 90
    assert tried[5]["auroc"] == pytest.approx(np.mean(list(tried[5]["by_class"].values())))
    assert tried[5]["by_class"].keys() == {"0", "1", "4"}
    groups = held_out_scores("knn", {"options": {"k": 5}}, *pair, [0, 1, 2])
    assert tried[5]["by_class"]["4"] == auroc(*sweep(*groups[2]).rates())
    assert found["calibration"][0] < 0, "a higher score must mean a lower likelihood of known"


def test_without_a_grid_the_published_options_stay(pair):
    found = tune("knn", {"options": {"k": 7}}, *pair)
    assert found["options"] == {"k": 7} and len(found["tried"]) == 1


def test_a_given_head_loses_its_row(pair):
    train = pair[0]
    head = np.zeros((3, train.embedding.shape[1])), np.array([0.0, 1.0, 2.0])
    assert len(held_out_scores("react", {}, *pair, [0, 1, 2], head)) == 3


def test_what_cannot_be_tuned_is_said(pair, tmp_path):
    two = [scores(tmp_path, split, 60, 3, CLASSES[:2]) for split in ("train", "dev")]
    assert tune("msp", {}, pair[0], two[1]) == {}
    with pytest.raises(NcstError, match="options of 'knn'"):
        tune("knn", {"options": {"k": 3}, "tune": {"neighbours": [1]}}, *pair)
    with pytest.raises(NcstError, match="quantile between 0 and 1"):
        tune("react", {"tune": {"quantile": [1.5]}}, *pair)
    told = tune("knn", {"options": {"k": 140}, "tune": {"k": [150]}}, *pair)
    assert told["options"] == {"k": 140} and told.keys() == {"options", "tried"}
    assert all(trial["auroc"] is None and "neighbours asked of" in trial["reason"] for trial in told["tried"])
