"""The models: parity with the published networks, dead parameters, options, checkpoints."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.golden_models import golden_case, golden_features, golden_state, golden_wave
from lightning import LightningModule
from safetensors.torch import save_file

from ncst import registry
from ncst.errors import NcstError
from ncst.tracing.frontends.mel import Mel
from ncst.tracing.models import _norm
from ncst.tracing.models._base import import_checkpoint
from ncst.tracing.models._norm import channels_last, norm_selu, update_statistics
from ncst.tracing.models.aasist import sinc_bank

NAMES = ("mel_lcnn", "aasist", "w2v2_aasist")
SMALL = {
    "mel_lcnn": ((80, 48), {"channels": (4, 4, 4, 4, 4), "hidden": 8, "embedding": 12}),
    "aasist": ((4000,), {"filters": 12, "channels": (4, 6), "widths": (8, 4)}),
    "w2v2_aasist": ((21, 10), {"projection": 12, "channels": (4, 6), "attention": 8, "widths": (8, 4)}),
}


def golden_inputs(name, spec):
    if spec["function"] == "golden_features":
        return torch.from_numpy(golden_features(spec["seed"], spec["shape"]))
    waves = np.stack([golden_wave(seed, spec["samples"]) for seed in spec["seeds"]])
    return torch.from_numpy(Mel({}).compute(waves) if name == "mel_lcnn" else waves)


def small(name, **options):
    torch.manual_seed(0)
    shape, defaults = SMALL[name]
    return registry.load("models", name)(3, shape, **(defaults | options)), torch.rand(2, *shape) - 0.5


@pytest.fixture(scope="module", params=NAMES)
def golden(request):
    facts, arrays = golden_case(request.param)
    network = registry.load("models", request.param)(7)
    network.load_state_dict(golden_state(facts), strict=True)

    def check(key, value):
        value = np.asarray(value.detach() if isinstance(value, torch.Tensor) else value, np.float64)
        np.testing.assert_allclose(value, arrays[key], rtol=0, atol=facts["noise"][key]["suggested_atol"], err_msg=key)

    return request.param, facts, arrays, network, check


def test_outputs_and_inner_values_are_those_of_the_published_model(golden):
    name, facts, arrays, network, check = golden
    taps = {}
    modules = dict(network.named_modules())
    wanted = [key.split(".")[1] for key in arrays if key.startswith("tap.") and key.endswith(".value")]
    hooks = [
        modules[tap].register_forward_hook(lambda _, __, out, tap=tap: taps.update({tap: out.clone()}))
        for tap in wanted
        if tap in modules
    ]
    inputs = golden_inputs(name, facts["inputs"]["eval"])
    with torch.inference_mode():
        embedding, logits = network.eval()(inputs)
    for hook in hooks:
        hook.remove()
    if name == "aasist":
        taps["conv_time"] = torch.conv1d(inputs.unsqueeze(1), torch.from_numpy(sinc_bank()))
    assert sorted(taps) == sorted(wanted)
    for tap in wanted:
        check(f"tap.{tap}.value", taps[tap].flatten()[torch.from_numpy(arrays[f"tap.{tap}.index"]).long()])
    check("embedding", embedding)
    check("logits", logits)
    assert embedding.shape[1] == network.embedding_dim


def test_gradients_and_running_statistics_are_those_of_the_published_model(golden):
    name, facts, arrays, network, check = golden
    info = facts["info"]
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    inputs = golden_inputs(name, facts["inputs"]["train"])
    if name == "aasist":  # two frames are so close that single precision may pick either as the maximum
        network, inputs = network.double(), inputs.double()
    embedding, logits = network(inputs)
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(facts["train"]["labels"]))
    loss.backward()
    parameters, buffers = dict(network.named_parameters()), dict(network.named_buffers())
    check("train.embedding", embedding)
    check("train.logits", logits)
    check("train.loss", loss)
    check("train.gradient_norm", [parameters[key].grad.norm() for key in info["gradient_names"]])
    samples = zip(info["gradient_sample_names"], arrays["train.gradient_sample_index"])
    check("train.gradient_sample", [parameters[key].grad.flatten()[index].numpy() for key, index in samples])
    check("train.running_statistic_norm", [buffers[key].norm() for key in info["running_statistic_names"]])
    dead = sorted(key for key, value in parameters.items() if value.grad is None)
    assert dead == sorted(info["parameters_without_gradient"])


def test_batch_norm_and_selu_together_are_those_of_pytorch():
    torch.manual_seed(0)
    ours, theirs, dead = (torch.nn.BatchNorm2d(3) for _ in range(3))
    for norm in (ours, theirs):
        torch.nn.init.constant_(norm.weight, 0.7)
        torch.nn.init.constant_(norm.bias, -0.2)
    x = (torch.rand(4, 3, 50, 70) + 2).requires_grad_()
    pull = torch.randn(4, 3, 50, 70)
    ways = (ours, norm_selu(ours, channels_last(x))), (theirs, torch.selu(theirs(x)))
    found, expected = (
        [y, *torch.autograd.grad(y, [x, norm.weight, norm.bias], pull), *norm.buffers()] for norm, y in ways
    )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)
    update_statistics(dead, channels_last(x))
    assert all(torch.equal(one, other) for one, other in zip(dead.buffers(), ours.buffers(), strict=True))
    half = norm_selu(ours, channels_last(x).bfloat16())
    torch.testing.assert_close(half, ways[0][1], rtol=0, atol=0.05)
    small = torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: norm_selu(torch.nn.BatchNorm2d(3).double(), x), small)


def test_statistics_alone_on_a_gpu_are_those_of_pytorch(monkeypatch):
    monkeypatch.setattr(_norm, "_ours", lambda x: False)
    ours, theirs, x = torch.nn.BatchNorm2d(3), torch.nn.BatchNorm2d(3), torch.randn(4, 3, 5, 7) + 2
    for part in (x, 2 * x):
        update_statistics(ours, part)
        theirs(part)
    assert all(torch.equal(one, other) for one, other in zip(ours.buffers(), theirs.buffers(), strict=True))


def test_variances_of_large_maps_are_exact():
    x = channels_last(torch.randn(2, 4, 1000, 1000) + 0.5)
    norm = torch.nn.BatchNorm2d(4, momentum=1.0)
    update_statistics(norm, x)
    torch.testing.assert_close(norm.running_var, x.double().var((0, 2, 3)).float(), rtol=2e-6, atol=0)


@pytest.mark.parametrize("name", ["aasist", "w2v2_aasist"])
def test_the_dead_norms_have_no_effect(name):
    network, inputs = small(name)
    before = network.eval()(inputs)
    state = network.state_dict()
    dead = [key for key in state if ".bn1." in key]
    assert len(dead) == 25
    for key in dead:
        state[key].fill_(7)
    for one, other in zip(before, network(inputs)):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_small_models_give_embedding_and_logits_and_every_clip_counts_alone(name):
    network, inputs = small(name)
    embedding, logits = network.eval()(inputs)
    assert embedding.shape == (2, network.embedding_dim)
    assert logits.shape == (2, 3)
    alone = torch.cat([network(clip[None])[1] for clip in inputs])
    assert torch.allclose(alone, logits, atol=1e-5)


@pytest.mark.parametrize("name", ["aasist", "w2v2_aasist"])
def test_the_number_of_frames_is_free(name):
    network, inputs = small(name)
    longer = torch.cat([inputs, inputs], 1)
    assert network.eval()(longer)[1].shape == (2, 3)


def test_the_logarithm_is_an_option_that_changes_the_model():
    for name in ("mel_lcnn", "aasist"):
        plain, inputs = small(name)
        logarithmic, _ = small(name, log=True)
        logarithmic.load_state_dict(plain.state_dict())
        inputs = inputs.abs()
        outputs = plain.eval()(inputs)[1], logarithmic.eval()(inputs)[1]
        assert not torch.allclose(*outputs, atol=1e-3)
        assert outputs[1].isfinite().all()
    assert logarithmic(torch.zeros_like(inputs))[1].isfinite().all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_published_checkpoint_is_imported_without_its_prefix_and_front_end(name, suffix, tmp_path: Path):
    network, inputs = small(name)
    prefix = "w2vaasist." if name == "w2v2_aasist" else ""
    state = {prefix + key: value.contiguous() for key, value in network.state_dict().items()}
    state |= {prefix + "extra": torch.zeros(2) for prefix in network.checkpoint_ignores}
    path = tmp_path / f"checkpoint{suffix}"
    torch.save(state, path) if suffix == ".pt" else save_file(state, path)
    other = registry.load("models", name)(3, SMALL[name][0], **SMALL[name][1])
    import_checkpoint(path, other)
    assert torch.equal(other.eval()(inputs)[1], network.eval()(inputs)[1])


class Lit(LightningModule):
    """A training module as others write it: a network, and a loss with weights of its own."""

    def __init__(self, network):
        super().__init__()
        self.net = network
        self.loss = torch.nn.CrossEntropyLoss(weight=torch.ones(3))


def _with_optimizer(network):
    optimizer = torch.optim.Adam(network.parameters())
    sum(parameter.sum() for parameter in network.parameters()).backward()
    optimizer.step()
    return {"epoch": 3, "model_state_dict": network.state_dict(), "optimizer_state_dict": optimizer.state_dict()}


WRAPPED = {
    "DataParallel": lambda network: torch.nn.DataParallel(network).state_dict(),
    "compile": lambda network: torch.compile(network).state_dict(),
    "compile of a part": lambda network: _compiled_part(network).state_dict(),
    "Lightning": lambda network: {"state_dict": Lit(network).state_dict(), "pytorch-lightning_version": "2.6"},
    "all three": lambda network: {"state_dict": Lit(torch.nn.DataParallel(torch.compile(network))).state_dict()},
    "optimizer beside it": _with_optimizer,
}


def _compiled_part(network):
    name, part = next(iter(network.named_children()))
    setattr(network, name, torch.compile(part))
    return network


@pytest.mark.parametrize("wrapped", WRAPPED.values(), ids=WRAPPED.keys())
@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_is_unwrapped(name, wrapped, tmp_path):
    network, _ = small(name)
    torch.save(wrapped(network), tmp_path / "last.ckpt")
    other = registry.load("models", name)(3, SMALL[name][0], **SMALL[name][1])
    import_checkpoint(tmp_path / "last.ckpt", other)
    for left, right in zip(other.parameters(), network.parameters(), strict=True):
        assert torch.equal(left, right)


def test_what_a_wrapped_checkpoint_lacks_or_has_twice_is_named(tmp_path):
    network, _ = small("aasist")
    path, state = tmp_path / "last.ckpt", network.state_dict()
    torch.save({"model": state, "ema": {f"module.{key}": value for key, value in state.items()}}, path)
    with pytest.raises(NcstError, match=r"holds the network 2 times, under \['model.', 'ema.module.'\]: save the one"):
        import_checkpoint(path, network)
    state = {f"module.{key}": value for key, value in state.items() if key != "out_layer.bias"}
    torch.save({"state_dict": state}, path)
    with pytest.raises(NcstError, match=r"weights under 'state_dict.module.' of .*Missing.*out_layer.bias"):
        import_checkpoint(path, network)


class Payload:
    def __reduce__(self):
        return print, ("executed",)


def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path, capsys):
    network, _ = small("w2v2_aasist")
    path = tmp_path / "a.pt"
    state = network.state_dict()
    del state["LL.weight"]
    torch.save(state, path)
    with pytest.raises(NcstError, match=r"LL\.weight"):
        import_checkpoint(path, network)
    with pytest.raises(NcstError, match=r"missing\.pt"):
        import_checkpoint(tmp_path / "missing.pt", network)
    torch.save(torch.zeros(2), path)
    with pytest.raises(NcstError, match="no state dict"):
        import_checkpoint(path, network)
    torch.save({"a": Payload()}, path)
    with pytest.raises(NcstError, match="tensors alone"):
        import_checkpoint(path, network)
    assert "executed" not in capsys.readouterr().out
