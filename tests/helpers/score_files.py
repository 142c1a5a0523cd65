"""A small folder of score files of one model, in which unknown clips are easy or impossible to tell."""

import numpy as np

from ncst.formats.scores import write_scores

CLASSES, NAMES, WIDTH = [0, 1, 4], ["Real", "Mimi", "EnCodec"], 12
SPLITS = {
    "train": {"title": "Training", "role": "train"},
    "dev": {"title": "Development", "role": "dev"},
    "eval_id": {"title": "Known", "role": "id"},
    "ood_single": {"title": "Unknown", "role": "ood"},
    "id_config/encodec_3": {"title": "EnCodec 3 kbps", "role": "single", "label": 4},
}


def rows(split, labels, codecs, count=60, seed=0, skill=4.0):
    """Return the columns of a score file: class means plus noise; labels outside the classes lie elsewhere."""
    rng = np.random.default_rng(seed)
    label = np.resize(labels, count)
    means = np.eye(12, WIDTH)
    features = skill * means[label] + rng.standard_normal((count, WIDTH))
    return {
        "clip_id": [f"{split}_{i:04d}" for i in range(count)],
        "utt_id": [f"u{i // len(labels):03d}" for i in range(count)],
        "codec": list(np.resize(codecs, count)),
        "label": label.astype(np.int16),
        "logits": (features @ means[CLASSES].T * 2).astype(np.float32),
        "embedding": features.astype(np.float32),
    }


def write(folder, split, columns, classes=CLASSES):
    """Write *columns* as the score file of *split* and return its path."""
    path = folder / f"{split}.parquet"
    about = {"classes": classes, "class_names": NAMES, "model": "toy", "seed": 1, "split": split}
    outputs = {name: np.asarray(columns[name], np.float32) for name in ("logits", "embedding")}
    write_scores(path, about, {name: values for name, values in columns.items() if name not in outputs}, outputs)
    return path


def write_all(folder, skill=4.0):
    """Write the score files of `SPLITS` into *folder* and return their columns."""
    known = ["real", "mimi", "encodec"]
    columns = {
        "train": rows("train", CLASSES, known, 300, 1, skill),
        "dev": rows("dev", CLASSES, known, 60, 5, skill),
        "eval_id": rows("eval_id", CLASSES, known, 90, 2, skill),
        "ood_single": rows("ood_single", [7, 8], ["wavtokenizer", "dac"], 60, 3, skill),
        "id_config/encodec_3": rows("id_config/encodec_3", [4], ["encodec_3"], 30, 4, skill),
    }
    for split, part in columns.items():
        write(folder, split, part)
    return columns
