"""The taxonomy tracer: the encoder of W2V2-AASIST, shared, and one graph branch of AASIST per task."""

import torch

from ncst.tracing.models._graph import GraphModel
from ncst.tracing.models._ssl_encoder import SslEncoder

BRANCHES = {
    "bin": "binary_branch",
    "vq": "multiclass_branch_qs",
    "aux": "multiclass_branch_as",
    "dec": "multiclass_branch_ds",
    "parameters": "parameter_branch",
}


class TaxonomyTracer(SslEncoder):
    """Several tasks on one encoder, without the front-end.

    Parameters
    ----------
    classes : dict of str to int
        Outputs of each head, the heads named as in `BRANCHES`, whose values are the attributes of published
        checkpoints.
    shape : (int, int)
        Frames and width of the front-end's features; any number of frames from 6 on.
    projection, channels, attention, widths, ratios, dropouts :
        See `ncst.tracing.models.w2v2_aasist`; the graph's sizes are those of every branch.

    References
    ----------
    Chen et al., "Codec-Based Deepfake Source Tracing via Neural Audio Codec Taxonomy", Interspeech 2025, arXiv
    2505.12994; CodecFake-Source-Tracing, ``w2v2_aasist_baseline/model.py``. The published front-end is fine-tuned and
    its last layer read; here any front-end's features enter.
    """

    heads = True
    checkpoint_ignores = ("ssl_model.",)

    def __init__(
        self,
        classes,
        shape=(201, 1024),
        projection=128,
        channels=(32, 64),
        attention=128,
        widths=(64, 32),
        ratios=(0.5, 0.5, 0.5),
        dropouts=(0.2, 0.3, 0.2, 0.5),
    ):
        super().__init__()
        self.add_encoder(shape[1], projection, channels, attention)
        self.branches = [BRANCHES[head] for head in classes]
        for branch, outputs in zip(self.branches, classes.values()):
            self.add_module(branch, GraphModel(outputs, projection // 3, channels[1], widths, ratios, dropouts))
        self.embedding_dim = sum(self.get_submodule(branch).embedding_dim for branch in self.branches)

    def forward(self, x):
        """Return ``(embedding, logits)`` of features (B, frames, width), those of the heads side by side."""
        nodes = self.nodes(x)
        parts = zip(*(self.get_submodule(branch).classify(*nodes) for branch in self.branches))
        return tuple(torch.cat(part, 1) for part in parts)
