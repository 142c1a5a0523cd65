"""The loss of a batch as one CUDA graph: the GPU no longer waits for each of the thousand launches of a small model."""

import logging

import torch
from torch import nn

log = logging.getLogger(__name__)


class Step(nn.Module):
    """Network and objective as one: the training loss of a batch."""

    def __init__(self, network, objective):
        super().__init__()
        self.network, self.objective = network, objective

    def forward(self, features, targets):
        """Return the loss of (B, ...) *features* and (B,) or (B, columns) *targets*."""
        return self.objective.of_batch(self.network, features, targets)


class GraphedLoss:
    """The training loss of batches, by a CUDA graph for those that look like the first one.

    Other batches, such as the last of an epoch, and all of a model that cannot be recorded go the plain way.

    Parameters
    ----------
    network, objective : torch.nn.Module
        In training mode when batches come.
    """

    def __init__(self, network, objective):
        self.plain = Step(network, objective)
        self.shapes = None
        self.graph = None

    def record(self, features, targets):
        """Record the graph, if this is the first batch; to be called before the batch's random seed is set.

        Recording runs the network a few times; running statistics are put back afterwards.
        """
        if self.shapes is not None:
            return
        self.shapes = features.shape, targets.shape
        if not (features.is_cuda and self.plain.objective.graphable):
            return
        step = Step(self.plain.network, self.plain.objective)
        buffers = [(buffer, buffer.clone()) for buffer in step.buffers()]
        try:
            self.graph = torch.cuda.make_graphed_callables(
                step, (features.clone(), targets.clone()), allow_unused_input=True
            )
        except RuntimeError as error:
            log.warning("no CUDA graph, so training is slower: %s", " ".join(str(error).split())[:300])
        for buffer, before in buffers:
            buffer.copy_(before)

    def __call__(self, features, targets):
        """Return the loss of a batch."""
        if self.graph and (features.shape, targets.shape) == self.shapes:
            return self.graph(features, targets)
        return self.plain(features, targets)
