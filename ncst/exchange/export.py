"""Export: the clips of splits as audio files that need nothing of this project to be read."""

import csv
import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import soundfile

from ncst.core.files import atomic_folder
from ncst.core.waveforms import SAMPLE_RATE, encode_flac, to_pcm
from ncst.errors import NcstError
from ncst.formats.manifests import read_manifest
from ncst.formats.shards import iter_clips
from ncst.formats.sources import read_columns
from ncst.plan import paths
from ncst.plan.official_release import CORPORA, FOLDERS, LISTS, UTTERANCES

FACTS = (
    *("clip_id", "utt_id", "label", "codec", "source_set", "corpus", "speaker", "language", "gender"),
    *("vq", "aux", "dec", "bitrate_kbps", "duration"),
)
CLIPS_PER_TAR = 1000


def export(results, out, layout, splits=None, progress=iter):
    """Write the clips of *splits* in one of the `LAYOUTS` into the new folder *out*, whole or not at all.

    ``wav``: a folder per split with 16-bit mono 16 kHz files and ``metadata.csv``, which Hugging Face's audiofolder
    reads. ``webdataset``: tar files of FLAC and JSON, up to 1,000 clips each, the same bytes every time.
    ``st-codecfake``: the tree of the official release, which the authors' scripts read.

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
        If *out* exists, a split has no manifest or no place in the layout, or a file cannot be read or written.
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
    if unknown or not found:
        raise NcstError(
            f"{results} has no manifest of {unknown or 'any split'}; it has {list(found)}: run the workflow."
        )
    return {split: read_manifest(found[split]) for split in splits or found}


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
    soundfile.write(path, to_pcm(samples), SAMPLE_RATE, subtype="PCM_16")


def _wav(results, folder, manifests, named, progress):
    for split, manifest in manifests.items():
        (folder / split).mkdir(parents=True)
        with (folder / split / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, ["file_name", *FACTS], extrasaction="ignore", lineterminator="\n")
            table.writeheader()
            for row, samples in _clips(results, manifest, progress):
                name = f"{row['clip_id']}.wav"
                _write_wav(folder / split / name, samples)
                table.writerow({"file_name": name, **row})
    return {split: len(manifest) for split, manifest in manifests.items()}


def _webdataset(results, folder, manifests, named, progress):
    for split, manifest in manifests.items():
        tar = None
        for number, (row, samples) in enumerate(_clips(results, manifest, progress)):
            if number % CLIPS_PER_TAR == 0:
                tar = _next_tar(tar, folder / f"{split}-{number // CLIPS_PER_TAR:06d}.tar")
            facts = json.dumps({key: row[key] for key in FACTS}, ensure_ascii=False)
            _add(tar, f"{number:08d}.flac", encode_flac(samples))
            _add(tar, f"{number:08d}.json", facts.encode())
        tar.close()
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
    counts, sets = {}, set()
    for split, manifest in manifests.items():
        if split not in lists and split not in places:
            if named:
                raise NcstError(
                    f"The official release has no place for the split {split!r}: use `--layout wav` for it."
                )
            continue
        place = lists[split][1] if split in lists else places[split]
        lines = []
        for row, samples in _clips(results, manifest, progress):
            name = row["clip_id"]
            if place.startswith("ID_diff_config"):
                name = f"{Path(place).name}_{row['utt_id']}"
            if split in lists:
                lines.append(f"{name}.wav {'fake' if row['label'] else 'real'} {row['label']}\n")
            _write_wav(folder / place / f"{name}.wav", samples)
        if lines:
            path = folder / lists[split][0]
            path.parent.mkdir(exist_ok=True)
            path.write_text("".join(lines), encoding="utf-8")
        counts[split] = len(manifest)
        if place not in CORPORA:
            sets |= set(manifest["source_set"].to_pylist())
    if not counts:
        raise NcstError(f"None of {list(manifests)} has a place in the official release: use `--layout wav`.")
    if sets:
        _write_utterances(results, sorted(sets), folder / UTTERANCES)
    return counts


def _write_utterances(results, sets, path):
    """Write what the ids alone do not say, so that the tree can be imported as it was."""
    columns = ["source_set", "utt_id", "corpus", "speaker", "language", "gender"]
    tables = [read_columns(paths.place(results, paths.SOURCES, source_set=name), columns) for name in sets]
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(pa.concat_tables(tables).to_pylist())


LAYOUTS = {"st-codecfake": _st_codecfake, "wav": _wav, "webdataset": _webdataset}
