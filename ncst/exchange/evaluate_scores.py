"""Evaluation of anyone's scores: they become score files of this project and go through its own stages."""

import logging
import re
from pathlib import Path

import numpy as np
import pyarrow as pa

from ncst import registry
from ncst.core.files import atomic_folder
from ncst.core.names import below
from ncst.errors import NcstError
from ncst.evaluation.compare_models import compare_models
from ncst.evaluation.detect import detect
from ncst.evaluation.detectors._base import Base
from ncst.evaluation.evaluate import evaluate
from ncst.evaluation.run_folders import ScoredRun
from ncst.exchange.clip_truth import rows_of, speakers_of, truth_of
from ncst.exchange.score_files import EXPECTED, read_columns
from ncst.formats.scores import PROBABILITIES, like_probabilities, write_scores
from ncst.plan import entries, paths
from ncst.plan.official_release import split_of
from ncst.report.tables.write_tables import write_tables

LOG = logging.getLogger(__name__)
HIDDEN = {"clip_id", "classes", "class_names", "path"}
SUFFIXES = (".txt", ".csv", ".parquet", ".npz")


def evaluate_external(scores, out, config, truth=(), embeddings=(), model="external", seed=1):
    """Evaluate score files, matched to their labels by clip id, as the workflow evaluates its own.

    A folder among *scores* is one model and seed (``W2V2-AASIST/result``, ``w2v2_aasist/seed-1``); its files are
    splits, by the names of this project or of the official repository. Single files, ``file`` or ``split=file``,
    together are one more model. A clip's label comes from *truth* if given, else from the file's own column ``label``,
    else from the split's entry in the config or the clip's official name (``encodec_p225_001``). The split ``train`` is
    what detectors learn from; without it, those that learn nothing are evaluated, and where a file holds the largest
    probability alone, MSP.

    Parameters
    ----------
    scores : list of str
    out : path
        New folder: ``scores``, ``ood``, ``metrics``, ``comparisons`` and ``tables`` as in a results folder.
    config : dict
        The merged configuration: splits, classes and detectors.
    truth : list of str
        Manifests (Parquet), CSV files or official label lists, or folders of them; ``split=file`` names the split.
    embeddings : list of path
        Files with ``clip_id`` and ``embedding`` of any splits.
    model, seed : str, int
        Of the single files.

    Raises
    ------
    NcstError
        If clips are missing, repeated, unknown or without label, or a file is damaged or not of the model's classes.
    """
    labels = dict(_named(truth, config["splits"]))
    vectors = [_embedded(path) for path in embeddings]
    layered = "speaker" in config["bootstrap"]["clusters"]
    metrics, titles, speakers = [], {}, {}
    with atomic_folder(out) as folder:
        for (name, number), (title, files) in _runs(scores, model, seed, config["splits"]).items():
            titles[name] = config["models"].get(name, {"title": title})["title"]
            splits = {split: _clips(config, split, path, labels, vectors) for split, path in files.items()}
            if layered:
                speakers |= speakers_of(clips for split, clips in splits.items() if split != "train")
            metrics.append(paths.place(folder, paths.METRICS, model=name, seed=number))
            _evaluate(
                folder, {"model": name, "title": titles[name], "seed": number}, splits, config, speakers, metrics[-1]
            )
        paired = paths.place(folder, paths.COMPARISONS) if len(titles) > 1 else None
        if paired:
            compare_models(folder, titles, paired, draw=config["seed"], speakers=speakers)
        write_tables(metrics, folder / paths.TABLES, paired)


def _named(arguments, splits):
    """Yield (split, file) of every argument: ``split=file``, a file, or a folder's files."""
    for argument in arguments:
        split, _, file = str(argument).rpartition("=")
        path = Path(argument) if Path(argument).exists() or not split else Path(file)
        if not path.exists():
            raise NcstError(f"{path} does not exist: name score files, label lists or folders of them.")
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
            if not found:
                raise NcstError(f"{path} holds no files that end in {', '.join(SUFFIXES)}.")
            yield from ((_split(p.relative_to(path), splits), p) for p in found)
        else:
            yield (split if path != Path(argument) else _split(Path(path.name), splits)), path


def _split(path, splits):
    name = path.with_suffix("").as_posix()
    return name if name in splits else split_of(path) or name


