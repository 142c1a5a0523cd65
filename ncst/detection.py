"""Detection: fit one detector on a model's training scores and rate the clips of the other splits."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ncst._scores import read_scores
from ncst.errors import NcstError
from ncst.files import atomic
from ncst.registry import build


def detect(name, entry, train, splits, out, head=None):
    """Write the out-of-distribution scores of one detector for one model and seed.

    Parameters
    ----------
    name : str
        The detector's key in the config.
    entry : dict
        Its entry.
    train : path
        Score file of the training split: all that is learnt comes from here.
    splits : list of paths
        Score files to rate: ``dev``, ``eval_id`` and the splits with the role ``ood``.
    out : path
        Parquet file to write: ``split``, ``clip_id``, ``score`` (float32, higher = more out-of-distribution).
    head : ((C, D) array, (C,) array), optional
        Weight and bias of the model's last layer; estimated from the training scores where a detector needs it.

    Raises
    ------
    NcstError
        If a score file is damaged or of another model, an option is unknown, or a score is not finite.
    """
    known = read_scores(train, embedding=True)
    detector = build("detectors", name, entry).fit(known.embedding, known.logits, known.positions(), head)
    parts = []
    for path in splits:
        scores = read_scores(path, embedding=True)
        if scores.classes != known.classes:
            raise NcstError(
                f"{path} has the classes {scores.classes} and {train} has {known.classes}: score both again."
            )
        values = detector.score(scores.embedding, scores.logits)
        if not np.isfinite(values).all():
            raise NcstError(
                f"The detector {name} gave {path} scores that are not finite: its options do not suit the model."
            )
        parts.append(pa.table({"split": [scores.split] * len(scores), "clip_id": scores.clip_id, "score": values}))
    with atomic(out) as temporary:
        pq.write_table(pa.concat_tables(parts), temporary, compression="zstd")
