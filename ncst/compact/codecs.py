"""Training of one compact codec: initialisation, quantizer, losses, averaging."""

import math

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrize

from ncst import registry
from ncst.compact.codebooks import Chains
from ncst.compact.speech import Crops, SpectralLoss
from ncst.core.seeds import seed_of
from ncst.core.waveforms import SAMPLE_RATE

LAYERS = (nn.Conv1d, nn.ConvTranspose1d, nn.Linear)
WARM_UP = 50
REVIVE_EVERY = 20
REVIVE_UNTIL = 0.85
AVERAGE = 0.995
DIRECTIONS = 8


class Trainer:
    """Trains the network of one codec on one thread, reproducibly.

    Parameters
    ----------
    name : str
        The codec.
    config : dict
        ``network`` (the constructor's keywords) and ``training`` of its entry in ``config/compact.yaml``.
    utterances : list of (T,) float32 arrays at 16 kHz
    """

    def __init__(self, name, config, utterances):
        self.recipe = config["training"]
        torch.manual_seed(seed_of(self.recipe["seed"], name))
        codec = registry.load("codecs", name).untrained(config["network"])
        self.network, self.parts = codec.network, codec.parts()
        self.chains = Chains.of(self.parts.chains)
        self.generator = torch.Generator().manual_seed(seed_of(self.recipe["seed"], name, "codes"))
        frame = self.parts.frame
        length = frame * max(1, round(self.recipe["seconds"] * SAMPLE_RATE / frame))
        self.crops = Crops(utterances, length, seed_of(self.recipe["seed"], name, "crops"))
        self.spectral = SpectralLoss()
        tables = {book.table.data_ptr() for book in self.chains.books}
        self.trained = [p for p in self.network.parameters() if p.data_ptr() not in tables]
        self._initialise()
        self.average = [p.detach().clone() for p in self.trained]
        self.optimizer = torch.optim.AdamW(
            self.trained, self.recipe["learning_rate"], betas=(0.8, 0.99), weight_decay=0.01
        )
        self.step = 0
        self.quantizing = False

    @torch.no_grad()
    def _initialise(self):
        audio = self.crops.batch(16)
        latent, side = unit_variance(self.network, lambda: self.parts.encode(audio))
        latent = self.chains.bypass(latent)
        output = unit_variance(self.network.decoder, lambda: self.parts.decode(latent, side))
        self._amplify(float(audio.std() / output.std().clamp(min=1e-6)))

    def _amplify(self, gain):
        last = [m for m in self.network.decoder.modules() if isinstance(m, (*LAYERS, nn.GroupNorm))][-1]
        if isinstance(last, nn.Linear):  # a spectrum head: log-magnitudes, then phases
            last.bias[: len(last.bias) // 2] += math.log(gain)
        else:
            _scale_weight(last, gain)
            if last.bias is not None:
                last.bias.mul_(gain)

    @torch.no_grad()
    def _start_books(self):
        latents = torch.cat([self.parts.encode(self.crops.batch(8))[0] for _ in range(64)])
        self.chains.start(latents, self.generator)
        self.quantizing = True

    def train_step(self):
        """Do one step; return the losses as floats."""
        if not self.quantizing and self.step >= self.recipe["bypass"] * self.recipe["steps"]:
            self._start_books()
        progress = self.step / self.recipe["steps"]
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe["learning_rate"] * rate_at(self.step, self.recipe["steps"], WARM_UP)
        audio = self.crops.batch(self.recipe["batch"])
        latent, side = self.parts.encode(audio)
        commitment, seen, concentrated = torch.zeros(()), [], concentration(latent)
        if self.quantizing:
            latent, commitment, seen = self.chains.quantize(latent, self._some_books())
        else:
            latent = self.chains.bypass(latent)
        output = self.parts.decode(latent, side)[..., : audio.shape[-1]]
        waveform = functional.l1_loss(output, audio[..., : output.shape[-1]])
        spectral = self.spectral(output, audio[..., : output.shape[-1]])
        level = functional.l1_loss(levels(output), levels(audio[..., : output.shape[-1]]))
        losses = {
            "spectral": spectral,
            "waveform": waveform,
            "level": level,
            "commitment": commitment,
            "concentration": concentrated,
        }
        loss = sum(self.recipe["weights"][key] * value for key, value in losses.items())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, 5.0)
        self.optimizer.step()
        for book, vectors, codes in seen:
            book.learn(vectors, codes)
            if self.step % REVIVE_EVERY == 0 and progress < REVIVE_UNTIL:
                book.revive(vectors, self.generator)
        decay = min(AVERAGE, (1 + self.step) / (10 + self.step))
        torch._foreach_mul_(self.average, decay)
        torch._foreach_add_(self.average, [p.detach() for p in self.trained], alpha=1 - decay)
        self.step += 1
        return {key: value.item() for key, value in {"loss": loss, **losses}.items()}

    def _some_books(self):
        choices = self.recipe.get("books")
        return choices and choices[torch.randint(len(choices), (), generator=self.generator)]

    @torch.no_grad()
    def finish(self):
        """Give the network its weights averaged over the last steps and the level of its input; return it.

        The losses favour outputs that are too quiet where the phase is uncertain.
        """
        torch._foreach_copy_(self.trained, self.average)
        self.network.eval()
        audio = self.crops.batch(64)
        latent, side = self.parts.encode(audio)
        latent = self.chains.quantize(latent)[0] if self.quantizing else self.chains.bypass(latent)
        quieter = levels(self.parts.decode(latent, side)[..., : audio.shape[-1]]).mean() - levels(audio).mean()
        self._amplify(math.exp(-float(quieter)))
        return self.network


