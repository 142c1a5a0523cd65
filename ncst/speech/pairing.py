"""Pairs of one bona fide utterance and one spoof of it, the classes of a taxonomy equally frequent."""

from collections import Counter

from ncst.core.seeds import seed_of

TAXONOMIES = ("vq", "aux", "dec")


def pair_spoofs(spoofs, seed):
    """Choose one spoof of each utterance.

    Utterances, ranked by a hash of their id, take in turn the class that has the fewest so far and, in it, the codec
    that has the fewest so far: classes differ by one clip at most, and so do the codecs of a class, as long as every
    codec has every utterance.

    Parameters
    ----------
    spoofs : dict of dict
        Of each utterance's id, what there is by (class, codec).
    seed : int or str

    Returns
    -------
    dict
        Utterance id to the chosen value.

    References
    ----------
    Chen et al., "Codec-Based Deepfake Source Tracing via Neural Audio Codec Taxonomy", Interspeech 2025: the training
    lists balanced by VQ, AUX and DEC.

    >>> pair_spoofs({"a": {("mvq", "dac"): 1}, "b": {("svq", "bigcodec"): 2}}, seed=0)
    {'a': 1, 'b': 2}
    """
    classes, codecs, chosen = Counter(), Counter(), {}
    for utt_id in sorted(spoofs, key=lambda utt_id: (seed_of(seed, utt_id), utt_id)):
        key = min(spoofs[utt_id], key=lambda key: (classes[key[0]], codecs[key], seed_of(seed, *key)))
        classes[key[0]] += 1
        codecs[key] += 1
        chosen[utt_id] = spoofs[utt_id][key]
    return dict(sorted(chosen.items()))
