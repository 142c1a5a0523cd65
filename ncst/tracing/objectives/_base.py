"""What every objective of one label shares: class weights in training alone, the plain loss on the development set."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy


class Base(nn.Module):
    """A training loss on logits and, where it needs one, the last layer that goes with it.

    A subclass takes ``(classes, weights, **options)`` and writes `loss`. On the development set every objective is the
    mean cross-entropy of the logits, the probabilities that a test sees, without margins and class weights.

    Parameters
    ----------
    classes : list of int
        Class ids in the order of the logits; 0 is real speech.
    weights : (C,) tensor or None
        Class weights.
    """

    def __init__(self, classes, weights=None):
        super().__init__()
        self.classes = classes
        self.register_buffer("weights", weights, persistent=False)

    def head(self, width):
        """Return the layer from embeddings (B, *width*) to logits that replaces the model's last, or None."""
        return None

    @property
    def graphable(self):
        """Whether a CUDA graph may record it: its step is one pass of the network and draws nothing on the CPU."""
        return type(self).of_batch is Base.of_batch

    def of_batch(self, network, features, targets):
        """Return the training loss of a batch of features (B, ...)."""
        return self(network(features)[1].float(), targets)

    def forward(self, logits, targets):
        """Return the loss of (B, C) *logits* and (B,) *targets*: `loss` in training, else the mean cross-entropy."""
        return self.loss(logits, targets) if self.training else cross_entropy(logits, targets)

    def mean(self, losses, targets):
        """Return the mean of (B,) *losses*, weighted by the class of each clip."""
        if self.weights is None:
            return losses.mean()
        weights = self.weights[targets]
        return (weights * losses).sum() / weights.sum()

    def right(self, logits, targets):
        """Return the number of right answers, a tensor."""
        return (logits.argmax(1) == targets).sum()


def loss_weights(targets, kind):
    """Return one weight per class, inverse to its number of clips and 1 on average over clips, or None."""
    if kind is None:
        return None
    counts = torch.bincount(torch.tensor(targets)).float()
    return counts.sum() / (len(counts) * counts)
