import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from helpers.golden_open_set import golden_open_set
from helpers.toy_open_set import toy_open_set
from scipy import special, stats
from sklearn.covariance import EmpiricalCovariance
from sklearn.neighbors import NearestNeighbors

from ncst.errors import NcstError
from ncst.evaluation.detectors._base import linear_head, softmax, unit
from ncst.evaluation.detectors._neighbours import Bank
from ncst.evaluation.metrics import auroc, eer, fpr_at, sweep
from ncst.registry import build

ROOT = Path(__file__).parents[2]
ENTRIES = yaml.safe_load((ROOT / "config/detectors.yaml").read_text())["detectors"]
GOLDEN = Path(__file__).parents[1] / "golden/detectors"
INFO = json.loads((GOLDEN / "detectors.json").read_text())
OFFICIAL = {  # our name: official name, official score from ours
    "msp": ("msp", lambda s: 1.0 - np.exp(s)),
    "energy": ("energy", lambda s: -s),
    "knn": ("knn", lambda s: 1.0 - s),
    "mahalanobis": ("mahalanobis", lambda s: np.exp(-s.astype(np.float64) / 4096)),
    "nsd": ("NSD", lambda s: -s),
    "nnguide": ("nnguide", lambda s: -s),
    "max_logit": ("maxlogit", lambda s: -s),
}


@pytest.fixture(scope="module")
def golden():
    sizes = {key: INFO["inputs"][key] for key in ("seed", "train", "known", "unknown", "width", "classes")}
    parts = golden_open_set(**sizes)
    for part, sums in INFO["inputs"]["checks"].items():
        assert np.isclose(parts[part][0].sum(dtype=np.float64), sums["feature_sum"], rtol=1e-12)
        assert np.isclose(parts[part][1].sum(dtype=np.float64), sums["logit_sum"], rtol=1e-12)
    return parts


def test_five_detectors_are_the_papers_and_tell_unknown_rows_apart():
    paper = {name for name, entry in ENTRIES.items() if entry.get("paper")}
    assert paper == {"msp", "energy", "knn", "mahalanobis", "nsd"}
    train, known, unknown = toy_open_set(160)
    for name in OFFICIAL:
        detector = build("detectors", name, ENTRIES[name]).fit(*train)
        scores = [detector.score(*rows) for rows in (known, unknown)]
        assert auroc(*sweep(*scores).rates()) > 0.95, name


@pytest.mark.parametrize("name", OFFICIAL)
def test_scores_and_metrics_equal_the_official_ones(name, golden):
    theirs, to_official = OFFICIAL[name]
    arrays = np.load(GOLDEN / "detectors.npz")
    detector = build("detectors", name, ENTRIES[name]).fit(*golden["train"])
    known, unknown = (detector.score(*golden[part][:2]) for part in ("id", "ood"))
    every = np.concatenate([known, unknown])
    atol = INFO["noise"][f"{theirs}.score"]["suggested_atol"]
    np.testing.assert_allclose(to_official(every[arrays["rows"]]), arrays[f"{theirs}.score"], rtol=0, atol=atol)
    rates = sweep(known, unknown).rates()
    area, fpr95, equal, _ = arrays[f"{theirs}.metrics"]
    assert abs(auroc(*rates) - area) < 5e-6
    assert abs(fpr_at(*rates) - fpr95) <= 1.001e-3 and abs(eer(*rates) - equal) <= 1.001e-3


PYTORCH_OOD = {  # score in golden/detectors/pytorch_ood.npz: our module, its options, their score from ours
    "max_logit": ("max_logit", {}, 1.0),
    "energy": ("energy", {}, 1.0),
    "energy_5": ("energy", {"temperature": 5.0}, 1.0),
    "entropy": ("entropy", {}, 1.0),  # ours is the log of it, and of gen
    "gen": ("gen", {"gamma": 0.1}, 1 / 7),  # a mean there
    "gen_3": ("gen", {"gamma": 0.5, "top": 3}, 1 / 3),
    "kl_matching": ("kl_matching", {}, 1.0),
    "vim": ("vim", {}, 1.0),  # 60 principal dimensions
    "relative_mahalanobis": ("relative_mahalanobis", {}, 1 / 3000),  # sums of squares there, not covariances
    "nnguide": ("nnguide", {"k": 7}, 1.0),
    "fdbd": ("fdbd", {}, 1.0),
    "react": ("react", {"quantile": 0.9}, 1.0),
    "she": ("she", {}, 1.0),
}


