"""The taxonomy of neural codecs as tasks: the classes of each head, their labels in manifests, and the targets.

Heads: ``bin`` (spoof or bona fide), ``vq`` (vector quantiser), ``aux`` (auxiliary objective), ``dec`` (domain of the
decoder) and ``parameters`` (regression of books, bitrate, sample rate and frame rate). Classes and their weights in
the loss are those of Chen et al., "Codec-Based Deepfake Source Tracing via Neural Audio Codec Taxonomy", Interspeech
2025, arXiv 2505.12994, and the repository CodecFake-Source-Tracing (``train.py``).
"""

from dataclasses import dataclass

import numpy as np

from ncst.errors import NcstError


@dataclass(frozen=True)
class Classes:
    """The classes of a head in the order of its logits, and the weight of each in the published loss."""

    names: tuple[str, ...]
    weights: tuple[float, ...]


CLASSES = {
    "bin": Classes(("spoof", "real"), (0.1, 0.9)),
    "vq": Classes(("real", "mvq", "svq", "sq"), (0.1, 0.3, 0.3, 0.3)),
    "aux": Classes(("real", "none", "sem", "dis"), (0.1, 0.3, 0.3, 0.3)),
    "dec": Classes(("real", "time", "freq"), (0.1, 0.45, 0.45)),
}
PARAMETERS = ("books", "bitrate_kbps", "sample_rate", "frame_rate")
HEADS = (*CLASSES, "parameters")
COLUMNS = ("vq", "aux", "dec")


def heads_of(weights):
    """Return ``{head: share of the loss}`` in the order of `HEADS`; shares sum to 1.

    Equal weights give the published shares: the softmax of equal parameters.

    Parameters
    ----------
    weights : dict of str to float
        The ``heads`` of a model's entry.

    Raises
    ------
    NcstError
        If a head is unknown or no weight is positive.
    """
    unknown = sorted(set(weights) - set(HEADS))
    total = sum(weights.values())
    if unknown or not weights or min(weights.values()) <= 0:
        raise NcstError(f"`heads` holds {unknown or weights}: give each a positive weight and use {list(HEADS)}.")
    return {head: weights[head] / total for head in HEADS if head in weights}


def labels(columns, head, origin):
    """Return the (N,) positions of the classes of *head* in the manifest *columns*.

    ``bin`` follows from ``vq``, which is ``real`` for bona fide speech.

    Raises
    ------
    NcstError
        If a clip of the manifest *origin* has no label or one that the head does not know.
    """
    names = CLASSES[head].names
    values = columns["vq" if head == "bin" else head]
    if head == "bin":
        values = [None if value is None else "real" if value == "real" else "spoof" for value in values]
    unknown = sorted({str(value) for value in values} - set(names))
    if unknown:
        raise NcstError(
            f"{origin} has clips whose {head} is {unknown}, not one of {list(names)}: set `taxonomy` of their codecs "
            "in config/codecs.yaml, or leave them out of the split."
        )
    return np.array([names.index(value) for value in values])


def parameter_values(columns, parameters, origin):
    """Return the (N, 4) log2 of `PARAMETERS` of each clip's codec; NaN for bona fide speech.

    Parameters
    ----------
    columns : dict of str to list
        The manifest columns ``codec`` and ``vq``.
    parameters : dict of str to dict
        Codec to its `PARAMETERS`, as `ncst.plan.selection.codec_parameters` gives them.
    origin : path
        The manifest.

    Raises
    ------
    NcstError
        If a codec's parameters are not known.
    """
    spoken = {codec for codec, vq in zip(columns["codec"], columns["vq"]) if vq != "real"}
    unknown = sorted(spoken - parameters.keys())
    if unknown:
        raise NcstError(
            f"{origin} has clips of {unknown}, whose books, bitrate, sample rate and hop config/codecs.yaml does not "
            "give: add them, or leave out the head `parameters`."
        )
    logarithms = {codec: np.log2([parameters[codec][name] for name in PARAMETERS]) for codec in spoken}
    nothing = np.full(len(PARAMETERS), np.nan)
    return np.array([logarithms[c] if v != "real" else nothing for c, v in zip(columns["codec"], columns["vq"])])


