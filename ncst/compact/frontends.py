"""A compact wav2vec 2.0 front-end: XLS-R's architecture at a small width, pre-trained by masked prediction.

It is not XLS-R. As in HuBERT's first iteration (Hsu et al., 2021, arXiv:2106.07447), parts of the input of the
transformer are masked and the network names the k-means cluster of the log-mel frames that lie there. A second head
predicts the log-mel frames themselves, masked or not, which keeps the fine spectrum in the hidden states.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from ncst.compact.codecs import rate_at
from ncst.compact.speech import Crops
from ncst.core.seeds import seed_of
from ncst.core.waveforms import SAMPLE_RATE

WINDOW, HOP, BANDS = 400, 320, 80
CLUSTER_BANDS = 40
SPAN = 8
MASKED = 0.5
SPECTRAL_WEIGHT = 1.0
WARM_UP = 0.08


def build(network):
    """Return transformers' ``Wav2Vec2Model`` of the keyword arguments *network*, set up for masking."""
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    settings = {k: v for k, v in network.items() if k != "model_type"}
    return Wav2Vec2Model(Wav2Vec2Config(**settings, apply_spec_augment=True, mask_time_prob=MASKED))


class LogMel(nn.Module):
    """Log-mel frames of (B, T) audio, aligned with the frames of wav2vec 2.0: (B, (T - 400) // 320 + 1, bands)."""

    def __init__(self):
        super().__init__()
        from torchaudio.functional import melscale_fbanks

        self.register_buffer("banks", melscale_fbanks(257, 40.0, SAMPLE_RATE / 2, BANDS, SAMPLE_RATE))
        self.register_buffer("window", torch.hann_window(WINDOW))

    def forward(self, audio):
        """Return the natural logarithm of the band energies, at least -9."""
        frames = audio.unfold(1, WINDOW, HOP) * self.window
        spectrum = torch.view_as_real(torch.fft.rfft(frames, 512)).square().sum(-1)
        return (spectrum @ self.banks).clamp(min=math.exp(-9)).log()


def cluster_features(log_mel):
    """Return (B, T, 3 * 40): pairs of bands averaged, less the clip's mean, and the differences over 4 and 8 frames."""
    bands = log_mel.unflatten(2, (CLUSTER_BANDS, -1)).mean(-1)
    bands = bands - bands.mean(1, keepdim=True)
    padded = functional.pad(bands, (0, 0, 4, 4), mode="replicate")
    near = padded[:, 6:-2] - padded[:, 2:-6]
    far = padded[:, 8:] - padded[:, :-8]
    return torch.cat([bands, near, far], 2)


def normalise(audio):
    """Return (B, T) *audio* with zero mean and unit variance per row."""
    return (audio - audio.mean(1, keepdim=True)) / (audio.var(1, keepdim=True, unbiased=False) + 1e-7).sqrt()


class Trainer:
    """Pre-trains the front-end on one thread, reproducibly.

    Parameters
    ----------
    name : str
        The front-end.
    config : dict
        ``network`` and ``training`` of its entry in ``config/compact.yaml``.
    utterances : list of (T,) float32 arrays at 16 kHz
    """

    def __init__(self, name, config, utterances):
        self.recipe = config["training"]
        torch.manual_seed(seed_of(self.recipe["seed"], name))
        self.generator = torch.Generator().manual_seed(seed_of(self.recipe["seed"], name, "masks"))
        length = round(self.recipe["seconds"] * SAMPLE_RATE)
        self.crops = Crops(utterances, length, seed_of(self.recipe["seed"], name, "crops"))
        self.network = build(config["network"])
        self.log_mel = LogMel()
        self.centres = self._cluster()
        hidden = self.network.config.hidden_size
        self.clusters, self.spectrum = nn.Linear(hidden, len(self.centres)), nn.Linear(hidden, BANDS)
        self.trained = [*self.network.parameters(), *self.clusters.parameters(), *self.spectrum.parameters()]
        self.optimizer = torch.optim.AdamW(
            self.trained, self.recipe["learning_rate"], betas=(0.9, 0.98), weight_decay=0.01
        )
        self.step = 0

    @torch.no_grad()
    def _cluster(self):
        features = torch.cat([self._features(self._audio()) for _ in range(32)])
        vectors = features.reshape(-1, features.shape[2])
        centres = vectors[torch.randperm(len(vectors), generator=self.generator)[: self.recipe["clusters"]]]
        for _ in range(15):
            labels = torch.cdist(vectors, centres).argmin(1)
            count = torch.bincount(labels, minlength=len(centres)).clamp(min=1)[:, None]
            centres = torch.zeros_like(centres).index_add_(0, labels, vectors) / count
        return centres

    def _audio(self):
        return normalise(self.crops.batch(self.recipe["batch"])[:, 0])

    def _features(self, audio):
        return cluster_features(self.log_mel(audio))

    def _mask(self, batch, frames):
        starts = torch.rand(batch, frames, generator=self.generator) < MASKED / SPAN * 1.3
        mask = functional.max_pool1d(functional.pad(starts.float(), (SPAN - 1, 0))[:, None], SPAN, 1)[:, 0].bool()
        mask[:, frames // 2] = True
        return mask

    def train_step(self):
        """Do one step; return the losses and the share of right clusters as floats."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe["learning_rate"] * rate_at(
                self.step, self.recipe["steps"], WARM_UP * self.recipe["steps"]
            )
        audio = self._audio()
        with torch.no_grad():
            log_mel = self.log_mel(audio)
            labels = torch.cdist(cluster_features(log_mel), self.centres).argmin(2)
        mask = self._mask(*labels.shape)
        hidden = self.network(audio, mask_time_indices=mask).last_hidden_state
        named = self.clusters(hidden[mask])
        masked = functional.cross_entropy(named, labels[mask])
        spectral = functional.l1_loss(self.spectrum(hidden), log_mel)
        loss = masked + SPECTRAL_WEIGHT * spectral
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        self.step += 1
        right = (named.argmax(1) == labels[mask]).float().mean()
        return {
            key: value.item()
            for key, value in {"loss": loss, "masked": masked, "spectral": spectral, "right": right}.items()
        }

    def finish(self):
        """Return the network, ready to be saved."""
        return self.network.eval()
