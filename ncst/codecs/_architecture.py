"""Recognising a network by the names of its tensors, for error messages."""

import re

_SIGNS = [
    ("Mimi", r"semantic_residual_vector_quantizer"),
    ("SpeechTokenizer", r"^transform\.weight$"),
    ("WavTokenizer", r"^(feature_extractor\.encodec|.*pos_net\.)"),
    ("FACodec", r"timbre_encoder|timbre_linear"),
    ("AudioDec", r"pad_buffer$|quantizer\.codebook\.layers"),
    ("HiFi-Codec", r"quantizer_modules2?\."),
    ("SNAC", r"quantizer\.quantizers\.\d+\.in_proj\.parametrizations"),
    ("DAC", r"quantizer\.quantizers\.\d+\.in_proj\.weight"),
    ("FunCodec (original names)", r"^quantizer\.rq\.model\."),
    ("EnCodec, FunCodec or AcademiCodec", r"^quantizer\.layers\.\d+\.codebook\."),
    ("EnCodec (original names)", r"quantizer\.vq\.layers\.\d+\._codebook"),
    ("Lyra", r"^soundstream_encoder$"),
]


def looks_like(keys):
    """Return the name of the codec whose tensors are called *keys*, or what little can be said.

    >>> looks_like(["encoder.conv1.weight", "quantizer.quantizers.0.in_proj.weight"])
    'DAC'
    """
    keys = list(keys)
    for name, sign in _SIGNS:
        if any(re.search(sign, key) for key in keys):
            return name
    return f"an unknown network (first tensor {keys[0]!r})" if keys else "an empty file"
