"""Training and scoring on small separable sets of real shards: results, repeatability, interruption, refusals."""

import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from helpers.plain_network import plain_network
from helpers.toy_training import ENTRY, SAMPLES, Killed, changed, interrupt, make_results, run, sound
from safetensors.torch import load_file
from sklearn.neighbors import KNeighborsClassifier

from ncst.errors import NcstError
from ncst.tracing import loop, loss, recipe, score
from ncst.tracing import progress as progress
from ncst.tracing import train as training
from ncst.tracing.augmentation import Augmentation
from ncst.tracing.batches import share

ENVIRONMENT = dict(os.environ)  # before a test here takes a GPU


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def trained(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("model")
    run(results, out)
    return out


def test_training_learns_and_writes_what_it_did(trained):
    facts = json.loads((trained / "model.json").read_text())
    curves = list(csv.DictReader((trained / "curves.csv").open()))
    assert sorted(path.name for path in trained.iterdir()) == [
        "curves.csv",
        "last.safetensors",
        "model.json",
        "model.safetensors",
        "tensorboard",
    ]
    assert facts["classes"] == [0, 2, 6]
    assert facts["class_names"] == ["real", "low", "high"]
    assert facts["dev_accuracy"] >= 0.95
    assert [int(row["epoch"]) for row in curves] == list(range(1, 13))
    assert list(curves[0]) == ["epoch", "train_loss", "dev_loss", "dev_acc", "lr", "seconds"]
    losses = [float(row["dev_loss"]) for row in curves]
    assert facts["dev_loss"] == min(losses)
    assert facts["best_epoch"] == 1 + losses.index(min(losses))
    assert facts["shape"] == [80, 40]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(results, trained, tmp_path):
    first = (trained / "model.safetensors").read_bytes()
    assert run(results, tmp_path / "again") == first
    assert run(results, tmp_path / "other", seed=1) != first


@pytest.mark.parametrize(
    "keys",
    [
        {"objective": {"name": "aam", "scale": 10.0}, "class_weights": "balanced"},
        {"objective": {"name": "oc_softmax"}, "clip_grad": 1.0},
        {"objective": {"name": "regmixup"}},
        {"sampler": "balanced_real"},
    ],
    ids=["aam", "oc_softmax", "regmixup", "balanced_real"],
)
def test_what_goes_beyond_the_baselines_learns_resumes_and_is_scored(results, tmp_path, monkeypatch, keys):
    entry = changed(**keys)
    whole = run(results, tmp_path / "whole", entry)
    interrupt(monkeypatch, 5, results, tmp_path / "parts", entry)
    assert run(results, tmp_path / "parts", entry) == whole
    score.score(tmp_path / "whole", results / "manifests" / "dev.parquet", results, tmp_path / "scores.parquet")
    table = pq.read_table(tmp_path / "scores.parquet", columns=["label", "logits"])
    predicted = np.array([0, 2, 6])[np.stack(table["logits"].to_pylist()).argmax(1)]
    assert (predicted == np.array(table["label"])).mean() >= 0.95
    facts = json.loads((tmp_path / "whole" / "model.json").read_text())
    assert facts["dev_accuracy"] == pytest.approx((predicted == np.array(table["label"])).mean())


def augmented(frontend, module, *names, **keys):
    found = {"waveforms": "waveform", "frontend": frontend, "entry": {"samples": SAMPLES}, "weights": None}
    entries = yaml.safe_load((Path(__file__).parents[2] / "config" / "perturbations.yaml").read_text())
    found["perturbations"] = {name: entries["perturbations"][name] for name in names}
    entry = changed(epochs=3, augment=list(names), **keys)
    return entry | {"frontend": frontend, "module": module, "augmentation": found}


def test_augmentation_is_repeatable_resumed_to_the_bit_and_has_an_effect(results, tmp_path, monkeypatch):
    entry = augmented("mel", "mel_lcnn", "rawboost", "speed")
    whole = run(results, tmp_path / "whole", entry)
    original = loop.Run.training_step

    def step(self, batch, number):
        if self.epoch == 1 and number == 2:
            raise Killed
        return original(self, batch, number)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, "training_step", step)
        with pytest.raises(Killed):
            run(results, tmp_path / "parts", entry)
    assert run(results, tmp_path / "parts", entry, workers=2) == whole
    assert run(results, tmp_path / "plain", changed(epochs=3)) != whole
    never = augmented("mel", "mel_lcnn", "rawboost", augment_probability=0.0)
    assert run(results, tmp_path / "never", never) == run(results, tmp_path / "plain", changed(epochs=3))
    score.score(tmp_path / "whole", results / "manifests" / "dev.parquet", results, tmp_path / "scores.parquet")


