"""What each clip of anyone's scores is: from a manifest or list, the file itself, the split, or the clip's name."""

import numpy as np

from ncst.errors import NcstError
from ncst.exchange.release_listing import UTTERANCE, utterance_of
from ncst.exchange.score_files import TEXTS, read_columns
from ncst.formats.scores import UNLABELLED

PREFIXES = ("moshi", "miniomni", "valle")


def truth_of(config, split, path, found, labels):
    """Return ``label``, ``utt_id`` and ``codec``, (N,) each, of the clips *found* in the score file *path*.

    Where one of the files names them, ``speaker`` and ``corpus`` as well.

    Parameters
    ----------
    config : dict
        Splits and codecs.
    split : str
    path : path
        For messages.
    found : dict
        Columns of the file, see `ncst.exchange.score_files.read_columns`.
    labels : dict
        Split to manifest, CSV file or label list. One alone is for every file; of several, every split needs its own.

    Raises
    ------
    NcstError
        If clips are missing or unknown, or nothing says what a clip is.
    """
    codecs = sorted(config["codecs"], key=len, reverse=True)
    clips = found["clip_id"]
    told = _matched(split, path, clips, labels) if labels else found
    label = told["label"] if "label" in told else _official(config, split, path, clips, codecs)
    named = ("real" if c == 0 else _codec(clip, codecs) or "unknown" for clip, c in zip(clips, label))
    return {
        "label": label,
        "utt_id": told.get("utt_id", [utterance_of(clip, (*codecs, *PREFIXES)) for clip in clips]),
        "codec": told.get("codec", list(named)),
        **{name: part[name] for part in (found, told) for name in ("speaker", "corpus") if name in part},
    }


def speakers_of(parts):
    """Return ``{utterance: corpus and speaker}`` as `ncst.formats.manifests.read_speakers` does.

    Parameters
    ----------
    parts : iterable of dict
        ``path`` and what `truth_of` returns.

    Raises
    ------
    NcstError
        If a part has no speakers.
    """
    speakers = {}
    for part in parts:
        if "speaker" not in part:
            raise NcstError(
                f"Nothing says who speaks in {part['path']}, but `bootstrap.clusters` resamples speakers: give "
                "manifests with `--manifest`, add a column speaker, or resample utterances."
            )
        for utterance, speaker, corpus in zip(part["utt_id"], part["speaker"], part.get("corpus", part["speaker"])):
            name = speaker or utterance
            speakers[utterance] = f"{corpus} {name}" if "corpus" in part else name
    return speakers


def rows_of(clips, wanted):
    """Return the positions of *wanted* among *clips*, (N,) int, -1 where there is none."""
    places = {clip: row for row, clip in enumerate(clips)}
    return np.array([places.get(clip, -1) for clip in wanted])


def _matched(split, path, clips, labels):
    """Return label, utterance and codec of each clip from the manifest of the split."""
    if split not in labels and len(labels) > 1:
        raise NcstError(
            f"No manifest or label list of the split {split} is given for {path}, only of {sorted(labels)}: "
            f"add it, or name it {split}=FILE."
        )
    listed = labels.get(split, next(iter(labels.values())))
    truth = read_columns(listed, "labels")
    if "label" not in truth:
        raise NcstError(f"{listed} has no labels: give a manifest, a CSV file with clip_id and label, or a list.")
    rows = rows_of(truth["clip_id"], clips)
    missing = sorted(set(truth["clip_id"]) - set(clips))
    if missing:
        raise NcstError(
            f"{path} lacks {len(missing)} of the {len(truth['clip_id'])} clips of {listed}, {missing[0]} first: "
            "score all of them, or give the list of those you scored."
        )
    if (rows < 0).any():
        raise NcstError(
            f"{path} holds {(rows < 0).sum()} clips that {listed} does not list, "
            f"{clips[rows < 0][0]} first: score the listed clips alone."
        )
    return {name: truth[name][rows] for name in ("label", *TEXTS) if name in truth}


def _official(config, split, path, clips, codecs):
    entry = config["splits"].get(split, {})
    if "label" in entry:
        return np.full(len(clips), UNLABELLED if entry["label"] is None else entry["label"])
    labels = []
    for clip in clips:
        codec = _codec(clip, codecs) or ("real" if UTTERANCE.fullmatch(clip) else None)
        if codec is None or config["codecs"][codec]["class_id"] is None:
            raise NcstError(
                f"Nothing says of which class {clip} in {path} is: give `--manifest` (or `--labels`), a column label, "
                "or name the split (SPLIT=FILE)."
            )
        labels.append(config["codecs"][codec]["class_id"])
    return np.array(labels)


def _codec(clip, codecs):
    return next((codec for codec in codecs if clip.startswith(f"{codec}_")), None)
