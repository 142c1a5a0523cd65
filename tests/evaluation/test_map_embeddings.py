import numpy as np
import pandas as pd
import pytest
from helpers.score_files import write, write_all

from ncst.errors import NcstError
from ncst.evaluation.map_embeddings import map_embeddings

TESTED = ["eval_id", "ood_single", "id_config/encodec_3"]


@pytest.fixture
def scores(tmp_path):
    for split, columns in write_all(tmp_path).items():
        people = {"corpus": ["vctk"] * len(columns["clip_id"]), "speaker": [u[:3] for u in columns["utt_id"]]}
        write(tmp_path, split, columns | people)
    return tmp_path


def test_classes_that_differ_lie_apart_and_draws_repeat(scores):
    for name in ("first", "second"):
        map_embeddings(scores, TESTED, scores / f"{name}.parquet", draw=1)
    found = pd.read_parquet(scores / "first.parquet")
    assert len(found) == 180 and found["clip_id"].is_unique and set(found["split"]) == set(TESTED)
    places = found[["x", "y"]].to_numpy()
    assert places.min() == 0.0 and places.max() == 1.0
    near = [np.argsort(((places - place) ** 2).sum(axis=1))[1] for place in places]
    assert np.mean(found["label"].to_numpy() == found["label"].to_numpy()[near]) > 0.9
    pd.testing.assert_frame_equal(found, pd.read_parquet(scores / "second.parquet"))


def test_large_sets_give_every_codec_as_many_clips(scores):
    map_embeddings(scores, [*TESTED, "eval_id"], scores / "map.parquet", points=48)
    counts = pd.read_parquet(scores / "map.parquet").groupby(["split", "codec"]).size()
    assert counts.to_list() == [8] * 6


def test_equal_embeddings_share_a_place_and_a_missing_file_is_named(scores):
    table = pd.read_parquet(scores / "eval_id.parquet")
    flat = table.assign(embedding=[np.ones(4, np.float32)] * len(table), logits=table["logits"])
    write(scores, "eval_id", {name: list(flat[name]) for name in flat})
    map_embeddings(scores, ["eval_id"], scores / "map.parquet")
    assert (pd.read_parquet(scores / "map.parquet")[["x", "y"]] == 0.5).all(axis=None)
    with pytest.raises(NcstError, match=r"ood_multi\.parquet is not a readable score file"):
        map_embeddings(scores, ["ood_multi"], scores / "map.parquet")
