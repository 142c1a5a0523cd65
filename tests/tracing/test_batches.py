"""Batches are the same however they come: read when asked for, read ahead, or from features that a device holds."""

import numpy as np
import pytest
import torch
from helpers.toy_training import ENTRY, changed, make_results, run
from torch.utils._python_dispatch import TorchDispatchMode

from ncst.errors import NcstError
from ncst.formats.features import FeatureStore, feature_path, writing
from ncst.formats.manifests import read_manifest
from ncst.formats.shards import read_digest
from ncst.tracing import loop, score
from ncst.tracing.batches import Clips, loader
from ncst.tracing.graphed import GraphedLoss, Step
from ncst.tracing.loss import known_error, masked_error, objective_of
from ncst.tracing.models import _norm
from ncst.tracing.models.mel_lcnn import MelLcnn
from ncst.tracing.train import build


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = make_results(tmp_path_factory.mktemp("results"))
    for file in set(columns(folder)["shard_file"]):
        halves = np.random.default_rng(len(file)).standard_normal((16, 9, 4)).astype(np.float16)
        about = {"time_axis": 0, "shape": [9, 4], "audio": read_digest(folder / "audio" / file)}
        path = feature_path(folder, "halves", file)
        with writing(path, halves.shape, np.float16, about) as f:
            f[:] = halves
    return folder


def columns(results):
    return read_manifest(results / "manifests" / "train.parquet", ("shard_file", "row", "label")).to_pydict()


@pytest.mark.parametrize(("frontend", "crop"), [("mel", None), ("mel", 20), ("waveform", 3000), ("halves", 5)])
@pytest.mark.parametrize("labels", ["label", None])
def test_held_and_read_ahead_batches_are_those_read_one_by_one(results, frontend, crop, labels):
    manifest = columns(results)
    clips, held = (
        Clips(manifest, FeatureStore(results, frontend), crop, labels and manifest[labels]) for _ in range(2)
    )
    held.hold("cpu")
    for keys in (clips.shuffled(7, "some epoch"), clips.in_order(7)):
        ways = [loader(clips, keys), loader(clips, keys, in_advance=True), loader(held, keys)]
        assert [len(way) for way in ways] == [7, 7, 7]
        for batches in zip(*ways, strict=True):
            for features, targets in batches[1:]:
                assert features.is_contiguous() and features.dtype == torch.float32
                assert torch.equal(features, batches[0][0])
                assert (targets is None) == (labels is None)
                assert targets is None or torch.equal(targets, batches[0][1])
    assert held.held.dtype == {"mel": torch.float32, "waveform": torch.int16, "halves": torch.float16}[frontend]


def test_what_goes_wrong_in_a_reading_thread_is_said(results):
    manifest = columns(results)
    manifest["shard_file"][20] = "train/gone/00000-of-00001.parquet"
    clips = Clips(manifest, FeatureStore(results, "mel"))
    with pytest.raises(NcstError, match="Features missing"):
        list(loader(clips, clips.in_order(4), in_advance=True))
    with pytest.raises(NcstError, match="Features missing"):
        clips.hold("cpu")


def test_training_on_clips_that_are_held_or_read_ahead_gives_the_same_weights(results, tmp_path, monkeypatch):
    entry = changed(epochs=2)
    plain = run(results, tmp_path / "plain", entry)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "loader", lambda clips, keys, *_, **__: loader(clips, keys, in_advance=True))
        assert run(results, tmp_path / "ahead", entry) == plain
    original = loop.Run.on_fit_start

    def start(self):
        original(self)
        for clips in self.sets:
            clips.hold("cpu")

    monkeypatch.setattr(loop.Run, "on_fit_start", start)
    assert run(results, tmp_path / "held", entry) == plain


def test_a_loss_that_is_no_number_ends_the_training_within_the_epoch(results, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECK", 2)
    seen = []
    original = loop.Run.training_step
    monkeypatch.setattr(loop.Run, "training_step", lambda *args: (seen.append(args[2]), original(*args))[1])
    with pytest.raises(NcstError, match="not a number"):
        run(results, tmp_path, changed(lr=1e30))
    assert max(seen) < 5


def facts(**objective):
    return {"name": "x", "classes": [0, 1, 2], "training": {"objective": objective, "class_weights": None}}


def test_without_a_gpu_no_graph_is_recorded_and_the_loss_is_the_plain_one():
    torch.manual_seed(0)
    network = MelLcnn(3, (80, 40), channels=(4, 4, 4, 4, 4), hidden=8, embedding=12)
    objective = objective_of(facts(name="cross_entropy"))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    loss, features, targets = GraphedLoss(network, objective), torch.rand(6, 80, 40), torch.arange(6) % 3
    loss.record(features, targets)
    assert loss.graph is None
    for key, value in network.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)
    torch.manual_seed(1)
    found = loss(features, targets)
    network.load_state_dict(before)
    torch.manual_seed(1)
    torch.testing.assert_close(found, objective.of_batch(network, features, targets), rtol=0, atol=0)


