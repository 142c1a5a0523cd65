"""Export: the clips of splits as audio files that need nothing of this project to be read."""

import io
import json
import tarfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from ncst.core.csv_text import csv_text
from ncst.core.files import atomic_folder
from ncst.core.names import file_stem, key_of
from ncst.core.waveforms import SAMPLE_RATE, encode_flac, to_pcm
from ncst.errors import NcstError
from ncst.formats import dataset_card
from ncst.formats.manifests import SCHEMA, read_manifest
from ncst.formats.shards import huggingface_type, iter_clips
from ncst.formats.sources import read_columns
from ncst.plan import paths
from ncst.plan.official_release import CORPORA, FOLDERS, LISTS, UTTERANCES

FACTS = (
    *("clip_id", "utt_id", "label", "codec", "source_set", "corpus", "speaker", "language", "gender"),
    *("vq", "aux", "dec", "bitrate_kbps", "duration"),
)
CLIPS_PER_TAR = 1000
TABLE = pa.schema([("file_name", pa.string()), *map(SCHEMA.field, FACTS)])
ABOUT = """
Clips of splits at 16 kHz, exported from {results}. A file or WebDataset key bears the id of its clip, percent-encoded
where it has blanks or one of `% : * ? " < > |`, a key also where it has a dot: Python's `urllib.parse.unquote` gives
the id back. `datasets.load_dataset` of this folder has a split for each of them, with every clip.
"""
READING = {
    "audio": "`datasets` reads audio files through `torchcodec`, which needs FFmpeg; without them, the Parquet table "
    "of a split names its files and `soundfile` reads them.",
    "flac": "`flac` are bytes: `soundfile` reads them, and `cast_column('flac', datasets.Audio())` decodes them "
    "through `torchcodec`, which needs FFmpeg.",
}


def export(results, out, layout, splits=None, progress=iter):
    """Write the clips of *splits* in one of the `LAYOUTS` into the new folder *out*, whole or not at all.

    ``wav``: a folder per split with 16-bit mono 16 kHz files and ``metadata.csv``. ``webdataset``: tar files of FLAC
    and JSON, up to 1,000 clips each, the same bytes every time. ``st-codecfake``: the tree of the official release,
    which the authors' scripts read. Each has a dataset card by which Hugging Face's `datasets` finds every clip, and a
    file or key bears the id of its clip, see `ncst.core.names`.

    Parameters
    ----------
    results : path
        ``results/<name>``.
    out : path
        A folder that does not exist yet.
    layout : {"st-codecfake", "wav", "webdataset"}
    splits : list of str, optional
        Default: every split that has a manifest, and in the layout ``st-codecfake`` a place.
    progress : callable
        Wraps the list of shards to be read, e.g. in a progress bar.

    Returns
    -------
    dict
        Number of clips written by split.

    Raises
    ------
    NcstError
        If *out* exists, a split has no manifest or no place in the layout, an id can name no file, two clips are one
        file, or one cannot be read or written.
    """
    results = Path(results)
    if layout not in LAYOUTS:
        raise NcstError(f"There is no layout {layout!r}: use one of {list(LAYOUTS)}.")
    manifests = _manifests(results, splits)
    with atomic_folder(out) as folder:
        return LAYOUTS[layout](results, folder, manifests, bool(splits), progress)


def _manifests(results, splits):
    found = {names["split"]: path for path, names in paths.find(results, paths.MANIFEST).items()}
    unknown = [split for split in splits or () if split not in found]
    if not found:
        raise NcstError(f"{results} has no manifests: name the results folder of a run, such as results/demo.")
    if unknown:
        raise NcstError(f"{results} has no splits {unknown}: use some of {list(found)}.")
    manifests = {split: read_manifest(found[split]) for split in splits or found}
    for split, manifest in manifests.items():
        names = Counter(map(file_stem, manifest["clip_id"].to_pylist()))
        if len(names) < len(manifest):
            raise NcstError(f"{found[split]} names the clip {max(names, key=names.get)} twice: run the workflow again.")
    return manifests


def _clips(results, manifest, progress):
    """Yield (manifest row, samples) shard by shard, one row group in memory at a time."""
    by_shard = {}
    for row in manifest.to_pylist():
        by_shard.setdefault(row["shard_file"], {})[row["row"]] = row
    for shard in progress(sorted(by_shard)):
        wanted = by_shard[shard]
        for number, (_, samples) in enumerate(iter_clips(results / paths.AUDIO / shard)):
            if number in wanted:
                yield wanted[number], samples


def _write_wav(path, samples):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise NcstError(
            f"Two clips would be the file {path.name} of {path.parent.name}: export fewer splits at a time."
        )
    soundfile.write(path, to_pcm(samples), SAMPLE_RATE, subtype="PCM_16")


