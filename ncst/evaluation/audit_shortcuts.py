"""Shortcuts: how well codecs are traced by what should say nothing of them, such as level or duration alone."""

import logging

import numpy as np

from ncst.core.files import PathLike
from ncst.errors import NcstError
from ncst.evaluation import bootstrap
from ncst.formats.findings import SHORTCUTS
from ncst.formats.measures import read_measures

log = logging.getLogger(__name__)
GIVEN = {
    "Level": ("rms_db", "peak_db"),
    "Bandwidth": ("bandwidth_hz",),
    "Silence at the ends": ("leading_s", "trailing_s"),
    "Noise floor": ("noise_db", "snr_db"),
    "Duration": ("seconds",),
}
MARGIN = 0.05


def audit_shortcuts(
    train: PathLike, test: PathLike, out: PathLike, draw: int = 688, resamples: int = bootstrap.RESAMPLES
) -> None:
    """Fit a multinomial logistic regression on a few measures of the training clips and test it on known classes.

    Parameters
    ----------
    train, test : path
        Measures of the clips of the training and the in-distribution split, as `measure_clips.measure_clips` writes.
    out : path
        JSON: ``train``, ``test`` (numbers of clips), ``chance`` (macro F1 of guessing every class equally often),
        ``margin``, and ``given``: for each group of measures and for all of them ``macro_f1``, an interval, and
        ``traces``, whether its lower end lies above chance by more than the margin.
    draw : int
        Seed of the bootstrap.
    resamples : int

    Raises
    ------
    NcstError
        If a file is unreadable, or the test has a class that the training has not.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    learnt, tested = (read_measures(path, ("utt_id", "label", *sum(GIVEN.values(), ()))) for path in (train, test))
    classes = np.unique(learnt["label"])
    unknown = sorted({*tested["label"].tolist()} - {*classes.tolist()})
    if unknown:
        raise NcstError(f"{test} has clips of the classes {unknown}, which {train} lacks: measure both again.")
    truth = np.searchsorted(classes, tested["label"])
    shares = np.bincount(truth, minlength=len(classes)) / len(truth)
    chance = float(np.mean(2 * shares / (1 + len(classes) * shares)))
    found = {}
    for name, measures in (*GIVEN.items(), ("All of them", sum(GIVEN.values(), ()))):
        inputs = [np.column_stack([part[measure] for measure in measures]) for part in (learnt, tested)]
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(inputs[0], learnt["label"])
        predicted = np.searchsorted(classes, model.predict(inputs[1]))
        closed = bootstrap.closed_set(
            truth, predicted, len(classes), tested["utt_id"], draw, "shortcuts", resamples=resamples
        )
        macro = closed["macro_f1"]
        found[name] = {"measures": measures, "macro_f1": macro, "traces": macro["low"] > chance + MARGIN}
        log.info("%s: macro F1 %.3f, chance %.3f", name, macro["value"], chance)
    result = {"train": len(learnt["label"]), "test": len(truth), "chance": chance, "margin": MARGIN, "given": found}
    SHORTCUTS.write(out, result)
