"""Where the official release keeps what: folders and label lists against source sets, codecs and splits.

Read by the Snakefile: nothing heavier than the standard library.

References
----------
Xie et al., "Neural Codec Source Tracing: Toward Comprehensive Attribution in Open-Set Condition", 2025; the folders are
those of the README and config.py of https://github.com/xieyuankun/ST-Codecfake.
"""

from collections.abc import Iterable
from pathlib import Path

from ncst.core.files import PathLike
from ncst.errors import NcstError
from ncst.plan import Config, Pair

ARCHIVES = "https://zenodo.org/records/14631091 (main part) and https://zenodo.org/records/14631085 (open-set part)"
UTTERANCES = "label/utterances.csv"
SOURCES = ("st_train", "st_dev", "st_eval", "ncssd")

LISTS = {
    "label/train.txt": ("train", "st_train", ("real", "id"), "train"),
    "label/dev.txt": ("dev", "st_dev", ("real", "id"), "dev"),
    "label/eval_id.txt": ("eval_id", "st_eval", ("real", "id"), "eval_id"),
    "label/eval_ood7.txt": ("eval_ood", "st_eval", ("ood_single",), "ood_single"),
    "label/eval_ood8-11.txt": ("eval_ood", "st_eval", ("ood_multi",), "ood_multi"),
}
"""Label list: its folder of audio, its source set, the roles of its codecs, its split."""

PUBLISHED_CLIPS = 235_736
"""The paper's number of clips: those of the five lists, 24,228 utterances as 7 classes and 13,228 as 5 unseen ones."""

FOLDERS = {
    "ID_diff_config/C3-1": ("st_eval", "funcodec_8", "id_config/funcodec_8"),
    "ID_diff_config/C3-2": ("st_eval", "funcodec_16", "id_config/funcodec_16"),
    "ID_diff_config/C3-3": ("st_eval", "funcodec_c3_3", "id_config/funcodec_32"),
    "ID_diff_config/C3-4": ("st_eval", "funcodec_c3_4", "id_config/funcodec_32_again"),
    "ID_diff_config/C4-1": ("st_eval", "encodec_3", "id_config/encodec_3"),
    "ID_diff_config/C4-2": ("st_eval", "encodec_12", "id_config/encodec_12"),
    "ID_diff_config/C4-3": ("st_eval", "encodec_24", "id_config/encodec_24"),
    "ID_diff_source/NCSSD-mimi": ("ncssd", "mimi", "id_source/mimi"),
    "ID_diff_source/NCSSD-snac": ("ncssd", "snac", "id_source/snac"),
    "OOD_diff_config/wavtokenizer_small40": ("st_eval", "wavtokenizer_600", "ood_config"),
    "OOD_diff_source/NCSSD_wavtokenizer": ("ncssd", "wavtokenizer", "ood_source"),
}
"""Folder of audio without a list: its source set, its codec, its split."""

CORPORA = {
    "ALM/moshi": ("moshi", "alm/moshi"),
    "ALM/mini-omni/A1-A2": ("mini_omni", "alm/mini_omni"),
    "ALM/speechgpt-gen": ("speechgpt_gen", "alm/speechgpt_gen"),
    "ALM/valle": ("valle", "alm/valle"),
}
"""Folder of audio that a corpus of the config reads as it is: the corpus, its split."""

SCORE_FILES = {
    "result_id": "eval_id",
    "result_unseenreal_19": "unseen_real/asvspoof2019_la",
    "result_unseenreal_itw": "unseen_real/in_the_wild",
    "result_unseenreal_ncssd": "unseen_real/ncssd",
    "miniomni": "alm/mini_omni",
    **{f"result_{Path(folder).name}": split for folder, (*_, split) in FOLDERS.items()},
    **{Path(folder).name: split for folder, (_, split) in CORPORA.items()},
    **{Path(name).stem: split for name, (*_, split) in LISTS.items()},
}
"""Name of a score file of the official repository, or of a label list, without its ending: its split."""


def split_of(path: PathLike) -> str | None:
    """Return the split of a score file or label list that is named as the authors name theirs, or None."""
    known = {name.lower().replace("-", "_"): split for name, split in SCORE_FILES.items()}
    return known.get(Path(path).stem.lower().replace("-", "_"))


def add_roots(config: Config) -> None:
    """Set the roots of the corpora that the release has and the config leaves null."""
    root = config["release"]["root"]
    for folder, (corpus, _) in CORPORA.items():
        if root and corpus in config["corpora"] and not config["roots"].get(corpus):
            places = [Path(root, folder), Path(root, folder.removesuffix("/A1-A2"))]
            config["roots"][corpus] = next((str(place) for place in places if place.is_dir()), None)


def pair_folders(config: Config) -> dict[Pair, str]:
    """Return the folder of the release for each (source set, codec) pair that it has; none when it is not configured.

    Parameters
    ----------
    config : dict

    Returns
    -------
    dict
        (source set, codec) to folder, relative to the root.
    """
    if not config["release"]["root"]:
        return {}
    found = {
        (source_set, codec): folder
        for folder, source_set, roles, _ in LISTS.values()
        for codec, entry in config["codecs"].items()
        if entry["role"] in roles
    }
    others = {(source_set, codec): folder for folder, (source_set, codec, _) in FOLDERS.items()}
    return found | {pair: folder for pair, folder in others.items() if pair[1] in config["codecs"]}


def check_root(config: Config, wanted: Iterable[Pair]) -> None:
    """Check that the release is where the config says and has what is wanted.

    Codecs of the config without weights, whose audio the release alone has, want it to be named.

    Parameters
    ----------
    config : dict
    wanted : list of (source set, codec)
        Pairs that the run asks for; those that the release does not have are ignored.

    Raises
    ------
    NcstError
        If the root or a folder of a wanted pair is missing.
    """
    if not config["release"]["root"]:
        alone = [name for _, name, _ in FOLDERS.values() if config["codecs"].get(name, {}).get("weights") == {}]
        if alone:
            raise NcstError(
                f"The folder of the release, which alone has the audio of {', '.join(alone)}, is still to be named: "
                "--config 'release={root: /data/st-codecfake}'."
            )
        return
    root = Path(config["release"]["root"])
    if not root.is_dir():
        raise NcstError(f"The release is not at {root} (no such folder): set `release: {{root: ...}}` in the config.")
    folders = pair_folders(config)
    needed = sorted({folders[pair] for pair in wanted if pair in folders})
    missing = [folder for folder in needed if not (root / folder).is_dir()]
    if missing and (root / "st-codecfake").is_dir():
        raise NcstError(f"The release is one folder deeper than {root}: set `release: {{root: {root}/st-codecfake}}`.")
    if missing:
        raise NcstError(
            f"{root} is half-extracted: {missing[0]} and {len(missing) - 1} other folders are missing; unpack both "
            f"archives into it, {ARCHIVES}, or leave their splits out of `select: {{splits: ...}}`."
        )
