"""The taxonomy tracer: parity with the published networks, losses and scores of all nine settings."""

import numpy as np
import pytest
import torch
from helpers.golden_models import golden_case, golden_features, golden_state

from ncst.errors import NcstError
from ncst.tracing.loss import TaxonomyLoss
from ncst.tracing.models.taxonomy import BRANCHES, TaxonomyTracer
from ncst.tracing.taxonomy import CLASSES, bonafide_scores, heads_of, split_logits
from ncst.tracing.train import build

OFFICIAL = {"bin": "binary", "vq": "qs", "aux": "as", "dec": "ds"}
SCORES = {"vq": "vq_score", "aux": "aux_score", "dec": "dec_score"}
FACTS, ARRAYS = golden_case("taxonomy")
SETTINGS = FACTS["info"]["heads"]


def heads_in(setting):
    names = [head for head in CLASSES if OFFICIAL[head] in SETTINGS[setting]]
    shares = heads_of(dict.fromkeys(names, 1))
    return {head: {"share": shares[head], "outputs": CLASSES[head].names} for head in names}


def network_of(setting):
    network = TaxonomyTracer({head: len(facts["outputs"]) for head, facts in heads_in(setting).items()})
    kept = FACTS["top_level_modules"][setting]
    network.load_state_dict(golden_state(FACTS, lambda key: key.split(".")[0] in kept), strict=True)
    return network


def inputs_of(kind):
    return torch.from_numpy(golden_features(FACTS["inputs"][kind]["seed"], FACTS["inputs"][kind]["shape"]))


def check(key, value):
    value = np.asarray(value.detach() if isinstance(value, torch.Tensor) else value, np.float64)
    atol = FACTS["noise"][key]["suggested_atol"]
    np.testing.assert_allclose(value.reshape(ARRAYS[key].shape), ARRAYS[key], rtol=0, atol=atol, err_msg=key)


def losses_of(setting, logits):
    """Return the whole loss and those of the heads in the published order, NaN where there is none."""
    targets = torch.tensor([FACTS["labels"][OFFICIAL[head]] for head in heads_in(setting)]).T.float()
    objective = TaxonomyLoss(heads_in(setting))
    parts = objective.parts(logits, targets[: len(logits)])
    order = [parts.get(head, torch.tensor(torch.nan)).item() for head in ("bin", "aux", "dec", "vq")]
    return objective(logits, targets[: len(logits)]), order


@pytest.mark.parametrize("setting", SETTINGS)
def test_outputs_losses_and_scores_are_the_published_ones(setting):
    network, heads = network_of(setting).eval(), heads_in(setting)
    with torch.inference_mode():
        embedding, logits = network(inputs_of("outputs"))
        whole, parts = losses_of(setting, network(inputs_of("losses"))[1])
    assert embedding.shape == (2, 160 * len(heads))
    by_head = split_logits(heads, logits)
    for head, values in by_head.items():
        check(f"{setting}.{OFFICIAL[head]}.logits", values)
        if head in SCORES:
            check(f"{setting}.official_file.{SCORES[head]}", values.softmax(1))
    check(f"{setting}.eval_loss", whole)
    check(f"{setting}.eval_loss.heads", parts)
    check(f"{setting}.eval_loss.first2", losses_of(setting, logits)[0])
    scores = bonafide_scores({head: values.numpy() for head, values in by_head.items()})
    if f"{setting}.official_file.bin_score" in ARRAYS:
        check(f"{setting}.official_file.bin_score", scores)
    else:
        assert scores is None


@pytest.mark.parametrize("setting", FACTS["info"]["gradient_names"])
def test_gradients_are_the_published_ones(setting):
    network = network_of(setting).train()
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    logits = network(inputs_of("losses"))[1]
    whole, parts = losses_of(setting, logits)
    whole.backward()
    for head, values in split_logits(heads_in(setting), logits).items():
        check(f"{setting}.train.{OFFICIAL[head]}.logits", values)
    check(f"{setting}.train.loss", whole)
    check(f"{setting}.train.loss.heads", parts)
    parameters = dict(network.named_parameters())
    names = FACTS["info"]["gradient_names"][setting]
    check(f"{setting}.train.gradient_norm", [parameters[name].grad.norm() for name in names])
    dead = {name for name, value in parameters.items() if value.grad is None}
    assert dead == set(FACTS["info"]["parameters_without_gradient"][setting])


def test_every_head_has_a_branch_and_modules_know_whether_they_take_heads():
    assert list(BRANCHES) == ["bin", "vq", "aux", "dec", "parameters"]
    facts = {"name": "x", "module": "w2v2_aasist", "heads": heads_in("M1"), "shape": (20, 8), "options": {}}
    with pytest.raises(NcstError, match="takes no `heads`"):
        build(facts)
    with pytest.raises(NcstError, match="needs `heads`"):
        build({"name": "x", "module": "taxonomy", "classes": [0, 1], "shape": (20, 8), "options": {}})


def test_clips_of_real_speech_have_no_parameters():
    heads = {"vq": {"share": 0.5, "outputs": ["a"] * 4}, "parameters": {"share": 0.5, "outputs": ["b"] * 4}}
    objective, logits = TaxonomyLoss(heads), torch.randn(3, 8, requires_grad=True)
    targets = torch.full((3, 5), torch.nan)
    targets[:, 0] = torch.tensor([0, 0, 1])
    assert objective.parts(logits, targets)["parameters"].item() == 0
    objective(logits, targets).backward()
    assert logits.grad.isfinite().all()
    targets[2, 1:] = logits[2, 4:].detach() + 2
    assert objective.parts(logits, targets)["parameters"].item() == pytest.approx(4)
