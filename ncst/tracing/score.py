"""Scoring: logits and embedding of every clip of a split, by one trained model."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ncst.core.devices import device_of
from ncst.errors import NcstError
from ncst.formats.features import FeatureStore
from ncst.formats.manifests import read_manifest
from ncst.formats.scores import write_scores
from ncst.tracing.batches import Clips, loader
from ncst.tracing.taxonomy import COLUMNS as TAXONOMY
from ncst.tracing.taxonomy import split_logits
from ncst.tracing.train import build

COLUMNS = ("clip_id", "utt_id", "codec", "corpus", "speaker", "language", "label")


def load_model(model_dir):
    """Return ``(network, facts)`` of a trained model, in eval mode on the CPU.

    Parameters
    ----------
    model_dir : path
        Holds ``model.safetensors`` and ``model.json``; the latter's content is returned as *facts*.

    Raises
    ------
    NcstError
        If a file is missing or damaged, or the two do not belong together.
    """
    model_dir = Path(model_dir)
    try:
        facts = json.loads((model_dir / "model.json").read_text())
        network = build(facts)
        network.load_state_dict(load_file(model_dir / "model.safetensors"))
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        detail = " ".join(str(error).split())[:300]
        raise NcstError(f"{model_dir} holds no usable model: train it again ({detail}).") from error
    return network.eval().requires_grad_(False), facts


def score(model_dir, manifest, results, out, device="cpu", batch=64, workers=0):
    """Write logits and embeddings of every clip of *manifest*.

    The model is in eval mode, so a clip's scores do not depend on the clips beside it. A model that was trained on
    crops reads the middle of each clip.

    Parameters
    ----------
    model_dir : path
        The trained model.
    manifest : path
        The split; its row order is kept.
    results : path
        The results folder with the features.
    out : path
        A Parquet file: `COLUMNS`, ``logits`` and ``embedding`` (lists of float32), and the key ``ncst`` in its
        metadata (JSON: classes, class_names, model, seed, split). A taxonomy tracer's has ``vq``, ``aux``, ``dec`` and
        ``<head>_logits`` instead of ``logits`` and ``embedding``, and ``heads`` instead of the classes.
    device : str
        ``cpu`` or ``cuda``.
    batch : int
        Clips per forward pass.
    workers : int
        Processes that read features.

    Raises
    ------
    NcstError
        If the model or the features are missing, or the features were not made as those of the training.
    """
    network, facts = load_model(model_dir)
    network.to(device_of(device))
    wanted = (*COLUMNS, *(TAXONOMY if network.heads else ()))
    columns = read_manifest(manifest, (*wanted, "split", "shard_file", "row")).to_pydict()
    store = FeatureStore(results, facts["frontend"], facts["fingerprint"])
    clips = Clips(columns, store, facts["training"]["crop"])
    embeddings, logits = [], []
    with torch.inference_mode():
        for features, _ in loader(clips, clips.in_order(batch), workers):
            embedding, logit = network(features.to(device))
            embeddings.append(embedding.cpu())
            logits.append(logit.cpu())
    about = {"model": facts["name"], "split": columns["split"][0]}
    about |= {key: facts[key] for key in ("classes", "class_names", "heads", "seed") if key in facts}
    outputs = {"logits": torch.cat(logits), "embedding": torch.cat(embeddings)}
    if network.heads:
        outputs = {f"{head}_logits": part for head, part in split_logits(facts["heads"], outputs["logits"]).items()}
    write_scores(out, about, {name: columns[name] for name in wanted}, outputs)
