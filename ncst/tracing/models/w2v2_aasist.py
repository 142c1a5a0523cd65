"""W2V2-AASIST: residual blocks and the graph back-end of AASIST on frames of a self-supervised speech model."""

from ncst.tracing.models._graph import GraphModel
from ncst.tracing.models._ssl_encoder import SslEncoder


class W2v2Aasist(GraphModel, SslEncoder):
    """The W2V2-AASIST baseline without its frozen front-end.

    Parameters
    ----------
    classes : int
        Number of logits.
    shape : (int, int)
        Frames and width of the front-end's features; any number of frames from 6 on.
    projection : int
        Width that the features are projected to; every three of its units become a node of the spectral graph.
    channels : (int, int)
        Channels of the first two and of the last four residual blocks.
    attention : int
        Hidden channels of the map that weighs time and frequency.
    widths, ratios, dropouts :
        See `GraphModel`.

    References
    ----------
    Tak et al., "Automatic speaker verification spoofing and deepfake detection using wav2vec 2.0 and data
    augmentation", Odyssey 2022, arXiv 2202.12233; ST-Codecfake (arXiv 2501.06514), ``model.py``.
    """

    checkpoint_ignores = ("wav2vec2.model.",)

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
        super().__init__(classes, projection // 3, channels[1], widths, ratios, dropouts)
        self.add_encoder(shape[1], projection, channels, attention)

    def forward(self, x):
        """Return ``(embedding, logits)`` of features (B, frames, width)."""
        return self.classify(*self.nodes(x))
