"""Source sets: named, seeded selections of utterances, dealt to shards."""

import gzip
import json
import logging
import lzma
from collections import Counter
from pathlib import Path

from ncst.errors import NcstError
from ncst.files import atomic
from ncst.seeds import seed_of

LOG = logging.getLogger(__name__)
PROJECT = Path(__file__).parents[1]


def pool_of(name, sources):
    """Return the options of the sets that share no utterance with set *name* (itself included), in drawing order.

    Sets with the same ``pool`` draw one after the other: by ``order`` where given, else as the config lists them.
    A set without ``pool`` draws alone.

    Parameters
    ----------
    name : str
    sources : dict
        The ``sources`` of the config.
    """
    pool = sources[name].get("pool")
    sets = {key: options for key, options in sources.items() if key == name or (pool and options.get("pool") == pool)}
    return dict(sorted(sets.items(), key=lambda item: item[1].get("order", 0)))


def write_sources(name, indexes, sources, seed, out_path):
    """Draw one source set (and its pool) and write it.

    Parameters
    ----------
    name : str
        A key of *sources*.
    indexes : list of path
        The indexes (Parquet) of the corpora that the pool draws from.
    sources : dict
        The ``sources`` of the config.
    seed : int
    out_path : path
        Parquet file to write: the index's columns, source_set, shard and row, sorted by shard and row. Its schema
        metadata ``ncst`` is JSON: source_set, the number drawn, and the listed ids that are missing from the corpora.

    Raises
    ------
    NcstError
        See `draw`.
    """
    import pyarrow.parquet as pq

    from ncst.probe import SCHEMA

    tables = {}
    for path in indexes:
        rows = pq.read_table(path, schema=SCHEMA).to_pylist()
        tables[rows[0]["corpus"]] = rows
    rows, missing = draw(tables, pool_of(name, sources), seed)[name]
    if missing:
        LOG.warning("%s: the corpora lack %d of the listed ids: %s", name, len(missing), " ".join(missing))
    write_table(name, rows, missing, out_path)


