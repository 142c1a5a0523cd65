"""Time the index of corpora of the real size, the draw of source sets from it, and the look at folders at every start.

python benchmarks/indexing.py [folder]
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from standin import SIZES, make

from ncst import registry
from ncst.plan import folders
from ncst.plan.config import load_config
from ncst.speech.index_corpus import index_corpus
from ncst.speech.sample_sources import sample_sources

CORPORA = ("vctk", "aishell3")
FILES, FOLDERS = 132_000, 400


def timed(title, function):
    start, processor = time.perf_counter(), time.process_time()
    function()
    print(f"| {title} | {time.perf_counter() - start:.3g} | {time.process_time() - processor:.3g} |", flush=True)


def look_at_folders(place):
    """Time what a run does first: the folders of a corpus of empty files are compared with what was noted of them."""
    paths = [place / f"corpus/wav/s{i % FOLDERS:03d}/{i:06d}.wav" for i in range(FILES)]
    for path in paths[:FOLDERS]:
        path.parent.mkdir(parents=True)
    for path in paths:
        path.touch()
    made = {"title": "Made", "licence": "none"}
    config = {"results": str(place), "name": "x", "roots": {"made": str(place / "corpus")}, "corpora": {"made": made}}
    folders.remember(folders.index_of(config, "made"), place / "corpus", map(str, paths))
    timed(f"folders of {FILES:,} recordings, unchanged", lambda: list(folders.changes(config, config["roots"])))
    for path in paths[:FOLDERS]:
        path.unlink()
    timed("the same, each folder changed", lambda: print(*folders.changes(config, config["roots"]), file=sys.stderr))


def main(folder):
    config = load_config("config/st_codecfake.yaml")
    pool = {name: entry for name, entry in config["sources"].items() if entry.get("pool") == "st"}
    with tempfile.TemporaryDirectory(dir=folder) as name:
        root = Path(name)
        make(root / "corpora", CORPORA)
        indexes = {corpus: root / "indexes" / f"{corpus}.parquet" for corpus in CORPORA}
        print(f"{sum(SIZES[corpus] for corpus in CORPORA):,} recordings, {os.cpu_count()} cores\n")
        print("| step | wall s | CPU s |\n|---|---|---|")

        def names():
            for corpus in CORPORA:
                list(registry.load("corpora", corpus)(config["corpora"][corpus], root / "corpora" / corpus).index())

        def headers():
            for corpus, out in indexes.items():
                index_corpus(corpus, config["corpora"][corpus], root / "corpora" / corpus, out)

        timed("names and text files", names)
        timed("index, every header read", headers)
        timed("index again, headers remembered", headers)
        timed(
            "one source set (pool of three)",
            lambda: sample_sources("st_train", list(indexes.values()), pool, 688, root / "st_train.parquet"),
        )
        look_at_folders(root)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
