"""Graph attention on fully connected graphs of one kind and of two kinds of nodes, and graph pooling."""

from functools import lru_cache

import torch
from torch import nn
from torch.nn import functional as F


def _batch_norm(norm, x):
    """Apply a 1-D batch norm over the features of (B, nodes, D)."""
    return norm(x.flatten(0, 1)).view_as(x)


def _attention_vector(width):
    return nn.Parameter(nn.init.xavier_normal_(torch.empty(width, 1)))


@lru_cache(8)
@torch.inference_mode(False)
def _kinds(first, second, device):
    """Return the (N, N, 1) kinds of pairs: 0 of two first nodes, 1 of two second ones, 2 mixed."""
    kind = torch.full((first + second, first + second, 1), 2)
    kind[:first, :first] = 0
    kind[first:, first:] = 1
    return kind.to(device)


class GraphAttention(nn.Module):
    """Attention between nodes of one kind: the weight of a pair depends on the product of their features.

    Parameters
    ----------
    inputs, outputs : int
        Features of a node before and after.
    temperature : float
        Divides the attention scores.
    dropout : float
        Applied to the nodes.

    References
    ----------
    Jung et al., "AASIST", ICASSP 2022, section 2.2.
    """

    def __init__(self, inputs, outputs, temperature, dropout):
        super().__init__()
        self.att_proj = nn.Linear(inputs, outputs)
        self.att_weight = _attention_vector(outputs)
        self.proj_with_att = nn.Linear(inputs, outputs)
        self.proj_without_att = nn.Linear(inputs, outputs)
        self.bn = nn.BatchNorm1d(outputs)
        self.input_drop = nn.Dropout(dropout)
        self.temperature = temperature

    def forward(self, x):
        """Map (B, N, inputs) to (B, N, outputs)."""
        x = self.input_drop(x)
        pairs = torch.tanh(self.att_proj(x.unsqueeze(2) * x.unsqueeze(1)))
        attention = ((pairs @ self.att_weight).squeeze(-1) / self.temperature).softmax(-1)
        return F.selu(_batch_norm(self.bn, self.proj_with_att(attention @ x) + self.proj_without_att(x)))


class HeterogeneousGraphAttention(nn.Module):
    """Attention over two kinds of nodes, with a master node that attends to all of them.

    Parameters
    ----------
    inputs, outputs : int
        Features of a node before and after.
    temperature : float
        Divides the attention scores.
    dropout : float
        Applied to the nodes.

    References
    ----------
    Jung et al., "AASIST", ICASSP 2022, section 2.3 (heterogeneous stacking graph attention layer).
    """

    def __init__(self, inputs, outputs, temperature, dropout):
        super().__init__()
        self.proj_type1 = nn.Linear(inputs, inputs)
        self.proj_type2 = nn.Linear(inputs, inputs)
        self.att_proj = nn.Linear(inputs, outputs)
        self.att_projM = nn.Linear(inputs, outputs)
        self.att_weight11 = _attention_vector(outputs)
        self.att_weight22 = _attention_vector(outputs)
        self.att_weight12 = _attention_vector(outputs)
        self.att_weightM = _attention_vector(outputs)
        self.proj_with_att = nn.Linear(inputs, outputs)
        self.proj_without_att = nn.Linear(inputs, outputs)
        self.proj_with_attM = nn.Linear(inputs, outputs)
        self.proj_without_attM = nn.Linear(inputs, outputs)
        self.bn = nn.BatchNorm1d(outputs)
        self.input_drop = nn.Dropout(dropout)
        self.temperature = temperature

    def forward(self, x1, x2, master):
        """Map (B, N1, inputs), (B, N2, inputs) and the master (B or 1, 1, inputs) to the same with `outputs`."""
        sizes = x1.shape[1], x2.shape[1]
        x = self.input_drop(torch.cat([self.proj_type1(x1), self.proj_type2(x2)], 1))
        attention = self._attention(x, *sizes)
        scores = torch.tanh(self.att_projM(x * master)) @ self.att_weightM
        weights = (scores.squeeze(-1) / self.temperature).softmax(-1).unsqueeze(1)
        master = self.proj_with_attM(weights @ x) + self.proj_without_attM(master)
        x = F.selu(_batch_norm(self.bn, self.proj_with_att(attention @ x) + self.proj_without_att(x)))
        return *x.split(sizes, 1), master

    def _attention(self, x, first, second):
        """Return the (B, N, N) weights; pairs of first, of second and of mixed kind have a vector each."""
        pairs = torch.tanh(self.att_proj(x.unsqueeze(2) * x.unsqueeze(1)))
        scores = pairs @ torch.cat([self.att_weight11, self.att_weight22, self.att_weight12], 1)
        chosen = scores.gather(-1, _kinds(first, second, x.device).expand(len(x), -1, -1, -1)).squeeze(-1)
        return (chosen / self.temperature).softmax(-1)


class GraphPool(nn.Module):
    """Keep the nodes with the highest scores, in descending order, each multiplied by its score.

    Parameters
    ----------
    ratio : float in (0, 1]
        Share of the nodes that is kept, rounded down, at least one.
    width : int
        Features of a node.
    dropout : float
        Applied to the features before they are scored.
    """

    def __init__(self, ratio, width, dropout):
        super().__init__()
        self.ratio = ratio
        self.proj = nn.Linear(width, 1)
        self.drop = nn.Dropout(dropout)

    def forward(self, x):
        """Map (B, N, width) to (B, max(int(N * ratio), 1), width)."""
        scores = torch.sigmoid(self.proj(self.drop(x)))
        _, kept = scores.topk(max(int(x.shape[1] * self.ratio), 1), dim=1)
        return (x * scores).gather(1, kept.expand(-1, -1, x.shape[2]))
