"""Places in a results folder: what is filled in is found again."""

import pytest

from ncst.plan import paths


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        (paths.METRICS, {"model": "w2v2_aasist", "seed": 688}),
        (paths.MANIFEST, {"split": "id_config/encodec_3"}),
        (paths.SHARD, {"source_set": "st_eval", "codec": "dac", "shard": "00000-of-00002"}),
    ],
)
def test_what_is_placed_is_found(tmp_path, pattern, names):
    path = paths.place(tmp_path, pattern, **names)
    path.parent.mkdir(parents=True)
    path.touch()
    assert paths.find(tmp_path, pattern) == {path: names}


def test_other_files_are_not_found(tmp_path):
    for name in ("metrics/a/seed-1.json", "metrics/a/seed-x.json", "metrics/seed-1.json", "metrics/a/seed-2.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(paths.find(tmp_path, paths.METRICS)) == [tmp_path / "metrics/a/seed-1.json"]
    assert paths.find(tmp_path, paths.ROBUSTNESS) == {}
