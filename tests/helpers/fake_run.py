"""The configuration and the metrics of the fake run: numbers that look like a real one."""

import numpy as np

NASTY = "p9<script>alert('x')<!--\"&"
SEED = 688
SHARDS = ("00000-of-00002", "00001-of-00002")
SPLIT_TITLES = {
    "eval_id": "In-distribution evaluation",
    "ood_single": "Unseen codec: WavTokenizer",
    "ood_multi": "Unseen codecs 8-9",
    "ood_config/encodec": "Unseen settings: EnCodec",
}
TAXONOMY = {
    "real": ("real", "real", "real"),
    "mimi": ("mvq", "sem", "time"),
    "speechtokenizer": ("mvq", "sem", "time"),
    "funcodec": ("mvq", "none", "time"),
    "encodec": ("mvq", "none", "time"),
    "facodec": ("mvq", "dis", "time"),
    "snac": ("mvq", "none", "time"),
    "wavtokenizer": ("svq", "none", "freq"),
    "dac": ("mvq", "none", "time"),
    "soundstream": ("mvq", "none", "time"),
    "encodec_3kbps": ("mvq", "none", "time"),
}
TITLES = dict(
    zip(
        TAXONOMY,
        [
            "Real",
            "Mimi",
            "SpeechTokenizer",
            "FunCodec",
            "EnCodec",
            "FACodec",
            "SNAC",
            "WavTokenizer",
            "DAC",
            "SoundStream",
            "EnCodec-3kbps",
        ],
        strict=True,
    )
)
LABELS = {name: min(i, 9) if name != "encodec_3kbps" else 4 for i, name in enumerate(TAXONOMY)}
ROLES = {
    "real": "real",
    "wavtokenizer": "ood_single",
    "dac": "ood_multi",
    "soundstream": "ood_multi",
    "encodec_3kbps": "variant",
}
MODELS = {"mel_lcnn": "Mel-LCNN", "aasist": "AASIST", "w2v2_aasist": "W2V2-AASIST"}
SHORTCUTS = {"Level": 0.41, "Duration": 0.12}
DETECTORS = {"msp": "MSP", "energy": "Energy", "knn": "kNN", "mahalanobis": "Mahalanobis", "nsd": "NSD"}


def config(weights="compact"):
    """Return the merged configuration of the fake run."""
    codecs = {
        name: {
            "title": TITLES[name],
            "class_id": LABELS[name],
            "role": ROLES.get(name, "id"),
            "taxonomy": dict(zip(("vq", "aux", "dec"), TAXONOMY[name], strict=True)),
            "settings": {},
            "official": {"sample_rate": 24000, "bitrate_kbps": 6.0},
            "compact": {"sample_rate": 16000, "bitrate_kbps": 3.2},
            "weights": {}
            if name == "real"
            else {
                "official": {
                    "repo": f"example/{name}",
                    "revision": "0" * 40,
                    "files": {"m.bin": {"sha256": "ab" * 32}},
                },
                "compact": {"file": f"resources/compact/{name}.safetensors"},
            },
            "licence": {"code": "MIT", "weights": "MIT"},
        }
        for name in TAXONOMY
    }
    return {
        "bootstrap": {"clusters": ["utterance"]},
        "name": "demo",
        "results": "results",
        "seed": SEED,
        "seeds": [SEED, 689],
        "gpu": 0,
        "weights": {"default": weights},
        "select": {"codecs": None, "splits": None, "models": None, "detectors": None},
        "codecs": codecs,
        "corpora": {"vctk": {"title": "VCTK", "licence": "CC BY 4.0"}, "aishell3": {"title": "AISHELL-3"}},
        "roots": {"vctk": "demo", "aishell3": "demo"},
        "release": {"root": None},
        "sources": {"st_eval": {"corpora": ["vctk", "aishell3"], "size": 12, "shard_size": 6}},
        "splits": {
            name: entry | {"pairs": []}
            for name, entry in {
                "train": {"title": "Training", "role": "train"},
                "eval_id": {"title": SPLIT_TITLES["eval_id"], "role": "id"},
                **{name: {"title": title, "role": "ood"} for name, title in SPLIT_TITLES.items() if name != "eval_id"},
                "id_config/encodec_3kbps": {"title": "EnCodec at 3 kbps", "role": "single", "label": 4},
                "unseen_real/vctk": {"title": "Unseen real: VCTK <b>chain</b>", "role": "single", "label": 0},
                "alm/moshi": {"title": "Moshi", "role": "single", "label": 1},
            }.items()
        },
        "models": {name: {"title": title} for name, title in MODELS.items()},
        "detectors": {name: {"title": title} for name, title in DETECTORS.items()},
        "perturbations": {},
    }