@pytest.mark.parametrize("name", PYTORCH_OOD)
def test_scores_equal_those_of_pytorch_ood(name, golden):
    """Scores of pytorch-ood 0.4.0 for 300 of the golden rows, under a head of full rank that lies beside them."""
    arrays = np.load(GOLDEN / "pytorch_ood.npz")
    module, options, factor = PYTORCH_OOD[name]
    weight, bias = arrays["weight"].astype(np.float64), arrays["bias"].astype(np.float64)
    features, _, labels = golden["train"]
    every = np.concatenate([golden["id"][0], golden["ood"][0]])[arrays["rows"]]
    if name == "vim":
        rows = features + np.linalg.pinv(weight) @ bias
        power = np.cumsum(np.linalg.eigvalsh(rows.T @ rows / len(rows)))
        options = {"variance": 1.0 - power[99] / power[-1] - 1e-9}
    detector = build("detectors", module, {"options": options})
    detector.fit(features, features @ weight.T + bias, labels, (weight, bias))
    ours = detector.score(every, every @ weight.T + bias).astype(np.float64)
    scores = factor * (np.exp(ours) if module in ("entropy", "gen") else ours)
    tolerance = 2e-4 if name == "vim" else 2e-5  # a difference of large numbers in single precision there
    np.testing.assert_allclose(scores, arrays[name], rtol=tolerance, atol=tolerance * np.abs(arrays[name]).max())


def test_softmax_energy_and_ensemble_by_scipy(golden):
    features, logits, labels = golden["train"]
    query, query_logits, _ = golden["ood"]
    detector = build("detectors", "sme", {}).fit(features, logits, labels)
    expected = -special.logsumexp(special.softmax(query_logits.astype(np.float64), axis=1), axis=1)
    scores = np.exp(detector.score(query, query_logits).astype(np.float64))
    np.testing.assert_allclose(scores, np.log(6 + np.e) + expected, atol=1e-6)
    members = {"energy": {}, "max_logit": {}}
    detector = build("detectors", "ensemble", {"options": {"members": members, "reference": len(features)}})
    detector.fit(features, logits, labels)
    ranks, inside = [], np.ones(len(query), bool)
    for name in members:
        member = build("detectors", name, {}).fit(features, logits, labels)
        known, scores = member.score(features, logits), member.score(query, query_logits)
        ranks.append([stats.percentileofscore(known, score, "mean") / 100 for score in scores])
        inside &= (scores > known.min()) & (scores < known.max())
    assert inside.sum() > 900
    found = detector.score(query, query_logits)[inside]
    np.testing.assert_allclose(found, np.mean(ranks, axis=0)[inside], atol=1.5 / len(features))


def test_neighbours_and_mahalanobis_by_sklearn(golden):
    features, logits, labels = golden["train"]
    query, query_logits, _ = (part[:50] for part in golden["ood"])
    near = NearestNeighbors(n_neighbors=7, metric="cosine", algorithm="brute").fit(features)
    detector = build("detectors", "knn", {"options": {"k": 7}}).fit(features, logits, labels)
    np.testing.assert_allclose(detector.score(query, query_logits), near.kneighbors(query)[0][:, 6], atol=2e-6)
    means = np.stack([unit(features)[labels == c].mean(axis=0) for c in range(7)])
    within = EmpiricalCovariance(assume_centered=True).fit(unit(features) - means[labels])
    expected = np.min([within.mahalanobis(unit(query) - mean) for mean in means], axis=0)
    detector = build("detectors", "mahalanobis", {}).fit(features, logits, labels)
    np.testing.assert_allclose(detector.score(query, query_logits), expected, rtol=2e-3)


def test_bank_finds_the_largest_products_exactly():
    rng = np.random.default_rng(0)
    for size, k in ((7, 7), (50, 1), (501, 7), (1000, 20)):
        rows = np.round(rng.standard_normal((size, 5)), 1).astype(np.float32)
        queries = rng.standard_normal((33, 5)).astype(np.float32)
        expected = np.sort(queries @ rows.T, axis=1)[:, -k:]
        np.testing.assert_allclose(Bank(rows, k).largest(queries), expected, atol=1e-5)
    with pytest.raises(NcstError, match=r"8 neighbours asked of 7 training rows: .* between 1 and 7"):
        Bank(np.zeros((7, 2)), 8)


