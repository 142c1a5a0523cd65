"""The audio of the official release as shards: the files themselves (pointers) or repacked as FLAC."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ncst.audio.delay import estimate_delay_ms
from ncst.core.waveforms import UnusableAudio, fit_length, read_audio, resample
from ncst.formats import release
from ncst.formats.shards import clip_id, codec_columns, failed_columns, ok_columns, write_shard
from ncst.formats.sources import read_shard

log = logging.getLogger(__name__)
ABSENT = "not in the release"


def import_release(sources, shard, index, name, entry, out, copy=False, threads=1):
    """Write one shard of released audio, row for row as the source set lists its utterances.

    Every file is read once, so that a damaged one becomes a row with status ``failed``; so does an utterance that the
    release lacks. Delays are measured where there is the real utterance.

    Parameters
    ----------
    sources : path
        The source set's table.
    shard : str
        Shard id.
    index : path
        Table of clips of `ncst.exchange.index_release.index_release`.
    name, entry : str, dict
        The codec and its entry as `ncst.plan.entries.codec_entry` returns it.
    out : path
        The shard to write.
    copy : bool
        Repack as 16 kHz FLAC; else the shard points at the files.
    threads : int
        Files read at a time.

    Raises
    ------
    NcstError
        If a table is unreadable.
    """
    rows = read_shard(sources, shard)
    found = release.read_rows(index, source_set=rows[0]["source_set"], codec=name)
    paths = {row["utt_id"]: row["path"] for row in found}
    columns = codec_columns(name, entry, entry["class_id"], traced=True)

    def clip(row):
        result = {k: row[k] for k in ("utt_id", "source_set", "corpus", "speaker", "language", "gender")}
        result |= columns | {"clip_id": clip_id(name, row["utt_id"])}
        path = paths.get(row["utt_id"])
        if path is None:
            return result | failed_columns(ABSENT, None)
        try:
            samples, rate = read_audio(path)
        except UnusableAudio as error:
            return result | failed_columns(str(error), None)
        samples = resample(samples, rate)
        delay = 0.0 if name == "real" else row["path"] and _delay_ms(row["path"], samples)
        return result | ok_columns(samples, rate, delay, audio=None if copy else Path(path))

    with ThreadPoolExecutor(threads) as pool:
        clips = list(pool.map(clip, rows))
    failed = [row for row in clips if row["status"] != "ok"]
    log.info("%s: %d clips, %d failed", out, len(clips), len(failed))
    for row in failed:
        log.warning("%s: %s", row["clip_id"], row["reason"])
    write_shard(out, clips)


def _delay_ms(real_path, samples):
    try:
        real, rate = read_audio(real_path)
    except UnusableAudio:
        return None
    real = resample(real, rate)
    return estimate_delay_ms(real, fit_length(samples, len(real)))