def interval(value, spread=0.01):
    """Return a CI object around *value*."""
    return {"value": value, "low": max(0.0, value - spread), "high": min(1.0, value + spread / 2)}


def _detector_numbers(generator, distance, codecs, n=400):
    id_scores, ood_scores = generator.normal(0, 1, n), generator.normal(distance, 1.2, n)
    edges = np.histogram_bin_edges(np.concatenate([id_scores, ood_scores]), 40)
    cuts = np.quantile(np.concatenate([id_scores, ood_scores]), np.linspace(1, 0, 120))
    fpr, tpr = [(s[:, None] <= cuts[::-1]).mean(axis=0) for s in (ood_scores, id_scores)]
    threshold = float(np.quantile(id_scores, 0.95))
    auroc = float((ood_scores[:, None] > id_scores).mean())
    curves = {
        "roc": {"fpr": fpr.tolist(), "tpr": tpr.tolist()},
        "oscr": {"fpr": fpr.tolist(), "ccr": (0.9 * tpr).tolist()},
        "risk_coverage": {"coverage": tpr.tolist(), "risk": (fpr / 2).tolist()},
        "hist": {"edges": edges.tolist()}
        | {k: np.histogram(s, edges)[0].tolist() for k, s in (("id", id_scores), ("ood", ood_scores))},
    }
    rates = {"auroc": interval(auroc), "fpr95": interval(float((ood_scores <= threshold).mean()))}
    numbers = rates | {
        "eer": interval(float((1 - tpr + fpr)[np.abs(1 - tpr - fpr).argmin()] / 2)),
        **{area: interval(0.9 * auroc) for area in ("aupr_in", "aupr_out", "oscr", "open_macro_f1")},
        "aurc": interval(1 - auroc),
        "cllr": interval(1 - auroc / 2),
        "act_dcf": interval(1.2 - auroc / 2),
        "min_dcf": interval(1.1 - auroc),
        "min_cllr": 0.9 - auroc / 2,
        "threshold95": threshold,
        "threshold_dev": threshold + 0.1,
    }
    return numbers | ({"by_group": dict.fromkeys(codecs, rates)} if len(codecs) > 1 else {}), curves


