"""RegMixup: cross-entropy of the clips plus that of mixtures half way between two of them."""

import torch

from ncst.tracing.objectives.cross_entropy import CrossEntropy


class RegMixup(CrossEntropy):
    r""":math:`L(x, y) + \eta\,[\lambda L(\tilde x, y) + (1 - \lambda) L(\tilde x, y')]`, :math:`L` the cross-entropy.

    :math:`\tilde x = \lambda x + (1 - \lambda) x'` mixes what the network reads (waveforms, mel powers, frames of a
    front-end) with another clip of the batch; :math:`\lambda` is drawn per batch from Beta(:math:`\alpha, \alpha`).

    Parameters
    ----------
    alpha : float
        The larger, the nearer to one half; mixup itself takes less than 1.
    eta : float
        Weight of the mixtures.

    References
    ----------
    Pinto et al., "Using mixup as a regularizer can surprisingly improve accuracy and out-of-distribution robustness",
    NeurIPS 2022, arXiv 2206.14502, Eq. 4.
    """

    def __init__(self, classes, weights=None, alpha=10.0, eta=1.0):
        super().__init__(classes, weights)
        self.alpha, self.eta = alpha, eta

    def of_batch(self, network, features, targets):
        """Return the loss of a batch of features (B, ...); clips and mixtures go through the network together."""
        share = torch.distributions.Beta(self.alpha, self.alpha).sample().item()
        order = torch.randperm(len(features)).to(features.device)
        mixed = torch.lerp(features[order], features, share)
        plain, blend = network(torch.cat([features, mixed]))[1].float().chunk(2)
        return self(plain, targets) + self.eta * (
            share * self(blend, targets) + (1 - share) * self(blend, targets[order])
        )
