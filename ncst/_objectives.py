"""What training minimises: cross-entropy of one label, or a weighted sum over the heads of a taxonomy tracer."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from ncst.errors import NcstError
from ncst.taxonomy import CLASSES, split_logits


def objective_of(facts, targets):
    """Return the objective of the experiment *facts* (content of a ``model.json``) with the training *targets*."""
    if "heads" in facts:
        return TaxonomyLoss(facts["heads"])
    return OneLabelLoss(loss_weights(targets, facts["training"]["class_weights"]))


class OneLabelLoss(nn.Module):
    """Mean cross-entropy over clips; class weights count in training alone."""

    def __init__(self, weights):
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, logits, targets):
        """Return the loss of (B, C) *logits* and (B,) *targets*."""
        return clip_loss(logits, targets, self.weights if self.training else None)

    def right(self, logits, targets):
        """Return the number of right answers, a tensor."""
        return (logits.argmax(1) == targets).sum()


class TaxonomyLoss(nn.Module):
    """Sum over heads of their share times their loss.

    Class heads: cross-entropy with the published class weights, a weighted mean over clips. Parameters: mean squared
    error of the standardised log2 values over the clips of codecs; 0 for a batch without any.

    Parameters
    ----------
    heads : dict
        See `ncst.taxonomy.describe`.
    """

    def __init__(self, heads):
        super().__init__()
        self.heads = heads
        for head in heads.keys() & CLASSES.keys():
            self.register_buffer(f"{head}_weights", torch.tensor(CLASSES[head].weights), persistent=False)

    def parts(self, logits, targets):
        """Return ``{head: loss}`` of (B, outputs) *logits* and (B, columns) *targets* (`ncst.taxonomy.targets`)."""
        losses = {}
        for place, (head, part) in enumerate(split_logits(self.heads, logits).items()):
            if head == "parameters":
                values = targets[:, place:]
                known = ~values[:, 0].isnan()
                losses[head] = mse_loss(part[known], values[known]) if known.any() else 0.0 * part.sum()
            else:
                losses[head] = cross_entropy(part, targets[:, place].long(), getattr(self, f"{head}_weights"))
        return losses

    def forward(self, logits, targets):
        """Return the loss of (B, outputs) *logits* and (B, columns) *targets*."""
        parts = self.parts(logits, targets)
        return finite(sum(self.heads[head]["share"] * loss for head, loss in parts.items()))

    def right(self, logits, targets):
        """Return the right answers averaged over heads, a tensor; a parameter is right within half a deviation."""
        answers = []
        for place, (head, part) in enumerate(split_logits(self.heads, logits).items()):
            if head == "parameters":
                answers.append(((part - targets[:, place:]).abs() < 0.5).float().mean(1).sum())
            else:
                answers.append((part.argmax(1) == targets[:, place]).sum())
        return torch.stack(answers).float().mean()


def loss_weights(targets, kind):
    """Return one weight per class, inverse to its number of clips and 1 on average over clips, or None."""
    if kind is None:
        return None
    counts = torch.bincount(torch.tensor(targets)).float()
    return counts.sum() / (len(counts) * counts)


def clip_loss(logits, targets, weights=None):
    """Return the mean cross-entropy over clips.

    Raises
    ------
    NcstError
        If it is not finite.
    """
    return finite(cross_entropy(logits, targets, weight=weights))


def finite(loss):
    """Return *loss*, a tensor.

    Raises
    ------
    NcstError
        If it is not finite.
    """
    if not torch.isfinite(loss):
        raise NcstError("The loss is not a number: lower `lr` or set `clip_grad` in the model's `training`.")
    return loss
