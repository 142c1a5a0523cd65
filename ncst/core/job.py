"""How a workflow script runs: logged to its rule's log file, user errors as one sentence."""

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ncst.core.devices import gpu_failure
from ncst.core.files import PathLike
from ncst.errors import NcstError

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Ended(SystemExit):
    """What a job raises when it is told to end: no handler of errors takes it for one of a clip."""


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Log to the job's log file; turn a `NcstError`, and what a GPU fails with, into one sentence on stderr.

    A job that is told to end says so in its log and removes what it has half written.
    Downloads are allowed in ``fetch_*`` rules alone: everywhere else hubs are switched to offline mode.
    """
    Path(snakemake.log[0]).parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=snakemake.log[0],
        filemode="w",
        level=logging.INFO,
        format=LOG_FORMAT,
    )
    logging.captureWarnings(True)
    if not snakemake.rule.startswith("fetch_"):
        os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")
    try:
        with _ending_when_told(snakemake):
            yield
    except BaseException as error:
        sentence = error if isinstance(error, NcstError | Ended) else gpu_failure(error)
        if sentence:
            logging.error("%s", sentence)
            sys.exit(f"error in {snakemake.rule}: {sentence}")
        logging.exception("%s failed", snakemake.rule)
        raise


def note_killed(log: PathLike, since: float, asked: str) -> str | None:
    """Write into the *log* of an unfinished job that it was killed, and return that; None if it says why it ended.

    Parameters
    ----------
    log : path
    since : float
        When the run began, in seconds of the epoch: older logs are of another run.
    asked : str
        The memory and time that the job asked for.
    """
    log = Path(log)
    if not log.is_file() or log.stat().st_mtime < since or " ERROR " in log.read_text(errors="replace"):
        return None
    sentence = (
        f"The job was killed before it could say why, most likely for its memory or with its node; it asked for {asked}"
        ": the log of the cluster or of the kernel tells; ask for more with --set-resources."
    )
    with log.open("a") as stream:
        stream.write(f"{sentence}\n")
    return sentence


@contextlib.contextmanager
def _ending_when_told(snakemake: Any) -> Iterator[None]:
    owner = os.getpid()

    def end(number: int, _: Any) -> None:
        if os.getpid() != owner:  # a forked worker
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        asked = snakemake.resources
        raise Ended(
            "The job was told to end (SIGTERM), with the run or, on a cluster, beyond the "
            f"{asked.get('mem_mb')} MB and {asked.get('runtime')} minutes that it asked for: look into the cluster's "
            "log, and if these were too few, ask for more with --set-resources."
        )

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
