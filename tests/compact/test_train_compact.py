"""Shipped compact weights: small, complete, intelligible; and the trainers that made them."""

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file

from ncst import registry
from ncst.compact import train_compact
from ncst.compact.alms import Trainer as LanguageModelTrainer
from ncst.compact.codebooks import Book, Chain
from ncst.compact.codecs import Trainer, unit_variance
from ncst.compact.frontends import Trainer as FrontEndTrainer
from ncst.compact.speech import Crops, read_speech
from ncst.core.waveforms import SAMPLE_RATE
from ncst.errors import NcstError
from ncst.plan.config import load_config
from ncst.speech.speak_corpus import speak_corpus

ROOT = Path(__file__).parents[2]
FILES = {path.stem: path for path in sorted((ROOT / "resources" / "compact").glob("*.safetensors"))}
CONFIG = yaml.safe_load((ROOT / "config" / "compact.yaml").read_text())["compact"]
CODECS = sorted(FILES.keys() & CONFIG["codecs"].keys())
INTELLIGIBLE = 0.6


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """Demo speech of voices, sentences and noises that no training saw, by seed."""
    folder = tmp_path_factory.mktemp("spoken") / "vctk"
    speak_corpus("vctk", folder, seed=70_688, speakers=4, utterances=1)
    return read_speech([folder])


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def content(path):
    with safe_open(path, "pt") as file:
        return file.metadata(), load_file(path)


def entry_of(name):
    facts = load_config(folder=ROOT / "config")["codecs"][name]
    return {"settings": facts["compact"].get("settings", {})}


def test_every_compact_network_of_the_config_ships():
    assert set(FILES) == {name for family in train_compact.TRAINERS for name in CONFIG[family]}


@pytest.mark.parametrize("name", FILES)
def test_file_is_small_and_says_what_it_is(name):
    assert FILES[name].stat().st_size < 1_000_000
    metadata, _ = content(FILES[name])
    facts, config = json.loads(metadata["ncst"]), json.loads(metadata["config"])
    assert config == {**CONFIG["codecs"], **CONFIG["frontends"], **CONFIG["alms"]}[name]["network"]
    assert "not the published" in facts["note"]
    assert facts["steps"] > 0 and isinstance(facts["seed"], int)
    if name in CONFIG["codecs"]:
        assert INTELLIGIBLE <= facts["stoi"] <= 1 and 0 < facts["log_mel"] < 1


@pytest.mark.parametrize("name", FILES)
def test_codebooks_keep_full_precision(name):
    for key, value in content(FILES[name])[1].items():
        assert value.dtype == (torch.float32 if train_compact.is_codebook(key) else torch.float16), key
        assert torch.isfinite(value).all(), key


@pytest.mark.parametrize("name", CODECS)
def test_demo_speech_stays_intelligible(name, spoken):
    codec = registry.load("codecs", name)(entry_of(name), FILES[name])
    measured = train_compact.measure_codec(codec, spoken)
    assert measured["stoi"] >= INTELLIGIBLE
    outputs = codec.resynthesize(spoken, [0] * len(spoken))
    levels = [20 * math.log10(np.std(out) / np.std(clip)) for out, clip in zip(outputs, spoken)]
    assert max(map(abs, levels)) < 4, "the level of the input is kept"


@pytest.mark.real
@pytest.mark.parametrize("name", CODECS)
def test_unseen_speakers_stay_intelligible(name, test_corpora):
    clips = [clip[: 4 * SAMPLE_RATE] for clip in read_speech([test_corpora], CONFIG["held_out"], keep=True)[::8]]
    assert (
        train_compact.measure_codec(registry.load("codecs", name)(entry_of(name), FILES[name]), clips)["stoi"]
        >= INTELLIGIBLE
    )


def tiny(name, steps=24):
    entry = copy.deepcopy(CONFIG["codecs"][name])
    entry["training"] |= {"steps": steps, "batch": 2, "seconds": 0.25, "bypass": 0.4}
    narrow = {
        "encodec": {"num_filters": 4, "hidden_size": 8, "codebook_size": 16},
        "snac": {"encoder_dim": 4, "decoder_dim": 16, "codebook_size": 16, "codebook_dim": 4},
        "hificodec": {"width": 4, "channels": 16, "latent": 8, "codes": 16},
    }
    entry["network"] |= narrow[name]
    return entry


@pytest.mark.parametrize("name", ["encodec", "snac", "hificodec"])
def test_a_few_steps_lower_the_loss_and_repeat(name, spoken):
    runs = []
    for _ in range(2):
        trainer = Trainer(name, tiny(name), [spoken[0][16_000:20_000]])
        losses = [trainer.train_step() for _ in range(24)]
        runs.append((losses, trainer.finish().state_dict()))
    (losses, state), (again, same) = runs
    assert losses == again
    assert all(torch.equal(state[key], same[key]) for key in state)
    assert np.mean([s["spectral"] for s in losses[-4:]]) < 0.92 * losses[0]["spectral"]
    assert losses[0]["commitment"] == 0 < losses[-1]["commitment"], "the books join after the bypass"