def levels(audio):
    """Return the natural logarithm of the RMS of (B, 1, T) *audio* in frames of 64 ms, (B, frames), at least -5."""
    return (audio[:, 0].unfold(1, 1024, 512).square().mean(2) + 5e-5).log() / 2


def concentration(latent):
    """Return by how much the variance of (B, D, T) latents lies in fewer than `DIRECTIONS` directions, a scalar tensor.

    Left alone, a small encoder may use one direction only, which the first book quantizes and the others cannot add to.
    The measure is the inverse participation ratio of the covariance's eigenvalues: 1 for a single direction.
    """
    covariance = torch.cov(latent.transpose(1, 2).flatten(0, 1).t())
    ratio = covariance.square().sum() / (covariance.trace().square() + 1e-12)
    return functional.relu(ratio - 1 / DIRECTIONS)


def rate_at(step, steps, warm_up):
    """Return the learning rate at *step* of *steps* as a fraction: linear warm-up, then a cosine down to 2 %."""
    return min(1.0, (step + 1) / warm_up) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))


@torch.no_grad()
def unit_variance(network, run):
    """Scale every convolution and linear layer so that its output has unit variance while *run* is called once.

    Layer-sequential unit-variance initialisation (Mishkin and Matas, arXiv:1511.06422) in one pass: each layer's output
    is already corrected when the next one sees it. Without it these small networks stay at one or two used codes.
    """

    def correct(module, _, output):
        deviation = output.std().clamp(min=1e-6)
        _scale_weight(module, 1 / deviation)
        return output / deviation

    layers = [m for m in network.modules() if isinstance(m, LAYERS)]
    for layer in layers:
        if layer.bias is not None:
            layer.bias.zero_()
    hooks = [layer.register_forward_hook(correct) for layer in layers]
    try:
        return run()
    finally:
        for hook in hooks:
            hook.remove()


def _scale_weight(module, factor):
    if parametrize.is_parametrized(module, "weight"):
        module.parametrizations.weight.original0.mul_(factor)
    elif hasattr(module, "weight_g"):
        module.weight_g.mul_(factor)
    else:
        module.weight.mul_(factor)