def tracer_metrics():
    """Return the metrics object of a taxonomy tracer."""
    outputs = ["real", "mvq", "svq", "sq"]
    head = {
        "weighted_f1": interval(0.7),
        "accuracy": interval(0.8),
        "per_class_f1": {"real": interval(0.9), "mvq": interval(0.8)},
        "confusion": [[38, 2, 0, 0], [9, 31, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
        "untrained": ["sq"],
        "by_codec": {"real": [38, 2, 0, 0], "dac": [9, 31, 0, 0]},
    }
    books = {"mae": {"value": 45.2, "low": 40.0, "high": 140.0}, "nearest": interval(0.4), "within_one": interval(0.8)}
    part = {"title": "Unseen <i>", "n": 80, "bin": {"eer": interval(0.07), "auroc": interval(0.98)}, "vq": head}
    part["parameters"] = {"books": books | {"values": [1, 8, 32]}}
    heads = {"vq": {"outputs": outputs, "share": 0.5, "clips": [40, 30, 10, 0]}}
    return {"model": "m1", "title": "M1", "seed": SEED, "heads": heads, "taxonomy": {"taxonomy/unseen": part}}


def robustness(model, seed):
    """Return the robustness object of one trained model."""
    cells = {}
    for name, title, loss in (
        ("clean", "Clean", 0),
        ("opus_16", "Opus, 16 kbit/s", 0.2),
        ("noise_20", "Noise <b>", 0.4),
    ):
        ood = {s: {"title": SPLIT_TITLES[s], "n": 12} for s in ("ood_single", "ood_multi")}
        ood = {s: part | {"auroc": {d: interval(0.9 - loss) for d in ("energy", "knn")}} for s, part in ood.items()}
        cells[name] = {"title": title, "n": 42, "macro_f1": interval(0.8 - loss, 0.05), "ood": ood}
    return {"model": model, "title": MODELS[model], "seed": seed, "refused": None, "cells": cells}


def unseen_real(model, seed):
    """Return what one trained model makes of real speech."""
    groups = {"Corpus": {"VCTK <b>": (30, 10)}, "Duration": {"< 2 s": (10, 10), "2–4 s": (20, 0)}}
    by = {
        factor: {
            group: {"n": sum(counts), "accuracy": interval(counts[0] / sum(counts)), "predicted": [*counts, *[0] * 5]}
            for group, counts in parts.items()
        }
        for factor, parts in groups.items()
    }
    about = {"model": model, "title": MODELS[model], "seed": seed, "class_names": list(TITLES.values())[:7]}
    return about | {"by": by}


def shortcuts():
    """Return a shortcut audit in which the level gives codecs away."""
    given = {name: {"measures": ["x"], "macro_f1": interval(f1), "traces": f1 > 0.2} for name, f1 in SHORTCUTS.items()}
    return {"train": 84, "test": 84, "chance": 1 / 7, "margin": 0.05, "given": given}


def metrics(model, seed, alm=True):
    """Return the metrics object of one trained model."""
    strength = 0.8 + 0.09 * list(MODELS).index(model) + 0.002 * (seed % 5)
    generator = np.random.default_rng(seed + list(MODELS).index(model))
    classes = list(range(7))
    confusion = np.diag([round(40 * strength)] * 7) + generator.integers(0, 3 if strength < 0.95 else 1, (7, 7))
    single = {
        "id_config/encodec_3kbps": ("EnCodec at 3 kbps", 4, strength - 0.05),
        "unseen_real/vctk": ("Unseen real: VCTK <b>chain</b>", 0, strength - 0.6),
    } | ({"alm/moshi": ("Moshi", 1, strength - 0.2)} if alm else {})
    ood, curves = {}, {}
    for i, split in enumerate(s for s in SPLIT_TITLES if s != "eval_id"):
        codecs = {"ood_single": ["wavtokenizer"], "ood_multi": ["dac", "soundstream"]}.get(split, ["encodec_3kbps"])
        numbers = {
            d: _detector_numbers(generator, 2.6 * strength - 0.4 * i - 0.15 * j, codecs)
            for j, d in enumerate(DETECTORS)
        }
        ood[split] = {
            "title": SPLIT_TITLES[split],
            "n_id": 280,
            "n_ood": 40 * len(codecs),
            "codecs": {codec: TITLES[codec] for codec in codecs},
            "detectors": {d: n[0] for d, n in numbers.items()},
            "predicted": {
                c: dict(zip("0123456", generator.multinomial(40, [0.05, 0.1, 0.05, 0.3, 0.3, 0.1, 0.1]).tolist()))
                for c in codecs
            },
        }
        for part in ood[split]["detectors"].values():
            rows = {str(c): [*row, 2] for c, row in zip(classes, confusion.tolist(), strict=True)}
            part["open_confusion"] = rows | {codec: [0, 3, 0, 0, 5, 0, 0, 32] for codec in codecs}
        curves[split] = {d: n[1] for d, n in numbers.items()}
    return {
        "model": model,
        "title": MODELS[model],
        "seed": seed,
        "classes": classes,
        "class_names": list(TITLES.values())[:7],
        "id": {
            "split": "eval_id",
            "n": int(confusion.sum()),
            "macro_f1": interval(strength),
            "accuracy": interval(strength - 0.01),
            "per_class_f1": {str(c): interval(min(1, strength + 0.01 * (c - 3))) for c in classes},
            "confusion": confusion.tolist(),
        },
        "calibration": {
            "temperature": 1.3,
            "at_bound": False,
            "published_ties": 0.25,
            "reliability": {
                "bins": {"confidence": [None, 0.4, 0.9], "accuracy": [None, 0.5, 0.8], "count": [0, 30, 90]},
                "bins_scaled": {"confidence": [None, 0.4, 0.8], "accuracy": [None, 0.5, 0.8], "count": [0, 40, 80]},
            },
            **{"ece": interval(0.08), "nll": 0.4, "ece_scaled": interval(0.04), "nll_scaled": 0.3},
        },
        "detectors": {
            name: {
                "options": {"k": k},
                "tried": [
                    {"options": {"k": n}, "auroc": 0.7 + 0.01 * n, "by_class": {"0": 0.6, "1": 0.7 + 0.01 * n}}
                    for n in range(2)
                ],
                "calibration": {"slope": 1.0, "intercept": 0.1},
            }
            for k, name in enumerate(DETECTORS)
        },
        "single": {
            name: {
                "title": title,
                "n": 40,
                "label": label,
                "label_name": list(TITLES.values())[label],
                "accuracy": interval(accuracy, 0.06),
                "predicted": dict.fromkeys("0123456", 0)
                | {str(label): round(40 * accuracy), "2": 40 - round(40 * accuracy)},
            }
            for name, (title, label, accuracy) in single.items()
        },
        "ood": ood,
        "curves": curves,
    }
