"""Robustness: a few clips of the test splits, perturbed at one strength at a time, and what a model makes of them."""

import numpy as np

from ncst import registry
from ncst.core.seeds import seed_of
from ncst.core.waveforms import encode_flac
from ncst.errors import NcstError
from ncst.formats.cells import COLUMNS, write_cell, write_cell_scores
from ncst.formats.manifests import read_manifest
from ncst.formats.shards import iter_clips, read_audio_of


def sample_clips(manifests, audio, out, seed):
    """Write the clips that are perturbed, with their audio: the cell ``clean``.

    Parameters
    ----------
    manifests : dict of path to int
        Manifests, and how many clips to take of each at most: of every source set and codec the same number, as far as
        there are as many.
    audio : path
        ``<results>/audio``.
    out : path
        The file to write, see `ncst.formats.cells`.
    seed : int

    Raises
    ------
    NcstError
        If a manifest or shard is unreadable.
    """
    rows = []
    for path, count in manifests.items():
        manifest = read_manifest(path, (*COLUMNS, "source_set", "shard_file", "row")).to_pylist()
        drawn = [manifest[i] for i in _drawn(manifest, count, seed_of(seed, manifest[0]["split"], bits=64))]
        by_shard = {}
        for row in drawn:
            by_shard.setdefault(row["shard_file"], []).append(row)
        for shard, members in by_shard.items():
            found = read_audio_of(audio / shard, [row["row"] for row in members])
            rows += [{name: row[name] for name in COLUMNS} | {"audio": a} for row, a in zip(members, found)]
    write_cell(out, rows)


def _drawn(manifest, count, seed):
    """Return the sorted positions of *count* rows, drawn in turns from each source set and codec."""
    turns, taken = {}, []
    for position in np.random.default_rng(seed).permutation(len(manifest)):
        key = manifest[position]["source_set"], manifest[position]["codec"]
        turns[key] = turns.get(key, -1) + 1
        taken.append((turns[key], len(taken), int(position)))
    return sorted(position for *_, position in sorted(taken)[:count])


def perturb_clips(clean, name, entry, out, seed):
    """Write the clips of the cell *clean* through one perturbation.

    Parameters
    ----------
    clean : path
        What `sample_clips` wrote.
    name : str
        The perturbation's key in the config.
    entry : dict
        Its entry.
    out : path
        The file to write, with the same rows.
    seed : int
        With the names of perturbation and clip it decides what is random.

    Raises
    ------
    NcstError
        If an option is unknown or the audio unreadable.
    """
    perturbation = registry.build("perturbations", name, entry)
    rows = []
    for row, samples in iter_clips(clean):
        rng = np.random.default_rng(seed_of(seed, name, row["clip_id"], bits=64))
        audio = {"bytes": encode_flac(perturbation(samples, rng)), "path": f"{row['clip_id']}.flac"}
        rows.append(row | {"audio": audio})
    write_cell(out, rows)


def score_robustness(model_dir, cells, frontend, detectors, train, out, device="cpu", batch=16):
    """Write what one model and its detectors make of every cell; features are computed here and not kept.

    Parameters
    ----------
    model_dir : path
        The trained model.
    cells : dict of str to path
        The clips of each cell.
    frontend : ncst.tracing.frontends._base.Base
        The model's front-end, on *device*.
    detectors : dict of str to (dict, path)
        Entry and file of each detector, see `detect.detect`: it is fitted again on the training clips as they
        are, with the options that the file says.
    train : path
        Score file of the training split.
    out : path
        The file to write, see `ncst.formats.cells.CellScores`.
    device : str
    batch : int
        Clips per forward pass.

    Raises
    ------
    NcstError
        If the model is unusable, was trained on another front-end, or a file is unreadable.
    """
    from ncst.formats.ood import read_ood
    from ncst.formats.scores import read_scores
    from ncst.tracing.score import load_model

    network, facts = load_model(model_dir)
    if frontend.fingerprint() != facts["fingerprint"]:
        raise NcstError(f"{model_dir} was trained on features of another front-end or weights: train it again.")
    known = read_scores(train, embedding=True)
    fitted = {
        name: registry.build("detectors", name, entry | {"options": read_ood(path).about["options"]}).fit(
            known.embedding, known.logits, known.positions()
        )
        for name, (entry, path) in detectors.items()
    }
    network.to(device)
    found = {}
    for cell, path in cells.items():
        rows, embedding, logits = _outputs(network, facts["training"]["crop"], frontend, path, batch, device)
        found[cell] = rows, logits, {name: detector.score(embedding, logits) for name, detector in fitted.items()}
    about = {key: facts[key] for key in ("name", "classes", "class_names", "seed")} | {"detectors": list(detectors)}
    write_cell_scores(out, about, found)


def _outputs(network, crop, frontend, path, batch, device):
    """Return the rows of a cell and the network's (N, D) embeddings and (N, C) logits of them."""
    import torch

    from ncst.formats.features import as_float
    from ncst.tracing.frontends._base import fit_clip

    rows, waiting, embeddings, logits = [], [], [], []
    axis = frontend.time_axis
    start = (frontend.shape[axis] - (crop or frontend.shape[axis])) // 2
    middle = slice(start, start + (crop or frontend.shape[axis]))

    def flush():
        if waiting:
            features = as_float(frontend.compute(np.stack(waiting).astype(np.float32)))
            features = features[(slice(None),) * (axis + 1) + (middle,)]
            with torch.inference_mode():
                found = network(torch.from_numpy(np.ascontiguousarray(features)).to(device))
            for kept, values in zip((embeddings, logits), found):
                kept.append(values.cpu().numpy())
            waiting.clear()

    for row, samples in iter_clips(path):
        rows.append(row)
        waiting.append(fit_clip(samples, frontend.samples))
        if len(waiting) == batch:
            flush()
    flush()
    return rows, np.concatenate(embeddings), np.concatenate(logits)
