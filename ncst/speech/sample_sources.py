"""Source sets: named, seeded selections of utterances, dealt to shards."""

import logging
from collections import Counter

from ncst.core.seeds import seed_of
from ncst.errors import NcstError
from ncst.formats.index import read_index
from ncst.formats.sources import to_shards, write_sources
from ncst.plan.pools import pool_of
from ncst.plan.sharding import ALL, most
from ncst.speech.id_lists import check_lists, read_ids
from ncst.speech.pairing import TAXONOMIES, pair_spoofs

LOG = logging.getLogger(__name__)


def sample_sources(name, indexes, sources, seed, out_path):
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
        metadata ``ncst`` is JSON: source_set, the number drawn, the listed ids that are ``missing`` from the corpora,
        and the ids that were drawn in their place (``replaced``).

    Raises
    ------
    NcstError
        See `draw`.
    """
    tables = {rows[0]["corpus"]: rows for rows in map(read_index, indexes)}
    rows, missing, replaced = draw(tables, pool_of(name, sources), seed)[name]
    if missing:
        fate = f"replaced by {' '.join(replaced)}" if replaced else "skipped"
        LOG.warning("%s: the corpora lack %d of the listed ids, %s: %s", name, len(missing), fate, " ".join(missing))
    write_sources(out_path, name, rows, missing, replaced)


def draw(tables, sets, seed):
    """Draw the sets of one pool so that none shares an utterance with another.

    Utterances are ranked by a hash of seed and id: what is drawn depends on neither the order of files nor on how
    many there are besides. Each set in turn takes the first of the ranking that fit it and are left; what the list of
    one set names, no other set draws.

    Parameters
    ----------
    tables : dict of list of dict
        Index rows of each corpus.
    sets : dict of dict
        Options of each set, in drawing order: corpora (list), size (int, or ``all`` with shards), shard_size (int), and
        where wanted kind (``bonafide``, ``spoof`` or ``any``), subset (str or list), balance (``language``: equal
        parts; ``vq``, ``aux``, ``dec``: as many bona fide utterances as spoofs of them, see
        `ncst.speech.pairing.pair_spoofs`), ids (file, see `id_lists.read_ids`), missing (``skip`` or ``replace`` the
        listed ids that no corpus has), speaker_disjoint (true in any set: no two sets of the pool share a speaker).
    seed : int

    Returns
    -------
    drawn : dict of (rows, missing, replaced)
        Of each set: index rows with source_set, shard and row, in that order; the listed ids that no corpus has; and
        the ids drawn in their place.

    Raises
    ------
    NcstError
        If a set wants more than there is, its shards do not fit all there is, two corpora share an id, two lists share
        one, or a list fits no corpus.
    """
    rank = _rank({row["utt_id"] for rows in tables.values() for row in rows}, seed)
    _check_ids(tables, sets)
    lists = {name: read_ids(options["ids"]) for name, options in sets.items() if options.get("ids")}
    check_lists(lists, sets)
    fitting = {
        name: [row for corpus in options["corpora"] for row in tables[corpus] if _fits(row, options)]
        for name, options in sets.items()
    }
    if any(options.get("speaker_disjoint") for options in sets.values()):
        fitting = _deal_speakers(fitting, sets, seed)
    taken, drawn = set(), {}
    for name, options in sets.items():
        others = taken.union(*(ids for other, ids in lists.items() if other != name))
        left = [row for row in fitting[name] if row["utt_id"] not in others]
        left.sort(key=lambda row: rank[row["utt_id"]])
        if name in lists:
            chosen, missing, replaced = _choose_listed(name, left, options, lists[name])
        else:
            chosen, missing, replaced = _choose(name, left, options, _wanted(name, left, options)), [], []
        taken.update(row["utt_id"] for row in chosen)
        drawn[name] = (to_shards(name, chosen, options), missing, replaced)
    return drawn


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
    kind = options.get("kind", "any" if options.get("balance") in TAXONOMIES else "bonafide")
    return row["status"] == "ok" and kind in ("any", row["kind"]) and (subsets is None or row["subset"] in subsets)


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
        owner[speaker] = min(candidates, key=lambda name: dealt[name] / most(sets[name]))
        dealt[owner[speaker]] += counts[owner[speaker]][speaker]
    return {
        name: [row for row in rows if owner[row["corpus"], row["speaker"]] == name] for name, rows in eligible.items()
    }


def _wanted(name, found, options):
    """Return how many utterances a set takes of those *found*: its size, or all, which its shards must hold."""
    if options["size"] != ALL:
        return options["size"]
    shards, shard_size = options["shards"], options["shard_size"]
    if found and not shards <= len(found) <= most(options):
        raise NcstError(
            f"Source set {name} takes all {len(found):,} utterances, which do not fit `shards: {shards}` of 1 to "
            f"{shard_size:,} each: set `shards: {max(1, -(-len(found) // shard_size))}` in `sources: {{{name}: ...}}`."
        )
    return len(found)


def _choose(name, left, options, wanted):
    """Take the first rows of the ranking, *wanted* in all."""
    if options.get("balance") in TAXONOMIES:
        left = _paired(name, left, options["balance"], wanted)
    groups = {"": (left, wanted)}
    if options.get("balance") == "language":
        languages = sorted({row["language"] for row in left})
        shares = {language: (wanted + i) // len(languages) for i, language in enumerate(languages)}
        groups = {f" in {key}": ([r for r in left if r["language"] == key], n) for key, n in shares.items()}
    for which, (rows, share) in groups.items():
        if share > len(rows):
            corpora, verb = " and ".join(options["corpora"]), "has" if len(options["corpora"]) == 1 else "have"
            raise NcstError(
                f"Source set {name} wants {share} utterances{which}, but {corpora} {verb} only {len(rows)} left that "
                f"fit: lower `size: {options['size']}` in `sources: {{{name}: ...}}`."
            )
    chosen = {row["utt_id"] for rows, share in groups.values() for row in rows[:share]}
    if not chosen:
        raise NcstError(f"Source set {name} is empty: nothing in {' and '.join(options['corpora'])} fits its options.")
    return [row for row in left if row["utt_id"] in chosen]


def _paired(name, left, taxonomy, wanted):
    """Keep the first utterances of the ranking that have a spoof, and one spoof of each."""
    spoofs = {row["utt_id"]: {} for row in left if row["kind"] == "bonafide"}
    for row in left:
        if row["kind"] == "spoof" and row[taxonomy] and row["parent"] in spoofs:
            spoofs[row["parent"]][row[taxonomy], row["codec"]] = row["utt_id"]
    first = [utt_id for utt_id, found in spoofs.items() if found][: wanted // 2]
    pairs = pair_spoofs({utt_id: spoofs[utt_id] for utt_id in first}, name)
    kept = {*pairs, *pairs.values()}
    return [row for row in left if row["utt_id"] in kept]


def _choose_listed(name, left, options, ids):
    """Take the listed rows, *size* of them; then, where wanted, others in place of the missing ones."""
    present = [row for row in left if row["utt_id"] in ids]
    missing = sorted(ids - {row["utt_id"] for row in present})
    if not present:
        raise NcstError(
            f"Source set {name} is empty: none of the {len(ids)} ids in {options['ids']} (first {min(ids)!r}) is a "
            f"usable recording of {' or '.join(options['corpora'])}: point `ids:` to a list of these corpora."
        )
    wanted = _wanted(name, ids, options)
    if wanted > len(ids):
        raise NcstError(
            f"Source set {name} wants {wanted} utterances, but {options['ids']} lists {len(ids)}: lower its `size`."
        )
    if wanted < len(present):
        return _choose(name, present, options, wanted), missing, []
    if options.get("missing") != "replace":
        return present, missing, []
    others = [row for row in left if row["utt_id"] not in ids]
    others = _choose(name, others, options | {"balance": None}, wanted - len(present)) if missing else []
    return present + others, missing, [row["utt_id"] for row in others]
