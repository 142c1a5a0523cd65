"""The back-end of AASIST: a spectral and a temporal graph, two branches of heterogeneous attention, a readout."""

import torch
from torch import nn

from ncst.tracing.models._attention import GraphAttention, GraphPool, HeterogeneousGraphAttention
from ncst.tracing.models._base import Base


class GraphModel(Base):
    """A model that ends in the graph back-end of AASIST.

    Attribute names are those of published checkpoints: S is the spectral graph, T the temporal one; the first digit of
    ST11, ST12, ST21, ST22 counts the branch, the second the layer.

    Parameters
    ----------
    classes : int
        Number of logits.
    bands : int
        Nodes of the spectral graph; their number is fixed by a learned position code, that of temporal nodes is free.
    channels : int
        Features of a node as the encoder gives them.
    widths : (int, int)
        Features of a node after the single graphs and after the heterogeneous layers.
    ratios : (float, float, float)
        Share of nodes that the pools keep: spectral, temporal, later ones.
    dropouts : (float, float, float, float)
        Of the nodes before attention, of the nodes when pools score them, of the branches, of the embedding.
    temperatures : (float, float, float)
        Of the attention in the spectral graph, the temporal graph and the heterogeneous layers.

    References
    ----------
    Jung et al., "AASIST: audio anti-spoofing using integrated spectro-temporal graph attention networks", ICASSP 2022,
    arXiv 2110.01200.
    """

    head = "out_layer"

    def __init__(
        self,
        classes,
        bands,
        channels,
        widths,
        ratios,
        dropouts=(0.2, 0.3, 0.2, 0.5),
        temperatures=(2.0, 2.0, 100.0),
    ):
        super().__init__()
        first, second = widths
        nodes, pools, branches, embedding = dropouts
        self.pos_S = nn.Parameter(torch.randn(1, bands, channels))
        self.master1 = nn.Parameter(torch.randn(1, 1, first))
        self.master2 = nn.Parameter(torch.randn(1, 1, first))
        self.GAT_layer_S = GraphAttention(channels, first, temperatures[0], nodes)
        self.GAT_layer_T = GraphAttention(channels, first, temperatures[1], nodes)
        self.pool_S = GraphPool(ratios[0], first, pools)
        self.pool_T = GraphPool(ratios[1], first, pools)
        for branch in "12":
            for layer, width in zip("12", (first, second)):
                attention = HeterogeneousGraphAttention(width, second, temperatures[2], nodes)
                self.add_module(f"HtrgGAT_layer_ST{branch}{layer}", attention)
            self.add_module(f"pool_hS{branch}", GraphPool(ratios[2], second, pools))
            self.add_module(f"pool_hT{branch}", GraphPool(ratios[2], second, pools))
        self.drop_way = nn.Dropout(branches)
        self.drop = nn.Dropout(embedding)
        self.embedding_dim = 5 * second
        self.out_layer = nn.Linear(self.embedding_dim, classes)

    def classify(self, spectral, temporal):
        """Return ``(embedding, logits)`` for nodes (B, bands, channels) and (B, any, channels)."""
        spectral = self.pool_S(self.GAT_layer_S(spectral + self.pos_S))
        temporal = self.pool_T(self.GAT_layer_T(temporal))
        first = self._branch("1", temporal, spectral, self.master1)
        second = self._branch("2", temporal, spectral, self.master2)
        temporal, spectral, master = map(torch.maximum, first, second)
        readout = [
            temporal.abs().amax(1),
            temporal.mean(1),
            spectral.abs().amax(1),
            spectral.mean(1),
            master.squeeze(1),
        ]
        embedding = self.drop(torch.cat(readout, 1))
        return embedding, self.out_layer(embedding)

    def _branch(self, number, temporal, spectral, master):
        first, second = (getattr(self, f"HtrgGAT_layer_ST{number}{layer}") for layer in "12")
        temporal, spectral, master = first(temporal, spectral, master)
        spectral = getattr(self, f"pool_hS{number}")(spectral)
        temporal = getattr(self, f"pool_hT{number}")(temporal)
        nodes = zip((temporal, spectral, master), second(temporal, spectral, master))
        return [self.drop_way(before + after) for before, after in nodes]