def test_objectives_that_draw_on_the_cpu_are_not_recorded():
    assert objective_of(facts(name="cross_entropy")).graphable and objective_of(facts(name="aam")).graphable
    assert not objective_of(facts(name="regmixup")).graphable


class Hungry(torch.nn.Module):
    """Runs out of memory above three clips."""

    def forward(self, features):
        if len(features) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return features.mean((1, 2)), features.amax(2)


def test_a_batch_that_does_not_fit_is_halved_until_it_does(results, caplog):
    clips = Clips(columns(results), FeatureStore(results, "mel"))
    logits, embeddings = score.outputs(Hungry(), clips, "cpu", 25)
    whole = torch.cat([features for features, _ in loader(clips, clips.in_order(10))])
    assert torch.equal(logits, whole.amax(2))
    torch.testing.assert_close(embeddings, whole.mean((1, 2)))
    assert [record.args for record in caplog.records] == [(25, 12), (12, 6), (6, 3)]


def test_another_failure_in_scoring_is_not_taken_for_a_full_gpu(results):
    clips = Clips(columns(results), FeatureStore(results, "mel"))
    with pytest.raises(RuntimeError, match=r"shape|size"):
        score.outputs(torch.nn.Linear(3, 3), clips, "cpu", 4)


@pytest.mark.gpu
@pytest.mark.parametrize("entry", [ENTRY, changed(precision="bf16", clip_grad=1.0)], ids=["fp32", "bf16"])
def test_a_gpu_trains_with_graphs_as_without(results, tmp_path, monkeypatch, entry):
    graphs = []
    original = GraphedLoss.record
    monkeypatch.setattr(GraphedLoss, "record", lambda s, *a: (original(s, *a), graphs.append(s.graph is not None))[1])
    run(results, tmp_path / "graphs", entry, device="cuda")
    assert graphs == [True]
    monkeypatch.setattr(GraphedLoss, "record", lambda *_: None)
    run(results, tmp_path / "plain", entry, device="cuda")
    one, two = ((tmp_path / name / "curves.csv").read_text().splitlines()[-1] for name in ("graphs", "plain"))
    assert float(one.split(",")[1]) == pytest.approx(float(two.split(",")[1]), rel=0.05)


@pytest.mark.gpu
def test_a_deterministic_training_on_a_gpu_gives_the_same_bytes(results, tmp_path, monkeypatch):
    entry = changed(deterministic=True, epochs=3)
    first = run(results, tmp_path / "held", entry, device="cuda")
    monkeypatch.setattr(Clips, "fits", lambda *_: False)
    assert run(results, tmp_path / "read", entry, device="cuda") == first


class Waits(TorchDispatchMode):
    """Notes operators that would make the host wait for a GPU, or copy from it into a CUDA graph."""

    OPERATORS = frozenset({"_local_scalar_dense", "nonzero", "lift_fresh", "equal", "masked_select", "unique2"})

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        name = operator.overloadpacket.__name__
        boolean = name == "index" and any(i is not None and i.dtype == torch.bool for i in args[1])
        self.found += [name] * (name in self.OPERATORS or boolean)
        return operator(*args, **(kwargs or {}))


MODELS = {
    "mel_lcnn": ((80, 40), {"channels": [4] * 5, "hidden": 8, "embedding": 12}),
    "aasist": ((6000,), {"filters": 12, "channels": [4, 6], "widths": [8, 4]}),
    "w2v2_aasist": ((30, 16), {"projection": 24, "channels": [4, 6], "attention": 8, "widths": [8, 4]}),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("objective", [{"name": "cross_entropy"}, {"name": "aam"}, {"name": "oc_softmax"}])
@pytest.mark.parametrize("weights", [None, "balanced"])
def test_nothing_in_a_step_waits_for_a_gpu(monkeypatch, model, objective, weights):
    monkeypatch.setattr(_norm, "_ours", lambda x: False)
    shape, options = MODELS[model]
    about = facts(**objective) | {"module": model, "shape": shape, "options": options}
    about["training"]["class_weights"] = weights
    targets = torch.arange(6) % 3
    step = Step(build(about), objective_of(about, targets.tolist()))
    step(torch.rand(6, *shape), targets)  # what is remembered is made
    with Waits() as waits:
        step(torch.rand(6, *shape), targets).backward()
    assert waits.found == []
    with Waits() as waits:
        assert torch.rand(3).sum() > 0
    assert waits.found == ["_local_scalar_dense"]


@pytest.mark.parametrize("known", [[], [1], [0, 2]])
def test_the_error_of_known_rows_is_the_same_on_a_gpu(known):
    wanted = torch.full((4, 3), torch.nan)
    wanted[known] = torch.randn(len(known), 3)
    found = torch.randn(4, 3, requires_grad=True)
    expected = known_error(found, wanted)
    gradient = torch.autograd.grad(expected, found)[0]
    with Waits() as waits:
        error = masked_error(found, wanted)
        (other,) = torch.autograd.grad(error, found)
    torch.testing.assert_close(other, gradient)
    torch.testing.assert_close(error, expected)
    assert waits.found == []
