"""A network without batch norm and dropout, which several processes train exactly as one does."""

import torch

from ncst.tracing.models._base import Base


class Plain(Base):
    """The mean log spectrum through two layers."""

    def __init__(self):
        super().__init__()
        self.hidden = torch.nn.Linear(80, 8)
        self.out = torch.nn.Linear(8, 3)
        self.dead = torch.nn.Linear(2, 2)

    def forward(self, x):
        hidden = self.hidden((x + 1e-4).log().mean(-1)).tanh()
        return hidden, self.out(hidden)


def plain_network(facts):
    """Stand in for `ncst.tracing.train.build`."""
    return Plain()
