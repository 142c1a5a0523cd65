"""Every codec's network at a toy size with random weights, as a weight file."""

import json

import torch
from safetensors.torch import save_file

from ncst import registry

_SEANET = {
    "sampling_rate": 16000,
    "num_filters": 4,
    "hidden_size": 16,
    "upsampling_ratios": [5, 8, 8],
    "codebook_size": 64,
    "num_lstm_layers": 1,
    "target_bandwidths": [0.3, 1.2],
}
NETWORKS = {
    "mimi": {
        "num_filters": 4,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "upsample_groups": 16,
        "codebook_size": 64,
        "codebook_dim": 8,
        "vector_quantization_hidden_dimension": 8,
        "num_quantizers": 4,
        "layer_scale_initial_scale": 0.5,
    },
    "speechtokenizer": {
        "n_filters": 4,
        "strides": [5, 8, 8],
        "dimension": 16,
        "semantic_dimension": 12,
        "bidirectional": True,
        "dilation_base": 2,
        "residual_kernel_size": 3,
        "n_residual_layers": 1,
        "lstm_layers": 1,
        "activation": "ELU",
        "codebook_size": 64,
        "n_q": 4,
        "sample_rate": 16000,
    },
    "encodec": {
        "sample_rate": 16000,
        "seanet": {"n_filters": 4, "dimension": 16, "ratios": [5, 8, 8], "lstm": 1, "causal": True},
        "quantizer": {"dimension": 16, "n_q": 4, "bins": 64},
    },
    "funcodec": _SEANET | {"normalize": True, "norm_type": "time_group_norm", "use_causal_conv": False},
    "soundstream": _SEANET | {"use_causal_conv": False},
    "snac": {
        "sampling_rate": 24000,
        "encoder_dim": 4,
        "encoder_rates": [4, 8, 8],
        "decoder_dim": 32,
        "decoder_rates": [8, 8, 4],
        "attn_window_size": None,
        "codebook_size": 64,
        "vq_strides": [4, 2, 1],
    },
    "dac": {
        "sample_rate": 16000,
        "encoder_dim": 4,
        "encoder_rates": [5, 8, 8],
        "decoder_dim": 32,
        "decoder_rates": [8, 8, 5],
        "n_codebooks": 4,
        "codebook_size": 64,
    },
    "wavtokenizer": {
        "ratios": [8, 5, 4, 2],
        "filters": 4,
        "lstm_layers": 1,
        "latent": 16,
        "codes": 64,
        "dim": 32,
        "hidden": 48,
        "blocks": 1,
    },
    "audiodec": {"channels": 4, "latent": 8, "codes": 64, "books": 4},
    "hificodec": {"width": 4, "channels": 32, "latent": 16, "codes": 64, "block_kernels": [3], "dilations": [1]},
    "facodec": {
        "stem": 4,
        "strides": [2, 5, 5],
        "width": 4,
        "channels": 32,
        "dim": 16,
        "dilations": [1],
        "codes": 64,
        "heads": 2,
        "layers": 1,
        "hidden": 32,
    },
}


def write(module, path, seed=0):
    """Write a weight file of codec *module* with random weights to *path* and return *path*."""
    codec = registry.load("codecs", module).__new__(registry.load("codecs", module))
    codec.settings = {}
    torch.manual_seed(seed)
    state = codec.build(NETWORKS[module]).state_dict()
    for key, value in state.items():
        if key.endswith((".embed", ".embed_sum", ".embed_avg")):
            state[key] = torch.randn_like(value)
        elif key.endswith(".inited"):
            state[key] = torch.ones_like(value)
    metadata = {"config": json.dumps(NETWORKS[module])}
    save_file({key: value.contiguous().clone() for key, value in state.items()}, path, metadata)
    return path