def describe(weights, train, dev, parameters, origins):
    """Return what a tracer's ``model.json`` says about its heads.

    Parameters
    ----------
    weights : dict of str to float
        The ``heads`` of the model's entry.
    train, dev : dict of str to list
        Columns ``codec``, ``vq``, ``aux`` and ``dec`` of the manifests.
    parameters : dict of str to dict
        See `parameter_values`.
    origins : (path, path)
        The manifests.

    Returns
    -------
    dict
        Head to ``share`` of the loss and ``outputs`` (names in the order of its logits); classes also ``clips`` (per
        class, in training), ``parameters`` also ``mean`` and ``scale``, log2, of the training clips: outputs are
        standardised by them.

    Raises
    ------
    NcstError
        If a head is unknown, labels are missing, or the training split lacks a class that development has, or all
        classes but one.
    """
    heads = {}
    for head, share in heads_of(weights).items():
        if head == "parameters":
            values = parameter_values(train, parameters, origins[0])
            parameter_values(dev, parameters, origins[1])
            values = values[~np.isnan(values[:, 0])]
            if not len(values):
                raise NcstError(f"{origins[0]} has no clip of a codec: the head `parameters` has nothing to learn.")
            scale = values.std(0)
            heads[head] = {
                "share": share,
                "outputs": list(PARAMETERS),
                "mean": values.mean(0).tolist(),
                "scale": np.where(scale > 1e-6, scale, 1.0).tolist(),
            }
            continue
        names = CLASSES[head].names
        clips, wanted = (
            np.bincount(labels(columns, head, origin), minlength=len(names))
            for columns, origin in zip((train, dev), origins)
        )
        absent = [name for name, here, there in zip(names, clips, wanted) if there and not here]
        if absent or np.count_nonzero(clips) < 2:
            raise NcstError(
                f"{origins[0]} has no clip of the {head} classes {absent or [n for n, c in zip(names, clips) if not c]}"
                ": add a codec of each to the split, or leave out the head."
            )
        heads[head] = {"share": share, "outputs": list(names), "clips": clips.tolist()}
    return heads


def targets(heads, columns, parameters, origin):
    """Return one row per clip, as floats: the class of every class head, then standardised parameters (NaN: none).

    Parameters
    ----------
    heads : dict
        See `describe`.
    columns, parameters, origin :
        See `parameter_values`.
    """
    parts = [labels(columns, head, origin)[:, None] for head in heads if head != "parameters"]
    if "parameters" in heads:
        values = parameter_values(columns, parameters, origin)
        parts.append((values - heads["parameters"]["mean"]) / heads["parameters"]["scale"])
    return np.concatenate(parts, 1).astype(np.float32).tolist()


def split_logits(heads, logits):
    """Return ``{head: (N, outputs)}`` of the (N, outputs of all heads) *logits*, an array or a tensor."""
    parts, start = {}, 0
    for head, facts in heads.items():
        parts[head] = logits[:, start : start + len(facts["outputs"])]
        start += len(facts["outputs"])
    return parts


def bonafide_scores(logits):
    """Return the (N,) probabilities of bona fide speech, or None where the heads do not tell.

    From ``bin`` where there is one; else, as published for M2, 1 minus the geometric mean of the spoof probabilities of
    ``vq``, ``aux`` and ``dec``.

    Parameters
    ----------
    logits : dict of str to (N, outputs) array
    """
    if "bin" in logits:
        return _softmax(logits["bin"])[:, 1]
    if not set(COLUMNS) <= logits.keys():
        return None
    spoof = np.prod([_softmax(logits[head])[:, 1:].sum(1) for head in COLUMNS], axis=0)
    return 1.0 - np.cbrt(spoof)


def _softmax(logits):
    powers = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
