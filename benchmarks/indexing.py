"""Time the index of a corpus as large as VCTK and AISHELL-3 together: names and text files, headers, headers again.

    python benchmarks/indexing.py [folder]

The stand-in has the layout of VCTK 0.80 with 132,277 names (hard links to a few short files, and as many transcripts).
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from ncst.corpora.vctk import VCTK
from ncst.probe import index_corpus
from ncst.sources import write_sources

UTTERANCES, PER_SPEAKER, LINKS = 132_277, 400, 20_000
POOL = {
    name: {"pool": "st", "order": order, "corpora": ["vctk"], "size": size, "shard_size": 1500}
    for order, (name, size) in enumerate((("st_eval", 13_228), ("st_dev", 1_000), ("st_train", 10_000)))
}


def make(root):
    (root / "speaker-info.txt").write_text("ID  AGE  GENDER  ACCENTS  REGION\n")
    for number in range(UTTERANCES):
        speaker, utterance = f"p{number // PER_SPEAKER:04d}", number % PER_SPEAKER
        name = f"{speaker}_{utterance:03d}"
        if utterance == 0:
            for folder in ("wav48", "txt"):
                (root / folder / speaker).mkdir(parents=True)
        if number % LINKS == 0:
            model = root / f"model-{number}.wav", root / f"model-{number}.txt"
            soundfile.write(model[0], np.zeros(48_000), 48_000)
            model[1].write_text("Please call Stella.\n")
        os.link(model[0], root / "wav48" / speaker / f"{name}.wav")
        os.link(model[1], root / "txt" / speaker / f"{name}.txt")


def timed(title, function):
    start, processor = time.perf_counter(), time.process_time()
    function()
    print(f"| {title} | {time.perf_counter() - start:.1f} | {time.process_time() - processor:.1f} |", flush=True)


def main(folder):
    with tempfile.TemporaryDirectory(dir=folder) as name:
        root, out = Path(name) / "VCTK-Corpus", Path(name) / "corpora" / "vctk.parquet"
        root.mkdir()
        make(root)
        print(f"{UTTERANCES:,} recordings, {os.cpu_count()} cores\n\n| step | seconds | CPU seconds |\n|---|---|---|")
        timed("names and text files", lambda: list(VCTK({}, root).index()))
        timed("index, every header read", lambda: index_corpus("vctk", {}, root, out))
        timed("index again, nothing changed", lambda: index_corpus("vctk", {}, root, out))
        timed(
            "one source set of a pool of three", lambda: write_sources("st_train", [out], POOL, 688, out.with_name("s"))
        )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