def test_augmented_clips_are_the_perturbed_ones():
    entry = augmented("waveform", "aasist", "level")["augmentation"]
    entry["perturbations"]["level"] = {"options": {"gain_db": -20}}
    waves = np.stack([sound("low", 1), sound("high", 1)])
    features = Augmentation(entry, 1.0, ".", "cpu")(waves, [0, 1])
    np.testing.assert_allclose(features, waves / 10, atol=2e-5)
    assert features.dtype == np.float32
    some = Augmentation(entry, 0.5, ".", "cpu")(np.repeat(waves, 50, 0), range(100))
    assert 30 < (np.abs(some).max(1) < 0.2).sum() < 70
    with pytest.raises(NcstError, match="waveforms as long as its clips"):
        Augmentation(entry, 1.0, ".", "cpu")(waves[:, :99], [0, 1])


def test_a_checkpoint_is_scored_instead_of_training(results, trained, tmp_path):
    entry = ENTRY | {"checkpoint": str(trained / "model.safetensors")}
    assert run(results, tmp_path, entry) == (trained / "model.safetensors").read_bytes()
    facts, before = (json.loads((folder / "model.json").read_text()) for folder in (tmp_path, trained))
    assert facts["dev_loss"] == pytest.approx(before["dev_loss"])
    assert facts["checkpoint"]["file"] == entry["checkpoint"]
    assert len((tmp_path / "curves.csv").read_text().splitlines()) == 2
    score.score(tmp_path, results / "manifests" / "dev.parquet", results, tmp_path / "scores.parquet")
    with pytest.raises(NcstError, match=r"none\.pt does not exist"):
        run(results, tmp_path / "no", entry | {"checkpoint": "none.pt"})
    options = ENTRY["options"] | {"hidden": 9}
    with pytest.raises(NcstError, match=r"looks like weights of .*, not of the MelLcnn"):
        run(results, tmp_path / "no", entry | {"options": options})
    assert not (tmp_path / "no").exists()