def test_nsd_is_the_mean_over_all_training_rows(golden):
    features, logits, _ = golden["train"]
    query, query_logits, _ = (part[:20] for part in golden["ood"])
    confidence = np.log(np.exp(logits.astype(np.float64)).sum(1))
    mean = (unit(query) @ unit(features).T * confidence).mean(axis=1)
    expected = -np.log(np.exp(query_logits.astype(np.float64)).sum(1)) * mean
    detector = build("detectors", "nsd", ENTRIES["nsd"]).fit(*golden["train"])
    np.testing.assert_allclose(detector.score(query, query_logits), expected, rtol=1e-5)


def test_msp_as_published_is_there_with_its_ties():
    (features, logits, labels), _, _ = toy_open_set(24)
    published = build("detectors", "msp", {"options": {"precision": "single"}}).fit(features, logits, labels)
    kept = build("detectors", "msp", {}).fit(features, logits, labels)
    scores = published.score(features, logits)
    largest = torch.from_numpy(logits).float().softmax(dim=1).max(dim=1).values.numpy()
    np.testing.assert_allclose(scores, -largest, rtol=0, atol=2e-7)
    confident = 40 * logits
    assert len(np.unique(published.score(features, confident))) < len(np.unique(kept.score(features, confident)))


@pytest.mark.parametrize("name", ["msp", "entropy", "gen", "sme"])
def test_rows_that_are_certain_keep_their_order(name):
    (features, logits, labels), _, _ = toy_open_set(24)
    detector = build("detectors", name, {}).fit(features, logits, labels)
    margins = [0.0, 1.0, 5.0, 12.0, 17.0, 17.9, 18.1, 20.0, 30.0, 40.0, 60.0, 100.0, 700.0, 800.0, 5e3]
    sure = np.array([[margin, 0, -1, 0, -2, 0, 0] for margin in margins])
    assert len(np.unique(softmax(sure).max(axis=1).astype(np.float32))) < len(sure)
    scores = detector.score(np.repeat(features[:1], len(sure), 0), sure)
    assert (np.diff(scores) < 0).all()
    shifted = detector.score(np.repeat(features[:1], len(sure), 0), sure + 300.0)
    np.testing.assert_allclose(shifted, scores, rtol=1e-4)


def test_head_is_recovered_from_features_and_logits(golden):
    features, logits, labels = golden["train"]
    weight, bias = linear_head(features, logits.astype(np.float64))
    np.testing.assert_allclose(features @ weight.T + bias, logits, atol=1e-3)
    for name in ("vim", "react", "fdbd"):
        given = build("detectors", name, ENTRIES[name]).fit(features, logits, labels, head=(weight, bias))
        estimated = build("detectors", name, ENTRIES[name]).fit(features, logits, labels)
        np.testing.assert_array_equal(given.score(features[:9], logits[:9]), estimated.score(features[:9], logits[:9]))


def test_vim_keeps_the_asked_share_of_power():
    (features, logits, labels), _, _ = toy_open_set(160)
    few, many = (
        build("detectors", "vim", {"options": {"variance": v}}).fit(features, logits, labels) for v in (0.5, 0.999)
    )
    assert few._residual.shape[1] > many._residual.shape[1] >= 1
    assert np.abs(few._origin).max() < 10.0, "the rows of this head sum to zero, the origin must not run away"


def test_wrong_input_is_one_sentence():
    (features, logits, labels), _, _ = toy_open_set(24)
    with pytest.raises(NcstError, match="labels"):
        build("detectors", "msp", {}).fit(features, logits, labels[:-1])
    with pytest.raises(NcstError, match="rows of each of the 7 classes"):
        build("detectors", "msp", {}).fit(features, logits, labels % 6)
    with pytest.raises(NcstError, match="not finite"):
        build("detectors", "msp", {}).fit(np.full_like(features, np.nan), logits, labels)
    with pytest.raises(NcstError, match="fitted on 24 features"):
        build("detectors", "msp", {}).fit(features, logits, labels).score(features[:, :9], logits)
    with pytest.raises(NcstError, match="options of 'knn' in config/detectors"):
        build("detectors", "knn", {"options": {"neighbours": 7}})
    with pytest.raises(NcstError, match="temperature above 0"):
        build("detectors", "energy", {"options": {"temperature": 0}})
    with pytest.raises(NcstError, match="precision double or single"):
        build("detectors", "msp", {"options": {"precision": "float16"}})
    with pytest.raises(NcstError, match="No 'nothing' among the detectors"):
        build("detectors", "nothing", {})
    with pytest.raises(NcstError, match="at least one detector"):
        build("detectors", "ensemble", {"options": {"members": {}}})