def _write_audio_card(results, folder, listed):
    """Write the card of *listed*, {split: (pattern, [facts with file_name])}, and the typed tables that it needs.

    Text tables do not do: `datasets` guesses the types of each anew, and refuses splits in which they differ.
    """
    plain, splits = dataset_card.plain_names(listed), {}
    for split, (pattern, rows) in listed.items():
        table = f"{plain[split]}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, TABLE), folder / table)
        audio = [pattern] * (2 if len(rows) == 1 else 1)  # for `datasets`, one file and one table are tables
        splits[plain[split]] = [*audio, table]
    options = {"metadata_filenames": [files[-1] for files in splits.values()]}
    _write_card(results, folder, splits, "audio", options)


def _write_card(results, folder, splits, column, options=None, features=()):
    text = f"{ABOUT.format(results=results.name)}\n{READING[column]}"
    dataset_card.write(folder / "README.md", results.name, text, {"default": splits}, options, features)


def _wav(results, folder, manifests, named, progress):
    listed = {}
    for split, manifest in manifests.items():
        (folder / split).mkdir(parents=True)
        rows = []
        for row, samples in _clips(results, manifest, progress):
            name = f"{file_stem(row['clip_id'])}.wav"
            _write_wav(folder / split / name, samples)
            rows.append({**row, "file_name": name})
        table = csv_text(TABLE.names, ([row[name] for name in TABLE.names] for row in rows))
        (folder / split / "metadata.csv").write_text(table, encoding="utf-8")
        listed[split] = f"{split}/*.wav", [{**row, "file_name": f"{split}/{row['file_name']}"} for row in rows]
    _write_audio_card(results, folder, listed)
    return {split: len(manifest) for split, manifest in manifests.items()}


def _webdataset(results, folder, manifests, named, progress):
    for split, manifest in manifests.items():
        tar = None
        for number, (row, samples) in enumerate(_clips(results, manifest, progress)):
            if number % CLIPS_PER_TAR == 0:
                tar = _next_tar(tar, folder / f"{split}-{number // CLIPS_PER_TAR:06d}.tar")
            key, facts = key_of(row["clip_id"]), {name: row[name] for name in FACTS}
            _add(tar, f"{key}.flac", encode_flac(samples))
            _add(tar, f"{key}.json", json.dumps(facts, ensure_ascii=False).encode())
        tar.close()
    plain = dataset_card.plain_names(manifests)
    facts = [{"name": name, "dtype": huggingface_type(SCHEMA.field(name).type)} for name in FACTS]
    features = [{"name": "flac", "dtype": "binary"}, {"name": "json", "struct": facts}]
    features += [{"name": name, "dtype": "string"} for name in ("__key__", "__url__")]
    splits = {plain[split]: [f"{split}-??????.tar"] for split in manifests}
    _write_card(results, folder, splits, "flac", features=features)
    return {split: len(manifest) for split, manifest in manifests.items()}


def _next_tar(previous, path):
    if previous:
        previous.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    return tarfile.open(path, "w", format=tarfile.PAX_FORMAT)


def _add(tar, name, content):
    """Add a file whose owner and dates are nobody's, so that equal clips give equal bytes."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _st_codecfake(results, folder, manifests, named, progress):
    lists = {split: (name, place) for name, (place, _, _, split) in LISTS.items()}
    places = {split: place for place, (*_, split) in (FOLDERS | CORPORA).items()}
    listed, sets = {}, set()
    for split, manifest in manifests.items():
        if split not in lists and split not in places:
            if named:
                raise NcstError(
                    f"The official release has no place for the split {split!r}: use `--layout wav` for it."
                )
            continue
        place = lists[split][1] if split in lists else places[split]
        rows, labels = [], []
        for row, samples in _clips(results, manifest, progress):
            name = file_stem(row["clip_id"])
            if place.startswith("ID_diff_config"):
                name = f"{Path(place).name}_{file_stem(row['utt_id'])}"
            labels.append(f"{name}.wav {'fake' if row['label'] else 'real'} {row['label']}\n")
            _write_wav(folder / place / f"{name}.wav", samples)
            rows.append({**row, "file_name": f"{place}/{name}.wav"})
        if split in lists:
            path = folder / lists[split][0]
            path.parent.mkdir(exist_ok=True)
            path.write_text("".join(labels), encoding="utf-8")
        listed[split] = f"{place}/*.wav", rows
        if place not in CORPORA:
            sets |= set(manifest["source_set"].to_pylist())
    if not listed:
        raise NcstError(f"None of {list(manifests)} has a place in the official release: use `--layout wav`.")
    if sets:
        _write_utterances(results, sorted(sets), folder / UTTERANCES)
    _write_audio_card(results, folder, listed)
    return {split: len(rows) for split, (_, rows) in listed.items()}


def _write_utterances(results, sets, path):
    """Write what the ids alone do not say, so that the tree can be imported as it was."""
    columns = ["source_set", "utt_id", "corpus", "speaker", "language", "gender"]
    tables = [read_columns(paths.place(results, paths.SOURCES, source_set=name), columns) for name in sets]
    path.parent.mkdir(exist_ok=True)
    rows = pa.concat_tables(tables).select(columns).to_pylist()
    path.write_text(csv_text(columns, (row.values() for row in rows)), encoding="utf-8")


LAYOUTS = {"st-codecfake": _st_codecfake, "wav": _wav, "webdataset": _webdataset}
