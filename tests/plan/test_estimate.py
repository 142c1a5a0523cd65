"""The plan of a run: labels, counts, what is there and what is missing, work counted once."""

import numpy as np
import pytest
from helpers import benchmark

from ncst.core.waveforms import encode_flac
from ncst.formats.shards import COLUMNS, write_shard
from ncst.plan import selection
from ncst.plan.config import load_config
from ncst.plan.estimate import Work, estimate
from ncst.plan.show import show_plan

PAPER = {
    "train": ("0-6", 70_000),
    "dev": ("0-6", 7_000),
    "eval_id": ("0-6", 92_596),
    "ood_single": ("7", 13_228),
    "ood_multi": ("8-11", 52_912),
    "ood_vocoder": ("7", 63_882 + 11_816),
    "ood_config": ("7", 13_228),
    "ood_source": ("7", 10_000),
    **{f"id_config/funcodec_{n}": ("3", 13_228) for n in ("8", "16", "32", "32_again")},
    **{f"id_config/encodec_{n}": ("4", 13_228) for n in (3, 12, 24)},
    "id_source/mimi": ("1", 10_000),
    "id_source/snac": ("6", 10_000),
    "unseen_real/asvspoof2019_la": ("0", 7_355),
    "unseen_real/in_the_wild": ("0", 19_963),
    "unseen_real/ncssd": ("0", 10_000),
    "alm/moshi": ("1", 10_000),
    "alm/speechgpt_gen": ("2", 18),
    "alm/valle": ("4", 4_436),
    "alm/mini_omni": ("6", 10_000),
}


@pytest.fixture
def full(tmp_path):
    config = benchmark.load("config/st_codecfake.yaml")
    config["results"] = str(tmp_path)
    return config


def test_labels_and_counts_are_the_papers(full):
    rows = {row.split: row for row in estimate(full).rows}
    assert {name: (rows[name].label, rows[name].clips) for name in PAPER} == PAPER
    assert sum(rows[name].clips for name in list(PAPER)[:5]) == 235_736
    assert rows["train"].corpora == ["vctk", "aishell3"]
    assert rows["ood_multi"].weights == 4


def test_the_sum_that_the_paper_states_is_printed(full, capsys):
    show_plan(full)
    told = "train, dev, eval_id, ood_single, ood_multi: 235,736 clips together; the paper states 235,736"
    assert told in " ".join(capsys.readouterr().out.split())


def test_a_clip_costs_once(full):
    found = estimate(full)
    rows = {row.split: row for row in found.rows}
    assert rows["id_config/funcodec_32"].work == Work()
    made = [work for name, work in found.stages.items() if name.startswith(("real", "resynthesis", "features"))]
    for key in ("disk", "cpu", "gpu"):
        assert sum(getattr(row.work, key) for row in found.rows) == pytest.approx(sum(getattr(w, key) for w in made))
    assert found.stages["real speech"].gpu == found.stages["detectors"].gpu == 0
    assert 100e9 < sum(work.disk for work in made) < 1e12


def test_splits_that_will_not_run_are_shown_and_not_summed(full):
    every = estimate(full)
    full["roots"] |= {"vctk": "/data", "aishell3": "/data"}
    found = estimate(full)
    rows = {row.split: row for row in found.rows}
    assert (rows["ood_vocoder"].clips, rows["ood_vocoder"].corpora) == (75_698, ["asvspoof2019_la", "in_the_wild"])
    pairs = {pair for split in selection.splits(full) for pair in selection.pairs(full, split)}
    assert {source_set for source_set, _ in pairs} == {"st_train", "st_dev", "st_eval"}
    assert found.clips == sum(full["sources"][source_set]["size"] for source_set, _ in pairs) < every.clips
    assert found.stages["real speech"].disk < every.stages["real speech"].disk / 3


def test_more_seeds_train_longer_and_fewer_epochs_shorter(full):
    first = estimate(full).stages
    full["seeds"] = [1]
    full["models"]["mel_lcnn"]["published"]["training"]["epochs"] = 25
    second = estimate(full).stages
    ratio = first["train mel_lcnn, 50 epochs x 3"].cpu / second["train mel_lcnn, 25 epochs x 1"].cpu
    assert ratio == pytest.approx(6, rel=1e-3)


def test_robustness_costs_by_the_cell(full):
    whole = estimate(full).stages["robustness"]
    grid = full["robustness"]["perturbations"]
    full["robustness"]["perturbations"] = grid[:6]
    share = (1 + 6) / (1 + len(grid))  # the clips as they are are a cell, too
    assert estimate(full).stages["robustness"].gpu == pytest.approx(share * whole.gpu, rel=0.05)
    full["robustness"]["perturbations"] = []
    assert "robustness" not in estimate(full).stages


def test_clips_that_are_there_are_counted(full, tmp_path):
    def row(utt_id, status):
        audio = encode_flac(np.full(8000, 0.1, np.float32)) if status == "ok" else None
        return dict.fromkeys(COLUMNS) | {"clip_id": utt_id, "utt_id": utt_id, "status": status, "audio": audio}

    for number in (0, 2):
        shard = tmp_path / f"st_codecfake/audio/st_eval/wavtokenizer/{number:05d}-of-00003.parquet"
        write_shard(shard, [row("a", "ok"), row("b", "failed"), row("c", "ok")])
    rows = {row.split: row for row in estimate(full).rows}
    assert (rows["ood_single"].present, rows["eval_id"].present) == (4, 0)


def test_a_folder_that_is_not_there_is_named(full, tmp_path, capsys):
    (tmp_path / "vctk").mkdir()
    full["roots"] |= {"vctk": str(tmp_path / "vctk"), "aishell3": str(tmp_path / "aishell"), "in_the_wild": "fetch"}
    full["accept"] = ["in_the_wild"]
    show_plan(full)
    shown = " ".join(capsys.readouterr().out.split())
    assert f"Not found: {tmp_path}/aishell (roots.aishell3)." in shown
    assert "Still to be set in `roots`: ncssd, asvspoof2019_la, " in shown
    assert "facodec" in shown[shown.index("Weights that the run will fetch") :]


@pytest.mark.parametrize("overlay", ["config/st_codecfake.yaml", "config/small.yaml", "tests/tiny.yaml"])
def test_the_table_fits_120_columns(overlay, capsys):
    show_plan(load_config(overlay))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 120
    for name in ("eval_id", "unseen_real/asvspoof2019_la", "clips", "present", "missing", "GB", "CPU h", "GPU h"):
        assert any(name in line for line in lines), name
