"""Operators of a training step as a GPU gets them, counted without one: `python benchmarks/launches.py`.

Each is a launch that the host issues and a small GPU kernel. Views and empty tensors are none; dropout, three operators
on a CPU, is one. The models take the way that they take on a GPU.
"""

from collections import Counter

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ncst.tracing.graphed import Step
from ncst.tracing.models import _norm
from ncst.tracing.models.aasist import Aasist
from ncst.tracing.models.mel_lcnn import MelLcnn
from ncst.tracing.models.w2v2_aasist import W2v2Aasist
from ncst.tracing.objectives.cross_entropy import CrossEntropy

NONE = ("view", "t", "transpose", "permute", "unsqueeze", "squeeze", "expand", "slice", "select", "split", "detach")
NONE += ("alias", "as_strided", "unfold", "split_with_sizes", "_unsafe_view", "div_")
NONE += ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided")


class Launches(TorchDispatchMode):
    """Counts operators by name."""

    def __init__(self):
        super().__init__()
        self.names = Counter()

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        self.names[operator.overloadpacket.__name__] += 1
        return operator(*args, **(kwargs or {}))

    def total(self):
        """Return how many reach the device; the product with its mask belongs to a dropout."""
        kept = Counter({name: count for name, count in self.names.items() if name not in NONE})
        return kept.total() - self.names["bernoulli_"]


def main():
    _norm._ours = lambda x: False
    print("| model | forward and loss | backward |\n|---|---|---|")
    for model, shape in ((W2v2Aasist, (201, 1024)), (Aasist, (64_600,)), (MelLcnn, (80, 505))):
        step, batch = Step(model(7), CrossEntropy(list(range(7)))), (torch.rand(4, *shape), torch.arange(4))
        step(*batch)
        with Launches() as forward:
            loss = step(*batch)
        with Launches() as backward:
            loss.backward()
        print(f"| {model.__name__} | {forward.total()} | {backward.total()} |")


if __name__ == "__main__":
    main()
