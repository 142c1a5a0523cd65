"""Augmentation: perturbed training clips, made anew in every epoch from cached waveforms."""

import numpy as np

from ncst import registry
from ncst.errors import NcstError
from ncst.formats.features import FeatureStore, as_float
from ncst.tracing.frontends._base import fit_clip


class Augmentation:
    """Perturbs waveforms and computes what the model reads of them.

    Parameters
    ----------
    entry : dict
        ``waveforms``, the front-end whose features are the waveforms; ``frontend``, ``entry`` and ``weights``, the
        model's own; ``perturbations``, their entries by name in the order they happen.
    probability : float
        Of each perturbation for each clip.
    results : path
        The results folder with the features.
    device : str
        Where the front-end's network runs, if it has one.

    Attributes
    ----------
    store : ncst.formats.features.FeatureStore
        The waveforms.
    fingerprint : dict
        That of the model's front-end.
    in_workers : bool
        Whether other processes than the main one may call this.
    """

    def __init__(self, entry, probability, results, device):
        module = registry.load("frontends", entry["entry"].get("module", entry["frontend"]))
        self.frontend = module(entry["entry"], entry["weights"], device)
        self.fingerprint = self.frontend.fingerprint()
        self.in_workers = not module.needs_weights
        self.perturbations = [registry.build("perturbations", *item) for item in entry["perturbations"].items()]
        self.probability = probability
        self.store = FeatureStore(results, entry["waveforms"])

    def __call__(self, waves, seeds):
        """Return (B, *shape) float32 features of (B, T) float32 *waves*, perturbed as their B *seeds* decide.

        Raises
        ------
        NcstError
            If the waveforms are not as long as the front-end's clips.
        """
        if waves.shape[1] != self.frontend.samples:
            raise NcstError(
                f"The features of {self.store.frontend} have {waves.shape[1:]} values per clip and the model's "
                f"front-end reads {self.frontend.samples} samples: augmentation needs waveforms as long as its clips."
            )
        return as_float(self.frontend(np.stack([self._perturb(*pair) for pair in zip(waves, seeds)])))

    def _perturb(self, samples, seed):
        rng = np.random.default_rng(seed)
        for perturbation in self.perturbations:
            if rng.random() < self.probability:
                samples = fit_clip(perturbation(samples, rng), self.frontend.samples)
        return samples
