"""The cosine layer and the additive angular margin."""

import math

import torch
from torch import nn
from torch.nn.functional import normalize


class CosineHead(nn.Module):
    """Logits that are *scale* times the cosine between an embedding and a direction per class.

    Parameters
    ----------
    width : int
        Length of the embeddings.
    classes : int
        Number of logits.
    scale : float
    """

    def __init__(self, width, classes, scale):
        super().__init__()
        self.scale = scale
        self.weight = nn.Parameter(torch.empty(classes, width))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, embedding):
        """Map (B, width) to (B, classes)."""
        return self.scale * normalize(embedding) @ normalize(self.weight).mT


def add_margin(logits, targets, scale, margin):
    """Widen the angle between each clip and its own class.

    Parameters
    ----------
    logits : (B, C) tensor
        *scale* times cosines.
    targets : (B,) tensor of int
    scale : float
    margin : float
        Radians. Where the angle would pass pi, the cosine is lowered by ``margin * sin(margin)`` instead, so that the
        loss keeps falling with the angle.

    Returns
    -------
    (B, C) tensor
    """
    own = logits.gather(1, targets[:, None])
    cosine = (own / scale).clamp(-1 + 1e-6, 1 - 1e-6)
    moved = cosine * math.cos(margin) - (1 - cosine**2).sqrt() * math.sin(margin)
    moved = torch.where(cosine > -math.cos(margin), moved, cosine - margin * math.sin(margin))
    return logits.scatter(1, targets[:, None], scale * moved)
