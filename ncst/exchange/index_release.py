"""The index of the official release: every clip, checked against the lists, the counts, the rates and itself."""

import json
import logging
from collections import Counter
from itertools import combinations
from pathlib import Path

from ncst.core.files import atomic
from ncst.core.seeds import seed_of
from ncst.core.waveforms import SAMPLE_RATE, UnusableAudio, read_audio
from ncst.errors import NcstError
from ncst.exchange.release_listing import describe, list_clips, read_utterances
from ncst.formats.release import CLIPS, UTTERANCES, write_rows
from ncst.plan.official_release import FOLDERS, SOURCES
from ncst.speech.index_corpus import probe

log = logging.getLogger(__name__)

COMPARED = 100


def index_release(release, codecs, sizes, clips_out, utterances_out, report_out, workers=None):
    """Check the release and write what it holds.

    Parameters
    ----------
    release : dict
        The ``release`` of the config: its folder ``root``; ``copy``, whether the audio will be repacked, so that any
        sampling rate will do; ``partial``, whether to take what is there where counts, lists and folders differ.
    codecs : dict
        The ``codecs`` of the config.
    sizes : dict of int
        Utterances that each source set must have.
    clips_out, utterances_out : path
        The tables of `ncst.formats.release`.
    report_out : path
        JSON: clips by source set, codec and sampling rate, and codecs whose audio is the same.
    workers : int, optional
        Threads that read headers.

    Raises
    ------
    NcstError
        See `release_listing.list_clips`; or if counts differ, or a clip is not 16 kHz and not to be repacked.
    """
    root = release["root"]
    clips = list_clips(root, codecs, release["partial"])
    if not clips:
        raise NcstError(f"{root} holds no clip of the release: unpack both archives into it.")
    utterances = _utterances(root, clips)
    if not release["partial"]:
        _check_counts(root, clips, utterances, sizes)
    _add_headers(clips, workers)
    if not release["copy"]:
        _check_rates(clips)
    report = {"root": str(root), "clips": _count(clips), "same_audio": same_audio(clips)}
    for same in report["same_audio"]:
        log.warning("%(source_set)s: %(first)s and %(second)s are the same audio (%(equal)d of %(compared)d)", same)
    write_rows(clips_out, sorted(clips, key=lambda clip: (clip["source_set"], clip["codec"], clip["utt_id"])), CLIPS)
    write_rows(utterances_out, utterances, UTTERANCES)
    with atomic(report_out) as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _add_headers(clips, workers):
    for clip, header in zip(clips, probe([clip["path"] for clip in clips], workers=workers), strict=True):
        clip |= {"duration": header["duration"], "sample_rate": header["sample_rate"]}
        if header["reason"]:
            log.warning("%s: %s", clip["path"], header["reason"])


def same_audio(clips):
    """Compare the samples of up to 100 utterances between all codecs of a source set.

    Parameters
    ----------
    clips : list of dict
        ``source_set, codec, utt_id, path``.

    Returns
    -------
    list of dict
        ``source_set, first, second, compared, equal`` of each two codecs with equal clips.
    """
    found = []
    for source_set in SOURCES:
        paths = {}
        for clip in clips:
            if clip["source_set"] == source_set:
                paths.setdefault(clip["utt_id"], {})[clip["codec"]] = clip["path"]
        equal, compared = Counter(), Counter()
        for utt_id in sorted(paths, key=lambda utt_id: seed_of(utt_id))[:COMPARED]:
            samples = {codec: _content(path) for codec, path in paths[utt_id].items()}
            for pair in combinations(sorted(samples), 2):
                compared[pair] += 1
                equal[pair] += samples[pair[0]] is not None and samples[pair[0]] == samples[pair[1]]
        found += [
            {"source_set": source_set, "first": a, "second": b, "compared": compared[a, b], "equal": equal[a, b]}
            for a, b in sorted(compared)
            if equal[a, b]
        ]
    return found


def _content(path):
    try:
        return read_audio(path)[0].tobytes()
    except UnusableAudio:
        return None


def _utterances(root, clips):
    """Return the utterances of each source set, as the release's own table or else their ids describe them."""
    rows = {source_set: dict(table) for source_set, table in read_utterances(root).items()}
    unlisted = {(source_set, codec) for source_set, codec, _ in FOLDERS.values() if source_set != "ncssd"}
    for clip in clips:
        source_set, utt_id = clip["source_set"], clip["utt_id"]
        if (source_set, clip["codec"]) not in unlisted:
            facts = {"source_set": source_set, "utt_id": utt_id, **describe(utt_id)}
            rows.setdefault(source_set, {}).setdefault(utt_id, facts)
    return [row for table in rows.values() for row in table.values()]


def _check_counts(root, clips, utterances, sizes):
    known = {}
    for row in utterances:
        known.setdefault(row["source_set"], set()).add(row["utt_id"])
    for source_set, ids in known.items():
        if len(ids) != sizes.get(source_set, len(ids)):
            raise NcstError(
                f"{root} has {len(ids):,} utterances of {source_set}, not {sizes[source_set]:,}: unpack it again, or "
                f"set `sources: {{{source_set}: {{size: {len(ids)}}}}}`."
            )
    for folder, (source_set, codec, _) in FOLDERS.items():
        have = {clip["utt_id"] for clip in clips if (clip["source_set"], clip["codec"]) == (source_set, codec)}
        missing, extra = sorted(known.get(source_set, set()) - have), sorted(have - known.get(source_set, set()))
        if have and (missing or extra):
            raise NcstError(
                f"{Path(root, folder)} lacks {len(missing)} of the {len(known.get(source_set, ()))} utterances of "
                f"{source_set} and has {len(extra)} others, {(missing or extra)[0]!r} first: unpack the archive again, "
                "or set `release: {partial: true}`."
            )


def _check_rates(clips):
    other = [clip for clip in clips if clip["sample_rate"] not in (SAMPLE_RATE, None)]
    if other:
        raise NcstError(
            f"{other[0]['path']} and {len(other) - 1} other clips are not at {SAMPLE_RATE} Hz but at "
            f"{sorted({clip['sample_rate'] for clip in other})}: set `release: {{copy: true}}`, which resamples them."
        )


def _count(clips):
    """Return the number of clips by source set, codec and sampling rate."""
    counts = {}
    for clip in clips:
        by_rate = counts.setdefault(clip["source_set"], {}).setdefault(clip["codec"], Counter())
        by_rate[clip["sample_rate"]] += 1
    return counts
