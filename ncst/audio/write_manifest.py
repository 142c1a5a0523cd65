"""Splits: which clips, with which label. A manifest points into shards and copies no audio."""

import json
import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ncst.core.seeds import seed_of
from ncst.core.waveforms import SAMPLE_RATE
from ncst.errors import NcstError
from ncst.formats import manifests
from ncst.formats.shards import read_columns
from ncst.plan import sharding
from ncst.speech.pairing import pair_spoofs

log = logging.getLogger(__name__)

SHARD_COLUMNS = [
    *("clip_id", "utt_id", "label", "codec", "source_set", "corpus", "speaker", "language", "gender"),
    *("vq", "aux", "dec", "bitrate_kbps", "duration"),
]


def write_manifest(split, entry, shard_files, audio, out, seed=0):
    """Collect the usable clips of *shard_files* into the manifest of *split*.

    Parameters
    ----------
    split : str
        The split's name.
    entry : dict
        Its entry of ``config/splits.yaml``; ``label`` there overrides the clips' own, ``balance`` pairs each bona fide
        utterance with one spoof (see `pair_up`), ``real_ratio`` leaves clips out (`thin`), and the role
        ``taxonomy`` labels bona fide 0 and spoof 1, the role ``unlabelled`` nothing.
    shard_files : list of path
        Shards below the folder *audio*, in the order of the manifest.
    audio : path
        ``<results>/audio``; pointers are relative to it.
    out : path
        Manifest to write. Its metadata key ``ncst`` holds the counts of usable and failed clips and the SHA-256 of
        every shard's audio.
    seed : int
        Of the draw of a balanced split.

    Raises
    ------
    NcstError
        If a clip occurs twice, has no label, is not 16 kHz, or nothing is usable.
    """
    tables, failed, digests = [], {}, {}
    for path in map(Path, shard_files):
        table = read_columns(path, [*SHARD_COLUMNS, "status"])
        metadata = table.schema.metadata
        rate = json.loads(metadata[b"huggingface"])["info"]["features"]["audio"]["sampling_rate"]
        if rate != SAMPLE_RATE:
            raise NcstError(f"{path} holds {rate} Hz audio, not {SAMPLE_RATE}: delete it and run again.")
        pointer = path.relative_to(audio).as_posix()
        digests[pointer] = metadata[b"audio_sha256"].decode()
        table = table.append_column("shard_file", pa.array([pointer] * len(table)))
        table = table.append_column("row", pa.array(np.arange(len(table), dtype=np.int32)))
        usable = pc.equal(table["status"], "ok")
        lost = len(table) - pc.sum(usable).as_py()
        if lost:
            codec = table["codec"][0].as_py()
            failed[codec] = failed.get(codec, 0) + lost
        tables.append(table.filter(usable).drop_columns("status"))
    table = pa.concat_tables(tables)
    table = table.append_column("split", pa.array([split] * len(table)))
    if entry.get("real_ratio"):
        table = thin(table, entry["real_ratio"], seed)
    if entry.get("balance"):
        table = pair_up(table, entry["balance"], seed_of(seed, split))
    if entry.get("role") == "taxonomy":
        table = _with_labels(table, pc.fill_null(pc.not_equal(table["vq"], "real"), True).cast(pa.int16()))
    elif entry.get("role") == "unlabelled":
        table = _with_labels(table, pa.nulls(len(table), pa.int16()))
    elif entry.get("label") is not None:
        table = _with_labels(table, pa.array(np.full(len(table), entry["label"], dtype=np.int16)))
    _check(split, table, labelled=entry.get("role") != "unlabelled")
    manifests.write_manifest(out, table, {"clips": len(table), "failed": failed, "audio_sha256": digests})
    log.info("%s: %d clips, failed per codec: %s", split, len(table), failed or "none")


def thin(table, ratio, seed):
    """Leave out clips of real speech or of codecs until there are *ratio* real clips for each one of a codec.

    All of the scarcer kind stay. Which clips of the other stay is decided by a hash of their utterance, equally many
    of each codec, so that the lists of several ratios lie within each other and codecs keep the same utterances.

    Parameters
    ----------
    table : pyarrow.Table
        Clips with the columns ``utt_id`` and ``codec``.
    ratio : float
    seed : int

    Returns
    -------
    pyarrow.Table
        The rows kept, in their order.
    """
    codec = np.array(table["codec"].to_pylist())
    rank = np.array([seed_of(seed, utt_id) for utt_id in table["utt_id"].to_pylist()])
    real = codec == "real"
    if not 0 < real.sum() < len(real):
        raise NcstError("A split with `real_ratio` needs clips of real speech and of codecs: see config/splits.yaml.")
    wanted = sharding.kept(int(real.sum()), int((~real).sum()), ratio)
    keep = np.zeros(len(table), bool)
    for kind, count in zip((real, ~real), wanted):
        names = np.unique(codec[kind])
        counts = np.diff(np.round(np.linspace(0, count, len(names) + 1)).astype(int))
        for name, some in zip(names, counts):
            rows = np.flatnonzero(codec == name)
            keep[rows[np.argsort(rank[rows], kind="stable")[:some]]] = True
    return table.filter(pa.array(keep))


def pair_up(table, taxonomy, seed):
    """Keep each bona fide utterance and one spoof of it, chosen by `ncst.speech.pairing.pair_spoofs`.

    Parameters
    ----------
    table : pyarrow.Table
        Clips with the columns ``utt_id``, ``codec`` and *taxonomy*, where ``real`` is bona fide.
    taxonomy : {"vq", "aux", "dec"}
    seed : int

    Returns
    -------
    pyarrow.Table
        The rows kept, in their order; an utterance that lacks the bona fide clip or every spoof is left out.
    """
    bonafide, spoofs = {}, {}
    columns = (table[name].to_pylist() for name in ("utt_id", "codec", taxonomy))
    for row, (utt_id, codec, kind) in enumerate(zip(*columns, strict=True)):
        if kind == "real":
            bonafide[utt_id] = row
        elif kind is not None:
            spoofs.setdefault(utt_id, {})[kind, codec] = row
    chosen = pair_spoofs({utt_id: spoofs[utt_id] for utt_id in bonafide.keys() & spoofs.keys()}, seed)
    return table.take(sorted([bonafide[utt_id] for utt_id in chosen] + list(chosen.values())))


def _with_labels(table, labels):
    return table.set_column(table.column_names.index("label"), "label", labels)


def _check(split, table, labelled):
    if not len(table):
        raise NcstError(f"The split {split!r} has no usable clip: see the reasons in its audio shards and their logs.")
    if labelled and table["label"].null_count:
        codec = table.filter(pc.is_null(table["label"]))["codec"][0].as_py()
        raise NcstError(
            f"The split {split!r} has clips of {codec!r} without a class: set class_id in config/codecs.yaml or "
            "label in config/splits.yaml."
        )
    counts = table["clip_id"].value_counts()
    twice = pc.filter(counts.field("values"), pc.greater(counts.field("counts"), 1))
    if len(twice):
        raise NcstError(
            f"The split {split!r} has {len(twice)} clips twice, first {twice[0].as_py()!r}: two of its pairs "
            "overlap in config/splits.yaml."
        )
