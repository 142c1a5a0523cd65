"""Compact networks: the real architectures at a small width, trained here so that a first run needs no download.

They are not the published ones. `train` learns one of the networks of ``config/compact.yaml``; what comes out is a
weight file like any other: safetensors with the network's configuration in its metadata.
"""

import json

import numpy as np
import torch
from safetensors.torch import save_file

from ncst import registry
from ncst.compact import alms, codecs, frontends
from ncst.compact.speech import SpectralLoss, read_speech
from ncst.core.files import atomic
from ncst.core.waveforms import SAMPLE_RATE
from ncst.errors import NcstError

NOTE = "compact weights trained by this project; not the published {name}"
JUDGED_SECONDS = 4
TRAINERS = {"codecs": codecs, "frontends": frontends, "alms": alms}


def train_compact(name, config, corpora, out):
    """Train one compact network and write its weight file.

    The same arguments give the same tensors and metadata on the same machine; everything runs on one thread.

    Parameters
    ----------
    name : str
        A key of ``config["codecs"]``, ``config["frontends"]`` or ``config["alms"]``.
    config : dict
        ``compact`` of ``config/compact.yaml``; the speakers ``held_out`` are not trained on but judge the result.
    corpora : list of path
        Folders of speech; every FLAC or WAV file below them is read, the folder it lies in is its speaker.
    out : path
        The weight file.

    Raises
    ------
    NcstError
        If the name is unknown, or the corpora lack speech to train on or the speakers held out.
    """
    families = {known: family for family in TRAINERS for known in config[family]}
    if name not in families:
        raise NcstError(f"There is no compact network {name!r} in config/compact.yaml: use one of {list(families)}.")
    family = families[name]
    torch.set_num_threads(1)
    judges = [u[: JUDGED_SECONDS * SAMPLE_RATE] for u in read_speech(corpora, config["held_out"], keep=True)[::8]]
    entry, utterances = config[family][name], read_speech(corpora, config["held_out"])
    trainer = TRAINERS[family].Trainer(name, entry, utterances)
    facts = {"note": NOTE.format(name=name), **entry["training"], "utterances": len(utterances)}
    losses = [trainer.train_step() for _ in range(entry["training"]["steps"])]
    facts |= {f"last_{key}": round(float(np.mean([step[key] for step in losses[-100:]])), 4) for key in losses[-1]}
    network = trainer.finish()
    save(network, entry["network"], facts, out)
    if family == "codecs":
        facts |= measure_codec(registry.load("codecs", name)({}, out), judges)
        save(network, entry["network"], facts, out)


def save(network, config, facts, out):
    """Write the weight file *out*: half precision, but codebooks in float32 (rounding them changes the codes).

    Parameters
    ----------
    network : nn.Module
    config : dict
        The network's constructor keywords; metadata key ``config``.
    facts : dict
        How it was trained and how good it is; metadata key ``ncst``.
    out : path
    """
    state = {key: value if is_codebook(key) else value.half() for key, value in network.state_dict().items()}
    metadata = {"config": json.dumps(config), "ncst": json.dumps(facts)}
    with atomic(out) as temporary:
        save_file({key: value.contiguous() for key, value in state.items()}, temporary, metadata)


def is_codebook(key):
    """Return whether the tensor called *key* is a codebook of one of the networks.

    >>> is_codebook("quantizer.layers.0.codebook.embed"), is_codebook("quantizer.layers.0.codebook.embed_avg")
    (True, False)
    """
    return key.endswith((".embed", ".embed_sum", ".codebook.weight")) or ".codebooks." in key


def measure_codec(codec, clips):
    """Measure *codec* on *clips*.

    Parameters
    ----------
    codec : ncst.audio.codecs._base.Base
    clips : list of (T,) float32 arrays at 16 kHz

    Returns
    -------
    dict
        ``stoi``: mean short-time objective intelligibility (Taal et al. 2011), 0 to 1; ``log_mel``: mean absolute
        difference of log-mel spectra.
    """
    from pystoi import stoi

    outputs = [codec.resynthesize([clip], [index])[0] for index, clip in enumerate(clips)]
    spectral = SpectralLoss()
    distances = [spectral(*(torch.from_numpy(x)[None, None] for x in pair)).item() for pair in zip(outputs, clips)]
    return {
        "stoi": round(float(np.mean([stoi(a, b, SAMPLE_RATE) for a, b in zip(clips, outputs)])), 4),
        "log_mel": round(float(np.mean(distances)), 4),
    }
