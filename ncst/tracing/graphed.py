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
    """The training loss of batches, by a CUDA graph for those of one size.

    Other batches, such as the last of an epoch, and all of a model that cannot be recorded go the plain way.

    Parameters
    ----------
    network, objective : torch.nn.Module
        In training mode.
    """

    def __init__(self, network, objective):
        self.plain = Step(network, objective)
        self.size = self.graph = None

    def record(self, features, targets):
        """Record the graph of batches like this one, where there is a GPU and memory for the others beside it.

        It runs the network a few times; running statistics are put back afterwards. No other thread may use the GPU
        meanwhile.
        """
        if not (features.is_cuda and self.plain.objective.graphable):
            return
        step = Step(self.plain.network, self.plain.objective)
        buffers = [(buffer, buffer.clone()) for buffer in step.buffers()]
        before, _ = torch.cuda.mem_get_info()
        try:
            torch.cuda.make_graphed_callables(step, (features, targets), allow_unused_input=True)
            self.size, self.graph = len(features), step
        except RuntimeError as error:
            log.warning("no CUDA graph, so training is slower: %s", " ".join(str(error).split())[:300])
        after, _ = torch.cuda.mem_get_info()
        if after < before - after:  # what the last batch of an epoch takes
            self.graph = None
        for buffer, kept in buffers:
            buffer.copy_(kept)

    def __call__(self, features, targets):
        """Return the loss of a batch."""
        return (self.graph if self.graph and len(features) == self.size else self.plain)(features, targets)
