"""The lists of the official release: label files, folders of audio, and the utterances behind both."""

import csv
import io
import re
from pathlib import Path

from ncst.core.csv_text import unguarded
from ncst.errors import NcstError
from ncst.plan.official_release import FOLDERS, LISTS, UTTERANCES
from ncst.speech.corpora._base import AUDIO_SUFFIXES, listing

UTTERANCE = re.compile(
    r"(?:^|_)(?:(?P<vctk>(?:p|s)\d+_\d+)|(?P<aishell3>SSB\d{8})|(?P<ncssd>(?P<part>[RC]-(?:EN|ZH))_\d+_\d+_d\d+))$"
)
COLUMNS = ("source_set", "utt_id", "corpus", "speaker", "language", "gender")


def read_lines(path):
    """Return the lines of a text file of the release.

    Raises
    ------
    NcstError
        If it is missing or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise NcstError(
            f"{path} cannot be read ({error.strerror}): unpack the release's label folder again."
        ) from error
    except UnicodeDecodeError as error:
        raise NcstError(
            f"{path} is not UTF-8 text (byte {error.start}): save it in that encoding, or unpack it again."
        ) from error


def describe(utt_id):
    """Return corpus, speaker, language and gender as far as an utterance's id says them.

    >>> describe("SSB00050001")["speaker"]
    'SSB0005'
    """
    match = UTTERANCE.search(utt_id)
    facts = {"corpus": "st_codecfake", "speaker": "unknown", "language": "unknown", "gender": "unknown"}
    if match and match["vctk"]:
        facts |= {"corpus": "vctk", "speaker": utt_id.split("_")[0], "language": "en"}
    elif match and match["aishell3"]:
        facts |= {"corpus": "aishell3", "speaker": utt_id[:7], "language": "zh"}
    elif match and match["ncssd"]:
        facts |= {"corpus": "ncssd", "language": match["part"][2:].lower()}
        facts["speaker"] = f"{match['part']}_{utt_id.split('_')[2]}"
    return facts


def read_utterances(root):
    """Return the rows of ``label/utterances.csv`` by source set and utterance; none where there is no such file.

    An export has it, so that it can be read back as it was; the official archives do not.

    Raises
    ------
    NcstError
        If it lacks a column or names an utterance twice.
    """
    path = Path(root, UTTERANCES)
    if not path.is_file():
        return {}
    table = csv.DictReader(io.StringIO("\n".join(read_lines(path))))
    if tuple(table.fieldnames or ()) != COLUMNS:
        raise NcstError(f"{path} has the columns {table.fieldnames}, not {list(COLUMNS)}: export the release again.")
    found = {}
    for number, row in enumerate(table, 2):
        if None in row or None in row.values():
            raise NcstError(f"Row {number} of {path} has not {len(COLUMNS)} fields: export the release again.")
        row = {key: unguarded(value) for key, value in row.items()}
        if row["utt_id"] in found.setdefault(row["source_set"], {}):
            raise NcstError(f"{path} names {row['utt_id']!r} of {row['source_set']} twice: export the release again.")
        found[row["source_set"]][row["utt_id"]] = row
    return found


def list_clips(root, codecs, partial=False):
    """Return every clip of the release: its source set, codec, utterance and file.

    Parameters
    ----------
    root : path
    codecs : dict
        The ``codecs`` of the config: classes and roles say which codec a label means.
    partial : bool
        Take what is there where lists and folders differ.

    Returns
    -------
    list of dict
        ``source_set, codec, utt_id, path``, list by list and folder by folder.

    Raises
    ------
    NcstError
        If a label file is malformed, names a clip twice or another clip than the folder holds, contradicts a file's
        name, or two files are the same clip.
    """
    root, folders = Path(root), {}
    for folder in {folder for folder, *_ in LISTS.values()} | FOLDERS.keys():
        folders[folder] = _audio(root / folder)
    known = {utt_id for rows in read_utterances(root).values() for utt_id in rows}
    known |= {stem for folder, files in folders.items() if folder not in FOLDERS for stem in files}
    clips, listed = {}, {}
    for name, (folder, source_set, roles, _) in LISTS.items():
        classes = {entry["class_id"]: codec for codec, entry in codecs.items() if entry["role"] in roles}
        for number, stem, label in _labels(root, name):
            where = f"Line {number} of {root / name}"
            if label not in classes:
                raise NcstError(f"{where} has the label {label}; that list has {sorted(classes)}: unpack it again.")
            if stem in listed.setdefault(folder, set()):
                raise NcstError(f"{where} names {stem} for the second time: remove one of the two lines.")
            listed[folder].add(stem)
            utt_id = utterance_of(stem, (classes[label],), known) if label else stem
            named = next((codec for codec in classes.values() if stem.startswith(f"{codec}_")), classes[label])
            if named != classes[label]:
                raise NcstError(
                    f"{where} labels {stem} as {label}, but {named} is class {codecs[named]['class_id']}: "
                    "correct the line, or `class_id` in config/codecs.yaml."
                )
            if stem in folders[folder]:
                _add(clips, (source_set, classes[label], utt_id), folders[folder][stem])
    for folder in folders.keys() - FOLDERS.keys():
        _compare(root / folder, listed.get(folder, set()), folders[folder].keys(), partial)
    for folder, (source_set, codec, _) in FOLDERS.items():
        if codec in codecs:
            for stem, path in folders[folder].items():
                _add(clips, (source_set, codec, utterance_of(stem, (codec, Path(folder).name), known)), path)
    return [
        {"source_set": source_set, "codec": codec, "utt_id": utt_id, "path": str(path)}
        for (source_set, codec, utt_id), path in clips.items()
    ]


def _audio(folder):
    """Return the audio files of *folder* by name without ending."""
    files = {}
    for name in listing(folder):
        path = folder / name
        if path.suffix.lower() in AUDIO_SUFFIXES:
            if path.stem in files:
                raise NcstError(f"{files[path.stem]} and {path} are the same clip: remove one of them.")
            files[path.stem] = path
    return files


def _labels(root, name):
    """Yield line number, file name without ending, and class of a label list, which may also lie in the root."""
    path = next((p for p in (root / name, root / Path(name).name) if p.is_file()), None)
    for number, line in enumerate(read_lines(path) if path else [], 1):
        fields = line.split()
        if fields:
            if len(fields) != 3 or not fields[2].isdigit():
                raise NcstError(
                    f"Line {number} of {path} is {line!r}, not the three columns name, kind, class: unpack it again."
                )
            yield number, Path(fields[0]).stem, int(fields[2])


def utterance_of(stem, prefixes, known=()):
    """Return the id of the utterance behind a file name such as ``encodec_p225_001`` or ``C3-1_SSB00050001``."""
    for prefix in prefixes:
        if stem.startswith(f"{prefix}_"):
            return stem.removeprefix(f"{prefix}_")
    ends = [i + 1 for i, character in enumerate(stem) if character == "_"]
    for start in ends:
        if stem[start:] in known:
            return stem[start:]
    match = UTTERANCE.search(stem)
    return stem[match.start() :].lstrip("_") if match else stem


def _add(clips, key, path):
    if key in clips:
        raise NcstError(
            f"{clips[key]} and {path} are both the utterance {key[2]!r} of {key[1]} in {key[0]}: remove one of them."
        )
    clips[key] = path


def _compare(folder, listed, found, partial):
    missing, extra = sorted(listed - found), sorted(found - listed)
    if partial or not (missing or extra):
        return
    if not listed:
        raise NcstError(f"The label files of {folder} are missing: unpack the release's label folder too.")
    if not extra:
        raise NcstError(
            f"{folder} is half-extracted: {len(missing)} of the {len(listed)} clips that its label files name are "
            f"missing, {missing[0]!r} first: unpack the archive again, or set `release: {{partial: true}}`."
        )
    raise NcstError(
        f"{folder} holds {len(extra)} clips that its label files do not name, {extra[0]!r} first: download labels and "
        "archive of one version again, or set `release: {partial: true}`."
    )