def test_two_processes_train_as_one(results, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "build", plain_network)
    for name, value in {"NTASKS": "1", "JOB_NAME": "python", "JOB_ID": "7", "PROCID": "0", "LOCALID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    entry = changed(epochs=3, batch=10, class_weights="balanced", clip_grad=1.0)
    for processes in (1, 2):
        run(results, tmp_path / str(processes), entry, devices=processes)
    one, two = (load_file(tmp_path / str(processes) / "last.safetensors") for processes in (1, 2))
    for key, value in one.items():
        torch.testing.assert_close(value, two[key], rtol=1e-4, atol=1e-6)
    one, two = (list(csv.DictReader((tmp_path / name / "curves.csv").open())) for name in "12")
    for key in ("train_loss", "dev_loss", "dev_acc"):
        found = [[float(row[key]) for row in rows] for rows in (one, two)]
        assert found[0] == pytest.approx(found[1], rel=1e-4)
    assert float(one[-1]["train_loss"]) < float(one[0]["train_loss"])


TRAIN = """
import sys
from pathlib import Path
from helpers.plain_network import plain_network
from helpers.toy_training import changed, run
from ncst.tracing import train

train.build = plain_network
entry = changed(epochs=3, batch=10, class_weights="balanced", clip_grad=1.0)
run(Path(sys.argv[1]), Path(sys.argv[2]), entry, device="cuda", devices=int(sys.argv[3]))
"""


@pytest.mark.gpu(2)
def test_two_gpus_train_as_one(results, tmp_path):
    variables = ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    for count in "12":
        subprocess.run([sys.executable, "-c", TRAIN, results, tmp_path / count, count], check=True, env=variables)
    one, two = (load_file(tmp_path / count / "last.safetensors") for count in "12")
    for key, value in one.items():
        torch.testing.assert_close(value, two[key], rtol=1e-3, atol=1e-5)


def test_processes_share_a_batch_without_gaps():
    key = np.arange(7), np.arange(7) * 10, np.arange(7) * 100
    parts = [share(key, rank, 3) for rank in range(3)]
    assert [part[0].tolist() for part in parts] == [[0, 3, 6], [1, 4, 0], [2, 5, 1]]
    assert all((part[1] == 10 * part[0]).all() and (part[2] == 100 * part[0]).all() for part in parts)
    assert share(key, 0, 1)[0].tolist() == list(range(7))


def test_tensorboard_has_the_curves(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(trained / "tensorboard")).Reload()
    curves = list(csv.DictReader((trained / "curves.csv").open()))
    shown = events.Scalars("dev_loss")
    assert [event.step for event in shown] == list(range(1, 13))
    assert [event.value for event in shown] == pytest.approx([float(row["dev_loss"]) for row in curves])


def test_progress_is_logged_where_there_is_no_terminal(monkeypatch, caplog, capsys):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with caplog.at_level("INFO"):
        shown = progress.TrainingProgress("small", 100, 300)
        time.sleep(0.02)
        shown.advance(50)
        shown.say("epoch 1")
        shown.close()
    line, said = caplog.messages
    assert re.fullmatch(r"150 of 300 clips, \d+ clips/s, 0:00:00 left", line)
    assert said == "epoch 1"
    assert capsys.readouterr() == ("", "")


def test_every_clip_is_scored_alone(results, trained, tmp_path):
    manifest = results / "manifests" / "dev.parquet"
    score.score(trained, manifest, results, tmp_path / "a.parquet", batch=24)
    score.score(trained, manifest, results, tmp_path / "b.parquet", batch=1)
    table = pq.read_table(tmp_path / "a.parquet")
    about = json.loads(table.schema.metadata[b"ncst"])
    assert table.column_names == [*score.COLUMNS, "logits", "embedding"]
    assert table.schema.field("logits").type == pa.list_(pa.float32())
    assert about == {
        "model": "small",
        "split": "dev",
        "classes": [0, 2, 6],
        "class_names": ["real", "low", "high"],
        "seed": 688,
    }
    for column in ("logits", "embedding"):
        together, alone = (
            np.stack(pq.read_table(tmp_path / f"{name}.parquet")[column].to_pylist()) for name in ("a", "b")
        )
        np.testing.assert_allclose(together, alone, rtol=1e-6, atol=1e-5)
    logits = np.stack(table["logits"].to_pylist())
    assert together.shape == (24, 12)
    assert (np.array([0, 2, 6])[logits.argmax(1)] == np.array(table["label"])).mean() >= 0.95
    assert table["clip_id"].to_pylist() == pq.read_table(manifest)["clip_id"].to_pylist()


def test_scoring_refuses_features_made_otherwise(results, trained, tmp_path):
    facts = json.loads((trained / "model.json").read_text())
    facts["fingerprint"]["samples"] = 64600
    (tmp_path / "model.json").write_text(json.dumps(facts))
    (tmp_path / "model.safetensors").write_bytes((trained / "model.safetensors").read_bytes())
    with pytest.raises(NcstError, match=r"samples \(6144 instead of 64600\)"):
        score.score(tmp_path, results / "manifests" / "dev.parquet", results, tmp_path / "s.parquet")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(NcstError, match="no usable model"):
        score.load_model(tmp_path)


def test_raw_waveforms_and_the_other_options_train(results, tmp_path):
    options = {"filters": 12, "channels": [4, 6], "widths": [8, 4], "log": True}
    recipe = {"epochs": 1, "batch": 12, "optimizer": "adamw", "schedule": "cosine", "clip_grad": 1.0}
    recipe |= {"class_weights": "balanced", "crop": 3000}
    entry = {"module": "aasist", "frontend": "waveform", "options": options, "training": recipe}
    run(results, tmp_path, entry)
    network, facts = score.load_model(tmp_path)
    assert facts["shape"] == [3000]
    assert network.embedding_dim == 20


@pytest.mark.parametrize(
    ("name", "shape", "parameters"),
    [
        ("mel_lcnn", (80, 505), 973_799),
        ("aasist", (64_600,), 298_671),
        ("w2v2_aasist", (201, 1024), 448_047),
    ],
)
def test_the_registry_holds_the_published_models_and_training(name, shape, parameters):
    entry = yaml.safe_load((Path(__file__).parents[2] / "config" / "models.yaml").read_text())["models"][name][
        "published"
    ]
    assert entry["training"] == recipe.DEFAULTS
    facts = {"name": name, "module": name, "classes": range(7), "shape": shape, "options": entry["options"]}
    network = training.build(facts | {"training": entry["training"]})
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_learning_rates_are_those_of_the_schedule():
    assert [recipe.learning_rate(recipe.DEFAULTS, epoch) for epoch in (0, 9, 10, 49)] == [5e-4, 5e-4, 2.5e-4, 3.125e-5]
    cosine = recipe.DEFAULTS | {"schedule": "cosine"}
    assert recipe.learning_rate(cosine, 0) == 5e-4
    assert recipe.learning_rate(cosine, 25) == pytest.approx(2.5e-4)


def test_class_weights_balance_the_classes():
    weights = loss.loss_weights([0, 0, 0, 1], "balanced")
    assert weights.tolist() == pytest.approx([2 / 3, 2])


def subset(results, name, keep):
    table = pq.read_table(results / "manifests" / "train.parquet")
    pq.write_table(
        table.filter(pa.compute.is_in(table["label"], pa.array(keep))), results / f"manifests/{name}.parquet"
    )
    return name


def test_what_cannot_be_trained_is_refused(results, tmp_path):
    with pytest.raises(NcstError, match=r"Classes \[6\]"):
        run(results, tmp_path, train=subset(results, "two", [0, 2]))
    with pytest.raises(NcstError, match="at least two"):
        run(results, tmp_path, train=subset(results, "one", [0]), dev="one")
    with pytest.raises(NcstError, match="no clips"):
        run(results, tmp_path, train=subset(results, "none", []))
    with pytest.raises(NcstError, match="not a number"):
        run(results, tmp_path, changed(lr=1e30))
    with pytest.raises(NcstError, match="unknown keys"):
        run(results, tmp_path, changed(epoch=3))
    with pytest.raises(NcstError, match="no `augmentation`"):
        run(results, tmp_path, changed(augment=["noise"]))
    with pytest.raises(NcstError, match="needs a GPU"):
        run(results, tmp_path, changed(precision="fp16"))
    with pytest.raises(NcstError, match="schedule"):
        run(results, tmp_path, changed(schedule="linear"))
    with pytest.raises(NcstError, match=r"one of .*balanced_real"):
        run(results, tmp_path, changed(sampler="real"))
    with pytest.raises(NcstError, match=r"No 'aan' among the objectives"):
        run(results, tmp_path, changed(objective={"name": "aan"}))
    with pytest.raises(NcstError, match="objective does not take the options"):
        run(results, tmp_path, changed(objective={"name": "aam", "margins": 0.2}))
    with pytest.raises(NcstError, match="not trained by gradients"):
        entry = augmented("mel", "ssl_knn", "level")
        run(results, tmp_path, entry | {"options": {}})
    with pytest.raises(NcstError, match="crop: 60"):
        run(results, tmp_path, changed(crop=60))
    with pytest.raises(NcstError, match="options"):
        run(results, tmp_path, ENTRY | {"options": {"width": 3}})


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(results, trained, tmp_path):
    with pytest.raises(NcstError, match="no GPU"):
        run(results, tmp_path, device="cuda")
    with pytest.raises(NcstError, match="no GPU"):
        score.score(trained, results / "manifests" / "dev.parquet", results, tmp_path / "s.parquet", device="cuda")


def test_a_training_free_model_remembers_and_scores(results, tmp_path):
    """The mel spectrogram's bands stand for frames; scikit-learn must find the same neighbours."""
    entry = {"module": "ssl_knn", "frontend": "mel", "options": {"k": 1}, "training": {"epochs": 1}}
    first, again = (run(results, tmp_path / name, entry, seed) for name, seed in (("a", 1), ("b", 2)))
    assert first == again, "nothing is drawn, so seeds agree"
    curves = list(csv.DictReader((tmp_path / "a/curves.csv").open()))
    assert len(curves) == 1 and float(curves[0]["dev_acc"]) > 0.6
    for split in ("train", "dev"):
        score.score(tmp_path / "a", results / f"manifests/{split}.parquet", results, tmp_path / f"{split}.parquet")
    train, dev = (pq.read_table(tmp_path / f"{split}.parquet").to_pydict() for split in ("train", "dev"))
    near = KNeighborsClassifier(1, metric="cosine").fit(train["embedding"], train["label"])
    classes = np.array(json.loads((tmp_path / "a/model.json").read_text())["classes"])
    assert (classes[np.argmax(dev["logits"], 1)] == near.predict(dev["embedding"])).all()
    np.testing.assert_allclose(np.mean(train["embedding"], 0), 0, atol=1e-4)
    with pytest.raises(NcstError, match="ssl_knn reads"):
        run(results, tmp_path / "c", entry | {"frontend": "waveform"})