def _runs(arguments, model, seed, splits):
    """Return {(model, seed): (title, {split: file})}."""
    runs = {}
    for argument in arguments:
        title, number = model, seed
        if Path(argument).is_dir():
            folder = Path(argument).resolve()
            numbered = re.fullmatch(r"seed-(\d+)", folder.name)
            number = int(numbered[1]) if numbered else 1
            title = (folder.parent if numbered or folder.name in ("result", "results", "scores") else folder).name
        name = re.sub(r"\W+", "_", title.lower())
        title, files = runs.setdefault((name, number), (title, {}))
        for split, path in _named([argument], splits):
            if split in files:
                raise NcstError(f"{files[split]} and {path} are both scores of {split} by {title}: name one of them.")
            files[split] = path
    if not runs:
        raise NcstError("There is nothing to evaluate: name score files or folders of them.")
    return {run: (title, dict(sorted(files.items(), key=_place(splits)))) for run, (title, files) in runs.items()}


def _place(splits):
    order = {split: position for position, split in enumerate(splits)}
    return lambda item: (order.get(item[0], len(order)), item[0])


def _clips(config, split, path, labels, vectors):
    """Return the columns of a score file with ``logits``, ``level`` (what they are worth), labels and embeddings."""
    found = read_columns(path, "scores")
    named = {c["class_id"]: c.get("title", name) for name, c in config["codecs"].items() if c["role"] in ("real", "id")}
    classes = found.get("classes", sorted(named))
    found["path"], found["classes"], found["class_names"] = path, classes, [named.get(c, f"class {c}") for c in classes]
    found["level"], found["logits"] = _logits(path, found, classes)
    found |= truth_of(config, split, path, found, labels)
    if vectors:
        found["embedding"] = _vectors(path, found["clip_id"], vectors)
    return found


def _logits(path, found, classes):
    """Return (what the file knows, (N, C) logits of these classes)."""
    if "logits" in found:
        if like_probabilities(found["logits"]):
            LOG.warning("%s %s", path, PROBABILITIES)
        if found["logits"].shape[1] != len(classes):
            raise NcstError(
                f"{path} holds {found['logits'].shape[1]} logits per clip for the {len(classes)} classes {classes}: "
                "name the columns logit_<class>, or evaluate it with the configuration of its own classes."
            )
        return "logits", found["logits"]
    if "predicted" not in found:
        raise NcstError(
            f"{path} holds neither logits nor a predicted class but {sorted(found.keys() - HIDDEN)}: it must hold "
            f"{EXPECTED['scores']}."
        )
    unknown = sorted(set(found["predicted"].tolist()) - set(classes))
    if unknown:
        raise NcstError(f"{path} predicts the classes {unknown}, which are not among the known classes {classes}.")
    chosen = found["predicted"][:, None] == np.array(classes)
    if "score" not in found:
        return "predicted", chosen.astype(np.float32)
    top = found["score"].astype(np.float64)
    if (top < 1 / len(classes) - 1e-4).any() or (top > 1 + 1e-4).any():
        raise NcstError(
            f"{path} holds the score {top[np.abs(top - 0.6).argmax()]:g}, but the probability of the predicted class "
            f"lies between 1/{len(classes)} and 1: give all logits instead, or leave the column out."
        )
    top = np.clip(top, 1 / len(classes) + 1e-6, 1 - 2.0**-24)[:, None]
    return "score", np.log(np.where(chosen, top, (1 - top) / (len(classes) - 1))).astype(np.float32)


def _embedded(path):
    found = read_columns(path, "scores")
    if "embedding" not in found:
        raise NcstError(f"{path} has no matrix `embedding` beside clip_id, which files of `--embeddings` need.")
    return found


def _vectors(path, clips, vectors):
    if len({part["embedding"].shape[1] for part in vectors}) != 1:
        raise NcstError("The files of `--embeddings` hold embeddings of different widths: give those of one model.")
    known = np.concatenate([part["clip_id"] for part in vectors])
    rows = rows_of(known, clips)
    if (rows < 0).any():
        raise NcstError(
            f"{(rows < 0).sum()} clips of {path} have no embedding, {clips[rows < 0][0]} first: give `--embeddings` of "
            "every clip, or none."
        )
    return np.concatenate([part["embedding"] for part in vectors])[rows]


