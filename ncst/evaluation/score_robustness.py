"""What a model and its detectors make of every cell of the robustness grid."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ncst import registry
from ncst.core.devices import device_of
from ncst.core.files import PathLike
from ncst.errors import NcstError
from ncst.formats.cells import write_cell_scores
from ncst.formats.features import as_float
from ncst.formats.ood import read_ood
from ncst.formats.scores import read_scores
from ncst.formats.shards import iter_clips
from ncst.tracing.frontends._base import Base, fit_clip
from ncst.tracing.score import load_model


def score_robustness(
    model_dir: Path,
    cells: Mapping[str, PathLike],
    frontend: Base,
    detectors: Mapping[str, tuple[dict[str, Any], PathLike]],
    train: PathLike,
    out: PathLike,
    device: str = "cpu",
    batch: int = 16,
) -> None:
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
    network, facts = load_model(model_dir)
    if frontend.fingerprint() != facts["fingerprint"]:
        raise NcstError(f"{model_dir} was trained on features of another front-end or weights: train it again.")
    known = read_scores(train, embedding=True)
    chosen = {name: read_ood(path).about for name, (_, path) in detectors.items()}
    fitted = {
        name: registry.build("detectors", name, entry | {"options": chosen[name]["options"]}).fit(
            known.embedding, known.logits, known.positions()
        )
        for name, (entry, _) in detectors.items()
        if "unfit" not in chosen[name]
    }
    network.to(device_of(device))
    found = {}
    for cell, path in cells.items():
        rows, embedding, logits = _outputs(network, facts["training"]["crop"], frontend, path, batch, device)
        found[cell] = rows, logits, {name: detector.score(embedding, logits) for name, detector in fitted.items()}
    about = {key: facts[key] for key in ("name", "classes", "class_names", "seed")} | {"detectors": list(fitted)}
    write_cell_scores(out, about, found)


def _outputs(network, crop, frontend, path, batch, device):
    """Return the rows of a cell and the network's (N, D) embeddings and (N, C) logits of them."""
    rows: list[dict[str, Any]] = []
    waiting: list[np.ndarray] = []
    embeddings: list[np.ndarray] = []
    logits: list[np.ndarray] = []
    axis = frontend.time_axis
    start = (frontend.shape[axis] - (crop or frontend.shape[axis])) // 2
    middle = slice(start, start + (crop or frontend.shape[axis]))

    def flush():
        if waiting:
            features = as_float(frontend(np.stack(waiting).astype(np.float32)))
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
