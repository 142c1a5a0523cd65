"""The source sets of the official release, as its index has them."""

from ncst.formats import release
from ncst.formats.index import SCHEMA
from ncst.formats.sources import ranked, to_shards, write_sources


def list_release(name, clips, utterances, options, seed, out):
    """Write a source set as the release has it: its utterances, dealt to shards in the order of `sample_sources.draw`.

    Parameters
    ----------
    name : str
        The source set.
    clips, utterances : path
        Tables of `ncst.exchange.index_release.index_release`.
    options : dict
        The source set's options, for ``size`` and ``shard_size``.
    seed : int
        Ranks the utterances.
    out : path
        The file to write, see `ncst.formats.sources.write_sources`.

    Raises
    ------
    NcstError
        If a table is unreadable.
    """
    real = {row["utt_id"]: row for row in release.read_rows(clips, source_set=name, codec="real")}
    rows = []
    for row in release.read_rows(utterances, source_set=name):
        clip = real.get(row["utt_id"], {})
        facts = {key: clip.get(key) for key in ("path", "duration", "sample_rate")}
        rows.append(dict.fromkeys(SCHEMA.names) | row | facts | {"kind": "bonafide", "status": "ok"})
    write_sources(out, name, to_shards(name, ranked(rows, seed), options), [])
