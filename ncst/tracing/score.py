"""Scoring: logits and embedding of every clip of a split, by one trained model."""

import json
import logging
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ncst.core.devices import device_of, is_full
from ncst.errors import NcstError
from ncst.formats.features import FeatureStore
from ncst.formats.manifests import read_manifest
from ncst.formats.scores import write_scores
from ncst.tracing.batches import Clips, loader
from ncst.tracing.taxonomy import COLUMNS as TAXONOMY
from ncst.tracing.taxonomy import split_logits
from ncst.tracing.train import build

log = logging.getLogger(__name__)
BATCHES = {"cpu": 64, "cuda": 256}  # clips; several batches wait in memory
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


def score(model_dir, manifest, results, out, device="cpu", batch=None):
    """Write logits and embeddings of every clip of *manifest*.

    The model is in eval mode, so a clip's scores do not depend on the clips beside it. A model that was trained on
    crops reads the middle of each clip. A batch for which a GPU has no memory is halved.

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
    batch : int, optional
        Clips per forward pass; default: those of `BATCHES`.

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
    logits, embeddings = outputs(network, clips, device, batch or BATCHES[torch.device(device).type])
    about = {"model": facts["name"], "split": columns["split"][0]}
    about |= {key: facts[key] for key in ("classes", "class_names", "heads", "seed") if key in facts}
    found = {"logits": logits, "embedding": embeddings}
    if network.heads:
        found = {f"{head}_logits": part for head, part in split_logits(facts["heads"], logits).items()}
    write_scores(out, about, {name: columns[name] for name in wanted}, found)


def outputs(network, clips, device, batch):
    """Return (N, outputs) logits and (N, D) embeddings of *clips*, on the CPU.

    Features are read ahead and what comes out stays on the device until the end, so nothing waits for a batch.
    """
    while True:
        try:
            return _outputs(network, clips, device, batch)
        except RuntimeError as error:
            if batch == 1 or not is_full(error):
                raise
        log.warning("the GPU has no memory for %d clips at a time: trying %d", batch, batch // 2)
        batch //= 2
        torch.cuda.empty_cache()


@torch.inference_mode()
def _outputs(network, clips, device, batch):
    batches = loader(clips, clips.in_order(batch), in_advance=True)
    embeddings, logits = zip(*(network(features.to(device, non_blocking=True)) for features, _ in batches))
    return torch.cat(logits).cpu(), torch.cat(embeddings).cpu()
