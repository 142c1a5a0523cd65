import pytest
from helpers import benchmark

from ncst.plan.demands import ALM, CODEC, DAY, SMALL, START, Demands


@pytest.fixture
def demo(config):
    return Demands(config)


@pytest.fixture
def full():
    config = benchmark.load("config/st_codecfake.yaml")
    return Demands(config | {"roots": dict.fromkeys(config["roots"], "/data")})


def test_the_demonstration_asks_for_what_a_laptop_has(demo):
    config = demo.config
    asked = [demo.codec_memory(name) for name in config["codecs"]]
    asked += [demo.frontend_memory(name) for name in config["frontends"]]
    asked += [demo.training_memory(name) for name in config["models"]]
    assert max([*asked, demo.scoring_memory, demo.alm_memory("demo_alm")]) <= 3000
    assert demo.alm_time("demo_alm") <= 60


def test_published_sizes_ask_for_more_than_was_measured(full):
    assert full.scoring_memory > 8900
    assert full.training_memory("aasist") > 10_700
    without = full.config | {"select": full.config["select"] | {"models": ["mel_lcnn", "w2v2_aasist"]}}
    assert Demands(without).scoring_memory < full.scoring_memory
    assert full.codec_memory("dac") == CODEC["official"]
    assert full.codec_memory("gsm") == full.frontend_memory("mel") == SMALL


def test_time_grows_with_the_work(full):
    config = full.config
    assert full.frontend_time("xlsr_layer5", "st_train") >= full.frontend_time("waveform", "st_train") >= START
    without = Demands({**config, "gpu": 0})
    assert without.codec_time("dac", "st_eval") > full.codec_time("dac", "st_eval") >= START
    assert without.codec_time("dac", "st_eval") > without.codec_time("encodec", "st_eval")
    assert without.scoring_time > full.scoring_time >= START
    shard = config["sources"]["st_eval"]["shard_size"] * 3.5 * 0.95  # seconds of one core
    assert without.codec_time("dac", "st_eval") * 60 > 2 * shard


def test_a_training_of_published_size_has_a_day(demo, full):
    assert full.training_time("aasist") == DAY > 2 * demo.training_time("aasist")


def test_an_alm_asks_for_more_than_its_files_hold(full, tmp_path):
    assert full.alm_memory("csm") == ALM, "not fetched yet"
    folder = tmp_path / "csm"
    folder.mkdir()
    with (folder / "model.safetensors").open("wb") as file:
        file.truncate(6 * 10**9)  # of holes
    full.config["alms"]["csm"]["weights"]["official"]["file"] = str(folder)
    assert full.alm_memory("csm") == CODEC["official"] + 15_000
