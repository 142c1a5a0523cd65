"""Nearest neighbours of frozen features: what a self-supervised front-end tells of codecs without training."""

import torch
from torch.nn.functional import normalize

from ncst.errors import NcstError
from ncst.tracing.models._base import Base


class SslNeighbours(Base):
    r"""Each clip is the mean of its frames; its logits come from the nearest training clips of every class.

    Means are standardised by the training clips, dimension by dimension: that is the embedding u. With the cosines to
    the k nearest training clips of class c,

    .. math:: z_c = \log \sum_{i \in \text{top } k \text{ of } c} \exp(\cos(u, u_i) / T)

    Parameters
    ----------
    classes : int
        Number of logits.
    shape : (int, int)
        Frames and width of the front-end's features.
    k : int
        Neighbours of each class; all of them where a class has fewer training clips.
    temperature : float
        T > 0; small values leave the word to the nearest clip.

    References
    ----------
    Z. Wu et al.: Unsupervised feature learning via non-parametric instance discrimination. CVPR 2018,
    arXiv 1805.01978 (weighted k nearest neighbours, T = 0.07).
    """

    training_free = True

    def __init__(self, classes, shape=(201, 1024), k=7, temperature=0.07):
        super().__init__()
        if len(shape) != 2:
            raise NcstError(f"ssl_knn reads (frames, width) features, not {tuple(shape)}: give it another front-end.")
        if k < 1 or temperature <= 0:
            raise NcstError(f"ssl_knn needs k of at least 1 and a temperature above 0, not {k} and {temperature}.")
        self.classes, self.k, self.temperature = classes, k, temperature
        self.embedding_dim = shape[1]
        for name in ("mean", "scale"):
            self.register_buffer(name, torch.zeros(shape[1]))
        self.register_buffer("bank", torch.zeros(0, shape[1]))
        self.register_buffer("labels", torch.zeros(0, dtype=torch.int64))

    def remember(self, batches):
        """Learn from *batches*, an iterable of features (B, frames, width) and (B,) class positions."""
        rows, labels = zip(*((features.float().mean(1), targets) for features, targets in batches))
        rows, self.labels = torch.cat(rows), torch.cat(labels)
        self.mean, self.scale = rows.mean(0), rows.std(0, correction=0).clamp(min=1e-6)
        self.bank = normalize((rows - self.mean) / self.scale)

    def forward(self, x):
        """Return ``(embedding, logits)`` of features (B, frames, width)."""
        embedding = (x.float().mean(1) - self.mean) / self.scale
        cosines = normalize(embedding) @ self.bank.T
        logits = []
        for label in range(self.classes):
            own = cosines[:, self.labels == label]
            logits.append((own.topk(min(self.k, own.shape[1])).values / self.temperature).logsumexp(1))
        return embedding, torch.stack(logits, 1)

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        for name in ("bank", "labels"):
            if prefix + name in state_dict:
                setattr(self, name, torch.empty_like(state_dict[prefix + name]))
        super()._load_from_state_dict(state_dict, prefix, *rest)
