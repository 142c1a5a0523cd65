"""How a workflow script runs: logged to its rule's log file, user errors as one sentence."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ncst.core.devices import gpu_failure
from ncst.errors import NcstError

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Log to the job's log file; turn a `NcstError`, and what a GPU fails with, into one sentence on stderr.

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
        yield
    except BaseException as error:
        sentence = error if isinstance(error, NcstError) else gpu_failure(error)
        if sentence:
            logging.error("%s", sentence)
            sys.exit(f"error in {snakemake.rule}: {sentence}")
        logging.exception("%s failed", snakemake.rule)
        raise
