"""Cross-entropy, the loss of the published baselines."""

from torch.nn.functional import cross_entropy

from ncst.tracing.objectives._base import Base


class CrossEntropy(Base):
    """Mean cross-entropy over clips, weighted by class where the recipe says so."""

    def loss(self, logits, targets):
        """Return the loss of (B, C) *logits* and (B,) *targets*."""
        return cross_entropy(logits, targets, weight=self.weights)