def test_front_end_learns_and_repeats(spoken):
    entry = copy.deepcopy(CONFIG["frontends"]["xlsr"])
    entry["training"] |= {"steps": 30, "batch": 2, "seconds": 1.0, "clusters": 8}
    entry["network"] |= {"num_hidden_layers": 1}
    runs = []
    for _ in range(2):
        trainer = FrontEndTrainer("xlsr", entry, [spoken[0][8_000:24_000]])
        runs.append([trainer.train_step() for _ in range(30)])
    assert runs[0] == runs[1]
    assert np.mean([s["loss"] for s in runs[0][-5:]]) < 0.95 * np.mean([s["loss"] for s in runs[0][:5]])


def test_language_model_learns_and_repeats(spoken):
    entry = copy.deepcopy(CONFIG["alms"]["demo_alm"])
    entry["training"] |= {"steps": 30, "batch": 2, "frames": 40}
    entry["network"] |= {"num_hidden_layers": 1, "hidden_size": 32, "intermediate_size": 32}
    runs = []
    for _ in range(2):
        trainer = LanguageModelTrainer("demo_alm", entry, [spoken[0][8_000:24_000], spoken[1][:4000]])
        runs.append([trainer.train_step() for _ in range(30)])
    assert runs[0] == runs[1]
    assert runs[0][0]["loss"] > math.log(200)
    assert np.mean([s["loss"] for s in runs[0][-5:]]) < 0.95 * np.mean([s["loss"] for s in runs[0][:5]])


def test_train_writes_a_file_that_the_codec_loads(tmp_path, spoken):
    import soundfile

    for speaker in ("seen", "unseen"):
        for i, clip in enumerate(spoken):
            path = tmp_path / "speech" / speaker / f"{i}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, clip, SAMPLE_RATE)
    config = {"held_out": ["unseen"], "codecs": {"encodec": tiny("encodec", steps=3)}, "frontends": {}, "alms": {}}
    out = tmp_path / "encodec.safetensors"
    train_compact.train_compact("encodec", config, [tmp_path / "speech"], out)
    first = content(out)
    facts = json.loads(first[0]["ncst"])
    assert facts["steps"] == 3 and facts["utterances"] == len(spoken) and "stoi" in facts
    codec = registry.load("codecs", "encodec")({"settings": {"books": 2}}, out)
    assert len(codec.resynthesize([spoken[0]], [0])[0]) == len(spoken[0])
    train_compact.train_compact("encodec", config, [tmp_path / "speech"], out)
    metadata, state = content(out)
    assert metadata == first[0]
    assert all(torch.equal(state[key], value) for key, value in first[1].items())
    with pytest.raises(NcstError, match="no compact network 'opus'"):
        train_compact.train_compact("opus", config, [tmp_path / "speech"], out)
    with pytest.raises(NcstError, match="No speech"):
        train_compact.train_compact("encodec", {**config, "held_out": ["nobody"]}, [tmp_path / "speech"], out)


def test_books_start_on_the_clusters_and_dead_codes_revive():
    generator = torch.Generator().manual_seed(1)
    centres = torch.randn(16, 4, generator=generator) * 10
    vectors = centres.repeat(20, 1) + 0.01 * torch.randn(320, 4, generator=generator)
    book = Book(torch.zeros(16, 4))
    book.start(vectors, generator)
    distance = (vectors - book.table[book.choose(vectors)]).square().mean()
    assert distance < 0.2 * vectors.var()
    book.table[3], book.count[3] = 1e4, 1e-6
    assert book.revive(vectors, generator) == 1
    assert (book.table.abs() < 100).all()


def test_chain_passes_the_gradient_straight_through():
    generator = torch.Generator().manual_seed(2)
    chain = Chain([Book(torch.randn(8, 3, generator=generator)) for _ in range(3)])
    latent = torch.randn(2, 3, 5, generator=generator, requires_grad=True)
    quantized, commitment, seen = chain.quantize(latent)
    quantized.sum().backward()
    assert torch.equal(latent.grad, torch.ones_like(latent))
    expected = sum(book.table[codes] for book, _, codes in seen).view(2, 5, 3).mT
    assert torch.allclose(quantized, expected, atol=1e-5)
    assert commitment > 0 and len(seen) == 3


def test_unit_variance_reaches_every_layer():
    network = torch.nn.Sequential(torch.nn.Conv1d(1, 8, 5), torch.nn.ELU(), torch.nn.Conv1d(8, 4, 3))
    audio = 0.01 * torch.randn(4, 1, 400, generator=torch.Generator().manual_seed(3))
    unit_variance(network, lambda: network(audio))
    with torch.no_grad():
        assert network[0](audio).std().item() == pytest.approx(1, abs=1e-3)
        assert network(audio).std().item() == pytest.approx(1, abs=1e-3)


def test_crops_are_loud_enough_and_vary_in_level():
    silence_and_tone = np.concatenate([np.zeros(8000), np.sin(np.arange(8000))]).astype(np.float32)
    batch = Crops([silence_and_tone], 1000, seed=4).batch(64)
    peaks = batch.abs().amax((1, 2))
    assert batch.shape == (64, 1, 1000) and peaks.max() <= 0.99
    assert (peaks < 0.01).float().mean() < 0.4
    assert peaks[peaks > 0.01].std() > 0.1
