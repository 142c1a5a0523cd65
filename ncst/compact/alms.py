"""Training of the demonstration's language model on the codes of compact Mimi."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ncst import registry
from ncst.audio.alms.demo import DelayedTransformer, delay
from ncst.compact.codecs import rate_at
from ncst.core.seeds import seed_of
from ncst.core.shipped import located

WARM_UP = 100


class Trainer:
    """Trains the language model on one thread, reproducibly.

    Parameters
    ----------
    name : str
        The network's name.
    config : dict
        ``codec``, ``weights`` (of the codec), ``network`` and ``training`` of its entry in ``config/compact.yaml``.
    utterances : list of (T,) float32 arrays at 16 kHz
    """

    def __init__(self, name, config, utterances):
        self.recipe = config["training"]
        torch.manual_seed(seed_of(self.recipe["seed"], name))
        self.random = np.random.default_rng(seed_of(self.recipe["seed"], name, "crops"))
        self.network = DelayedTransformer(**config["network"])
        codec = registry.load("codecs", config["codec"])({}, located(config["weights"]))
        self.sequences = [self._encode(codec, audio) for audio in utterances]
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), self.recipe["learning_rate"], betas=(0.9, 0.98), weight_decay=0.05
        )
        self.step = 0

    @torch.inference_mode()
    def _encode(self, codec, audio):
        """Return the delayed codes of (T,) *audio*, (books, frames) int64, at least as long as a crop."""
        codes = delay(codec.encode(torch.from_numpy(audio)[None])[0][0], self.network.codes)
        missing = self.recipe["frames"] + 1 - codes.shape[1]
        return functional.pad(codes, (0, max(0, missing)), value=self.network.codes).clone()

    def _crop(self):
        """Return (books, frames + 1) of a random utterance, often from its beginning."""
        sequence = self.sequences[self.random.integers(len(self.sequences))]
        length = self.recipe["frames"] + 1
        start = max(0, self.random.integers(-length // 2, sequence.shape[1] - length + 1))
        return sequence[:, start : start + length]

    def train_step(self):
        """Do one step; return the losses as floats: nats per code, of the first book and of all."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe["learning_rate"] * rate_at(self.step, self.recipe["steps"], WARM_UP)
        batch = torch.stack([self._crop() for _ in range(self.recipe["batch"])])
        target = batch[..., 1:].transpose(1, 2)
        logits = self.network(batch[..., :-1])
        losses = functional.cross_entropy(
            logits.flatten(0, 2), target.flatten(), ignore_index=self.network.codes, reduction="none"
        ).view(target.shape)
        loss = losses.sum() / (target != self.network.codes).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        return {"first_book": losses[..., 0].mean().item(), "loss": loss.item()}

    def finish(self):
        """Return the network, ready to sample."""
        return self.network.eval()