def write_table(name, rows, missing, out_path):
    """Write the *rows* of a source set, and the ids that are *missing*, as `write_sources` describes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from ncst.probe import SCHEMA

    metadata = {"ncst": json.dumps({"source_set": name, "drawn": len(rows), "missing": missing})}
    columns = [pa.field("source_set", pa.string()), pa.field("shard", pa.string()), pa.field("row", pa.int32())]
    with atomic(out_path) as temporary:
        table = pa.Table.from_pylist(rows, schema=pa.schema([*SCHEMA, *columns], metadata=metadata))
        pq.write_table(table, temporary, compression="zstd")


def draw(tables, sets, seed):
    """Draw the sets of one pool so that none shares an utterance with another.

    Utterances are ranked by a hash of seed and id: what is drawn depends on neither the order of files nor on how
    many there are besides. Each set in turn takes the first of the ranking that fit it and are left.

    Parameters
    ----------
    tables : dict of list of dict
        Index rows of each corpus.
    sets : dict of dict
        Options of each set, in drawing order: corpora (list), size, shard_size (int), and where wanted
        kind (``bonafide`` or ``spoof``), subset (str or list), balance (``language``: equal parts), ids
        (file of utterance ids, may be .xz or .gz; relative to the working folder or to the project),
        speaker_disjoint (true in any set: no two sets of the pool share a speaker).
    seed : int

    Returns
    -------
    drawn : dict of (rows, missing)
        Of each set: index rows with source_set, shard and row, in that order; and the listed ids that no corpus has.

    Raises
    ------
    NcstError
        If a set wants more than there is, or two corpora share an id.
    """
    rank = _rank({row["utt_id"] for rows in tables.values() for row in rows}, seed)
    _check_ids(tables, sets)
    eligible, missing, wanted = {}, {}, {}
    for name, options in sets.items():
        eligible[name] = [row for corpus in options["corpora"] for row in tables[corpus] if _fits(row, options)]
        missing[name], wanted[name] = [], options["size"]
        if options.get("ids"):
            ids = read_ids(options["ids"])
            present = {row["utt_id"] for row in eligible[name]}
            missing[name] = sorted(ids - present)
            eligible[name] = [row for row in eligible[name] if row["utt_id"] in ids]
            if options["size"] <= len(ids):
                wanted[name] = min(options["size"], len(present & ids))
    if any(options.get("speaker_disjoint") for options in sets.values()):
        eligible = _deal_speakers(eligible, sets, seed)
    taken, drawn = set(), {}
    for name, options in sets.items():
        left = [row for row in eligible[name] if row["utt_id"] not in taken]
        left.sort(key=lambda row: rank[row["utt_id"]])
        chosen = _choose(name, left, options, wanted[name])
        taken.update(row["utt_id"] for row in chosen)
        drawn[name] = (to_shards(name, chosen, options), missing[name])
    return drawn


def read_ids(path):
    """Return the set of ids in a text file, one per line, plain or .xz or .gz.

    Raises
    ------
    NcstError
        If there is no such file, or it names nothing.
    """
    found = next((p for p in (Path(path), PROJECT / path) if p.is_file()), None)
    if found is None:
        raise NcstError(f"There is no list of ids at {path}: set `ids:` of the source set to an existing file.")
    opener = {".xz": lzma.open, ".gz": gzip.open}.get(found.suffix, open)
    with opener(found, "rt", encoding="utf-8") as file:
        ids = {line.strip() for line in file} - {""}
    if not ids:
        raise NcstError(f"The list of ids {found} is empty: write one utterance id per line.")
    return ids


def _rank(ids, seed):
    return {utt_id: (seed_of(seed, utt_id), utt_id) for utt_id in ids}


def _check_ids(tables, sets):
    owners = {}
    for corpus in dict.fromkeys(corpus for options in sets.values() for corpus in options["corpora"]):
        for row in tables[corpus]:
            other = owners.setdefault(row["utt_id"], row)
            if other is not row:
                raise NcstError(
                    f"{other['path']} and {row['path']} are both named {row['utt_id']!r}: rename one, or give the "
                    f"source sets that draw from {other['corpus']} and {row['corpus']} different pools."
                )


def _fits(row, options):
    subsets = options.get("subset")
    subsets = [subsets] if isinstance(subsets, str) else subsets
    return (
        row["status"] == "ok"
        and row["kind"] == options.get("kind", "bonafide")
        and (subsets is None or row["subset"] in subsets)
    )


def _deal_speakers(eligible, sets, seed):
    """Give each speaker to one set, in hashed order, to the one whose share of what it wants is lowest."""
    for name, options in sets.items():
        if options.get("ids"):
            raise NcstError(
                f"Source set {name} cannot have `ids:` in a pool that is `speaker_disjoint`: remove one of them."
            )
    counts = {name: Counter((row["corpus"], row["speaker"]) for row in rows) for name, rows in eligible.items()}
    speakers = sorted({s for count in counts.values() for s in count}, key=lambda s: (seed_of(seed, "speaker", *s), s))
    dealt, owner = dict.fromkeys(sets, 0), {}
    for speaker in speakers:
        candidates = [name for name in sets if counts[name][speaker]]
        owner[speaker] = min(candidates, key=lambda name: dealt[name] / sets[name]["size"])
        dealt[owner[speaker]] += counts[owner[speaker]][speaker]
    return {
        name: [row for row in rows if owner[row["corpus"], row["speaker"]] == name] for name, rows in eligible.items()
    }


def _choose(name, left, options, wanted):
    """Take the first rows of the ranking, *wanted* in all."""
    groups = {"": (left, wanted)}
    if options.get("balance") == "language":
        languages = sorted({row["language"] for row in left})
        shares = {language: (wanted + i) // len(languages) for i, language in enumerate(languages)}
        groups = {f" in {key}": ([r for r in left if r["language"] == key], n) for key, n in shares.items()}
    for which, (rows, share) in groups.items():
        if share > len(rows):
            raise NcstError(
                f"Source set {name} wants {share} utterances{which}, but {' and '.join(options['corpora'])} have only "
                f"{len(rows)} left that fit: lower `size: {options['size']}` in `sources: {{{name}: ...}}`."
            )
    chosen = {row["utt_id"] for rows, share in groups.values() for row in rows[:share]}
    if not chosen:
        raise NcstError(f"Source set {name} is empty: nothing in {' and '.join(options['corpora'])} fits its options.")
    return [row for row in left if row["utt_id"] in chosen]


def ranked(rows, seed):
    """Return *rows* in the order in which sets draw them: by a hash of seed and id."""
    return sorted(rows, key=lambda row: (seed_of(seed, row["utt_id"]), row["utt_id"]))


def to_shards(name, rows, options):
    """Cut the ranking into shards of nearly equal size, whose number follows from the config alone."""
    from ncst.plan import shard_names

    shards = shard_names(options["size"], options["shard_size"])
    bounds = [len(rows) * i // len(shards) for i in range(len(shards) + 1)]
    return [
        {**row, "source_set": name, "shard": shard, "row": position}
        for shard, start, end in zip(shards, bounds, bounds[1:])
        for position, row in enumerate(rows[start:end])
    ]
