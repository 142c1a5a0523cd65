"""Maps of a model's embeddings: two coordinates for each of some test clips, for pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ncst.core.files import PathLike
from ncst.formats.maps import CLIP, write_map
from ncst.formats.scores import read_clips, read_embeddings

POINTS = 1500
PERPLEXITY = 30.0


def map_embeddings(
    scores: PathLike, splits: Sequence[str], out: PathLike, draw: int = 688, points: int = POINTS
) -> None:
    """Write where clips of *splits* lie on a two-dimensional t-SNE map of their embeddings.

    Of larger test sets as many clips of each split and codec are drawn as fit. Neighbourhoods carry meaning; distances
    between groups and their sizes do not.

    Parameters
    ----------
    scores : path
        Folder with ``<split>.parquet``.
    splits : list of str
        A clip of several of them is placed once, for the first.
    out : path
        The file to write (see `ncst.formats.maps`); both axes have the same scale.
    draw : int
        Seed of the drawn clips and of t-SNE.
    points : int
        The largest number of clips.

    Raises
    ------
    NcstError
        If a score file is missing, damaged or without embeddings.

    References
    ----------
    L. van der Maaten, G. Hinton: Visualizing data using t-SNE. Journal of Machine Learning Research 9, 2008.
    """
    clips = pd.concat([_clips(Path(scores) / f"{split}.parquet", split) for split in splits], ignore_index=True)
    clips = clips.drop_duplicates("clip_id").sample(frac=1, random_state=draw)
    turns = clips.groupby(["split", "codec"]).cumcount().sort_values(kind="stable")
    chosen = clips.loc[turns.index[:points]].sort_index()
    embeddings = np.concatenate(
        [
            read_embeddings(Path(scores) / f"{split}.parquet")[rows["row"]]
            for split, rows in chosen.groupby("split", sort=False)
        ]
    )
    chosen[["x", "y"]] = _placed(embeddings, draw)
    write_map(out, chosen)


def _clips(path, split):
    clips = read_clips(path, CLIP).to_pandas()
    return clips.assign(split=split, row=range(len(clips)))


def _placed(embeddings, draw):
    """Return the (N, 2) float32 places of (N, D) *embeddings*, within 0 to 1; all in one where they do not differ."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    if not np.ptp(embeddings, axis=0).any():
        return np.full((len(embeddings), 2), 0.5, np.float32)
    perplexity = min(PERPLEXITY, (len(embeddings) - 1) / 3)
    with threadpool_limits(1):
        places = TSNE(perplexity=perplexity, init="pca", random_state=draw).fit_transform(embeddings)
    places -= places.min(axis=0)
    return (places / places.max()).astype(np.float32)
