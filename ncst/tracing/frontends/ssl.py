"""A hidden layer of a self-supervised speech model, computed without the layers above it."""

import json
import re

import numpy as np
import torch
from torch import nn

from ncst.core.checkpoint_files import load_strictly, read_checkpoint, read_weights
from ncst.errors import NcstError
from ncst.tracing.frontends._base import Base

FIXED = {"hidden_act": "gelu", "feat_extract_activation": "gelu", "layer_norm_eps": 1e-5}
HALF_MAX = float(np.finfo(np.float16).max)


class Ssl(Base):
    """Hidden state number ``entry["layer"]`` of a wav2vec 2.0, XLS-R, HuBERT, WavLM or w2v-BERT model.

    Number 0 is the input of the first transformer layer, number n the output of the n-th. The network is cut after the
    layer and its final norm removed, which changes no bit of the result and computes a third of XLS-R's arithmetic
    for layer 5 of 24. Each clip is brought to zero mean and unit variance on its own (``normalise: false`` turns it
    off), so features do not depend on what else is in a batch. Stored as float16.

    The weight file is safetensors, its metadata key ``config`` the JSON of the configuration's keyword arguments;
    ``model_type`` in it (default ``wav2vec2``) is the architecture's name in transformers.

    References
    ----------
    Babu et al., "XLS-R", Interspeech 2022, arXiv 2111.09296.
    """

    dtype = np.float16
    needs_weights = True

    def __init__(self, entry, weights=None, device="cpu"):
        super().__init__(entry, weights, device)
        config, state = read_weights(weights)
        self.kind = config.get("model_type", "wav2vec2")
        self.network = cut_network(config, state, entry["layer"], weights).to(device)
        with torch.inference_mode():
            self.shape = tuple(self.hidden(np.zeros((1, self.samples), np.float32)).shape[1:])

    def compute(self, waves):
        """Return the (B, frames, width) float16 hidden states of (B, samples) float32 `waves`.

        Raises
        ------
        NcstError
            If a value is not finite or too large for float16.
        """
        return self.launch(self.prepare(waves))()

    def prepare(self, waves):
        """Return what the network reads of (B, samples) float32 *waves*: normalised waveforms or filter banks."""
        if self.kind == "wav2vec2-bert":
            return _filter_banks(waves)
        return normalise(waves) if self.entry.get("normalise", True) else waves

    def launch(self, inputs):
        """Queue the network and the copy of what it gives; the function that is returned waits for both."""
        with torch.inference_mode():
            hidden = self._states(torch.from_numpy(inputs).to(self.device))
            fits = (hidden.abs() <= HALF_MAX).all().to("cpu", non_blocking=True)
            half = hidden.half().to("cpu", non_blocking=True)
        copied = torch.cuda.Event() if self.device.type == "cuda" else None
        if copied:
            copied.record()

        def result():
            if copied:
                copied.synchronize()
            if not fits:
                raise NcstError(
                    f"Layer {self.entry['layer']} of {self.weights} gives values beyond float16: use another layer."
                )
            return half.numpy()

        return result

    def hidden(self, waves):
        """Return the (B, frames, width) float32 hidden states as a tensor."""
        return self._states(torch.from_numpy(self.prepare(waves)).to(self.device))

    def _states(self, inputs):
        states = self.network(inputs)
        return states if isinstance(states, torch.Tensor) else states.last_hidden_state

    @classmethod
    def convert(cls, files, entry):
        """Return ``(config, state)`` of a published checkpoint, without the layers that the entry does not need.

        Parameters
        ----------
        files : dict of str to Path
            ``config.json`` and ``pytorch_model.bin`` or ``model.safetensors``.
        entry : dict
            The front-end's entry; ``layer`` says where to cut.
        """
        config = json.loads(files["config.json"].read_text())
        state = read_checkpoint(files.get("model.safetensors") or files["pytorch_model.bin"])
        inner = re.compile(r"^(wav2vec2|wavlm|hubert|wav2vec2_bert)\.(model\.)?")
        if any(inner.match(key) for key in state):
            state = {inner.sub("", key): value for key, value in state.items() if inner.match(key)}
        config["num_hidden_layers"] = entry["layer"]
        kept = _kept(state, entry["layer"], stable=bool(config.get("do_stable_layer_norm")))
        return config, {key: value.contiguous() for key, value in kept.items()}


def cut_network(config, state, layer, path):
    """Return the network of *config* up to hidden state *layer*, in eval mode, filled with *state*.

    Parameters
    ----------
    config : dict
        Keyword arguments of the transformers configuration, plus ``model_type``.
    state : dict of str to tensor
        Weights of the whole model or of the cut one.
    layer : int
        From 0 to the number of layers.
    path : path
        Names the source of *state* in messages.

    Raises
    ------
    NcstError
        If the model has fewer layers, or *state* does not fit.
    """
    if not 0 <= layer <= config["num_hidden_layers"]:
        raise NcstError(f"`layer: {layer}` does not exist in {path}: it has {config['num_hidden_layers']} layers.")
    kind = config.get("model_type", "wav2vec2")
    stable = bool(config.get("do_stable_layer_norm"))
    plain = all(config.get(key, value) == value for key, value in FIXED.items())
    if kind == "wav2vec2" and layer > 0 and plain:
        from ncst.tracing.frontends._wav2vec2 import Wav2Vec2

        network = Wav2Vec2(config, layer)
    else:
        network = _from_transformers(config, kind, layer, stable)
    load_strictly(network, _kept(state, layer, stable), path)
    return network.eval().requires_grad_(False)


def _from_transformers(config, kind, layer, stable):
    from transformers import AutoConfig, AutoModel

    unmasked = {
        "num_hidden_layers": layer,
        "mask_time_prob": 0.0,
        "mask_feature_prob": 0.0,
        "apply_spec_augment": False,
    }
    arguments = {k: v for k, v in config.items() if k not in {"model_type", "architectures", "torch_dtype", "dtype"}}
    network = AutoModel.from_config(AutoConfig.for_model(kind, **(arguments | unmasked)))
    if stable:
        network.encoder.layer_norm = nn.Identity()
    network.masked_spec_embed = None
    return network


def _kept(state, layer, stable):
    """Return what the cut network holds of *state*, under the names that transformers uses now."""
    kept = {}
    for key, value in state.items():
        number = re.match(r"encoder\.layers\.(\d+)\.", key)
        unused = key == "masked_spec_embed" or (stable and key.startswith("encoder.layer_norm."))
        if not unused and not (number and int(number[1]) >= layer):
            key = re.sub(r"\.weight_g$", ".parametrizations.weight.original0", key)
            kept[re.sub(r"\.weight_v$", ".parametrizations.weight.original1", key)] = value.float()
    return kept


def normalise(waves):
    """Return (B, T) *waves* with zero mean and unit variance per row, as wav2vec 2.0's feature extractor does."""
    return np.stack([(wave - wave.mean()) / np.sqrt(wave.var() + 1e-7) for wave in waves])


def _filter_banks(waves):
    """Return w2v-BERT's (B, frames, 160) input: 80 log-mel bands, normalised per clip, two frames side by side."""
    from transformers import SeamlessM4TFeatureExtractor

    return np.asarray(SeamlessM4TFeatureExtractor()(list(waves), sampling_rate=16_000)["input_features"], np.float32)
