"""What training minimises: an objective of one label, or a weighted sum over the heads of a taxonomy tracer."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from ncst import registry
from ncst.errors import NcstError
from ncst.tracing.objectives._base import loss_weights
from ncst.tracing.taxonomy import CLASSES, split_logits


def objective_of(facts, targets=None):
    """Return the objective of the experiment *facts* (content of a ``model.json``).

    Parameters
    ----------
    facts : dict
    targets : list, optional
        Those of the training clips, from which class weights follow.

    Raises
    ------
    NcstError
        If it is unknown, does not take its options, or is asked of a taxonomy tracer.
    """
    where, options = f"models.{facts['name']}.training.objective", dict(facts["training"]["objective"])
    name = options.pop("name", None)
    if "heads" in facts:
        if name != "cross_entropy":
            raise NcstError(f"{where} is {name}: a model with `heads` is trained with cross_entropy.")
        return TaxonomyLoss(facts["heads"])
    weights = None if targets is None else loss_weights(targets, facts["training"]["class_weights"])
    try:
        return registry.load("objectives", name)(facts["classes"], weights, **options)
    except TypeError as error:
        raise NcstError(f"{where} does not take the options {options}: {error}.") from error


class TaxonomyLoss(nn.Module):
    """Sum over heads of their share times their loss.

    Class heads: cross-entropy with the published class weights, a weighted mean over clips. Parameters: mean squared
    error of the standardised log2 values over the clips of codecs; 0 for a batch without any.

    Parameters
    ----------
    heads : dict
        See `ncst.tracing.taxonomy.describe`.
    """

    graphable = True

    def __init__(self, heads):
        super().__init__()
        self.heads = heads
        for head in heads.keys() & CLASSES.keys():
            self.register_buffer(f"{head}_weights", torch.tensor(CLASSES[head].weights), persistent=False)

    def parts(self, logits, targets):
        """Return ``{head: loss}`` of (B, outputs) *logits* and (B, columns) *targets* (`taxonomy.targets`)."""
        losses = {}
        for place, (head, part) in enumerate(split_logits(self.heads, logits).items()):
            if head == "parameters":
                error = masked_error if part.is_cuda else known_error
                losses[head] = error(part, targets[:, place:])
            else:
                losses[head] = cross_entropy(part, targets[:, place].long(), getattr(self, f"{head}_weights"))
        return losses

    def of_batch(self, network, features, targets):
        """Return the loss of a batch of features."""
        return self(network(features)[1].float(), targets)

    def forward(self, logits, targets):
        """Return the loss of (B, outputs) *logits* and (B, columns) *targets*."""
        parts = self.parts(logits, targets)
        return sum(self.heads[head]["share"] * loss for head, loss in parts.items())

    def right(self, logits, targets):
        """Return the right answers averaged over heads, a tensor; a parameter is right within half a deviation."""
        answers = []
        for place, (head, part) in enumerate(split_logits(self.heads, logits).items()):
            if head == "parameters":
                answers.append(((part - targets[:, place:]).abs() < 0.5).float().mean(1).sum())
            else:
                answers.append((part.argmax(1) == targets[:, place]).sum())
        return torch.stack(answers).float().mean()


def known_error(found, wanted):
    """Return the mean squared error of (B, N) *found* over the rows of *wanted* that are no NaN; 0 without any."""
    known = ~wanted[:, 0].isnan()
    return mse_loss(found[known], wanted[known]) if known.any() else 0.0 * found.sum()


def masked_error(found, wanted):
    """Return `known_error` up to rounding, without waiting for a GPU to say which rows these are."""
    known = ~wanted[:, :1].isnan()
    squares = (found - wanted).where(known, 0.0).square()
    return squares.sum() / (known.sum() * found.shape[1]).clamp(min=1)