def _evaluate(folder, facts, splits, config, speakers, out):
    """Write the score files of one model and seed, what the detectors say, and the metrics."""
    first = next(iter(splits.values()))
    for clips in splits.values():
        if clips["classes"] != first["classes"]:
            raise NcstError(
                f"{clips['path']} holds logits of the classes {clips['classes']} and {first['path']} of "
                f"{first['classes']}: give both a logit_<class> of every known class."
            )
    roles, files = {}, {}
    scores, ood = (
        paths.place(folder, pattern, model=facts["model"], seed=facts["seed"]) for pattern in (paths.SCORES, paths.OOD)
    )
    for split, clips in splits.items():
        roles[split] = _entry(config, split, clips)
        files[split] = below(scores, f"{split}.parquet", facts["title"])
        about = {"classes": clips["classes"], "class_names": clips["class_names"], "split": split, **facts}
        embedding = clips.get("embedding", np.empty((len(clips["clip_id"]), 0), np.float32))
        columns = {name: pa.array(clips[name]) for name in ("clip_id", "utt_id", "codec", "label")}
        write_scores(files[split], about, columns, {"logits": clips["logits"], "embedding": embedding})
    rated = [split for split, entry in roles.items() if entry["role"] in ("dev", "id", "ood", "unlabelled")]
    _warn_of_shared(splits, [split for split in roles if roles[split]["role"] not in ("train", "dev")])
    known = next((split for split in rated if roles[split]["role"] == "id"), None)
    unknown = any(roles[split]["role"] == "ood" for split in rated)
    detectors = _detectors(config, splits, rated) if known and unknown else {}
    dev = next((files[split] for split in rated if roles[split]["role"] == "dev"), None)
    for name, entry in detectors.items():
        source = files.get("train", files[known])
        detect(name, entry, source, [files[s] for s in rated if files[s] != dev], ood / f"{name}.parquet", dev=dev)
    posterior = all(clips["level"] == "logits" for clips in splits.values())
    run = ScoredRun(**facts, scores=scores, ood=ood, posterior=posterior, speakers=speakers)
    evaluate(run, roles, list(detectors), out, draw=config["seed"])


def _warn_of_shared(splits, tested):
    """Warn of clips of the splits *tested* that are training clips as well."""
    for split in tested if "train" in splits else ():
        shared = np.intersect1d(splits["train"]["clip_id"], splits[split]["clip_id"])
        if len(shared):
            LOG.warning(
                "%d clips of %s are training clips too, %s first: numbers of clips a model has learnt mean little.",
                *(len(shared), splits[split]["path"], shared[0]),
            )


def _entry(config, split, clips):
    """Return title and role of a split; the labels tell the role where the config does not know the split."""
    classes, labels = set(clips["classes"]), set(clips["label"].tolist())
    role = "single" if len(labels) == 1 else "id"
    role = "ood" if not labels & classes else role
    entry = {"title": split, "role": "train" if split == "train" else role} | config["splits"].get(split, {})
    outside = labels & classes if entry["role"] == "ood" else labels - classes
    if outside and entry["role"] != "unlabelled":
        first = clips["clip_id"][np.isin(clips["label"], sorted(outside))][0]
        known = f"the known classes {sorted(classes)}"
        wanted = f"none of {known}" if entry["role"] == "ood" else f"clips of {known} alone, a logit_<class> for each"
        raise NcstError(
            f"{clips['path']}, the split {split}, holds clips of the classes {sorted(outside)}, {first} first, but "
            f"with the role {entry['role']} it must hold {wanted}."
        )
    if entry["role"] in ("id", "train") and classes - labels:
        raise NcstError(
            f"{clips['path']}, the split {split}, holds no clips of the classes {sorted(classes - labels)}: every "
            "known class is needed."
        )
    if entry["role"] == "id" and np.ptp(clips["logits"], axis=0).max() == 0:
        raise NcstError(f"Every clip of {split} has the same scores: check the model that made them.")
    return entry


def _detectors(config, splits, rated):
    """Return the selected detectors for which the score files hold what is needed."""
    chosen = {name: config["detectors"][name] for name in entries.selected(config, "detectors")}
    levels = {splits[split]["level"] for split in rated}
    if "predicted" in levels:
        return {}
    if "score" in levels:
        return {name: entry for name, entry in chosen.items() if entry.get("module", name) == "msp"}
    made = {name: registry.build("detectors", name, entry) for name, entry in chosen.items()}
    if "train" not in splits:
        return {name: entry for name, entry in chosen.items() if type(made[name])._fit is Base._fit}
    bare = [split for split in (*rated, "train") if split in splits and "embedding" not in splits[split]]
    left = [name for name in chosen if bare and made[name].needs_embeddings]
    if left:
        LOG.warning(
            "Left out: %s need embeddings, which %s has not; add `--embeddings` of its clips.", ", ".join(left), bare[0]
        )
    return {name: entry for name, entry in chosen.items() if name not in left}
