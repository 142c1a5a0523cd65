"""Hostile input: `python benchmarks/fuzz.py [target ...] [--minutes 1] [--inputs N] [--seed 0] [--keep FOLDER]`.

Good files of every kind that users and publishers write are damaged, at random and without end, and given to what reads
them. What is refused must be an `NcstError`: any other exception, an input that takes more than 10 s of CPU time, and a
process that dies are crashes, told apart by type and place and written to ``--keep``. Each target runs in a process of
its own that may hold 16 GB of addresses, for so many minutes. The inputs that once crashed are tests of their rooms.

With ``--atheris`` one target is led by what its inputs reach in ncst, until the first crash: `uv run --with atheris
python benchmarks/fuzz.py yaml --atheris`; atheris is no dependency.

It stands here and not in tests/ because it has no end of its own and reports figures; tests/test_fuzz.py gives every
target a few inputs.
"""

import argparse
import contextlib
import faulthandler
import logging
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from functools import partial
from pathlib import Path

SECONDS, ADDRESSES = 10, 16 << 30
BATCH = 200


def targets():
    """Return what is fuzzed: name to a class that takes a folder; it is called with one of its ``inputs``."""
    from hostile import answers, binaries, texts

    found = {"yaml": texts.YamlFiles, "overlays": texts.Overlays, "ids": texts.IdLists, "json": texts.JsonFiles}
    found |= {name: partial(texts.Corpus, name=name) for name in texts.CORPORA}
    found |= {"corpus_parquet": texts.ParquetTable, "release": texts.Release}
    found |= {
        "sounds": binaries.Sounds,
        "scores": binaries.Scores,
        "evaluations": binaries.Evaluations,
        "memories": binaries.Memories,
        "tables": binaries.Tables,
    }
    found |= {"checkpoints": binaries.Checkpoints, "archives": binaries.Archives, "features": binaries.Features}
    return found | {"downloads": answers.Downloads, "records": answers.Records, "hub": answers.Hub}


class TooLong(BaseException):
    """An input that takes more than `SECONDS`."""


def hammer(make, until, seed, folder, most=None):
    """Give inputs to a target until a time (s of `time.monotonic`), or so many.

    Returns
    -------
    tried, refused : int
    crashes : dict of str to (int, object)
        Type and place to how often, and the first input.
    """
    import hypothesis
    from hypothesis import HealthCheck, Phase, given, settings

    from ncst.errors import NcstError

    target, tried, refused, crashes = make(folder / "work"), 0, 0, {}

    def one(value):
        nonlocal tried, refused
        if time.monotonic() > until or (most and tried >= most):
            return
        tried += 1
        (folder / "last").write_text(repr(value), errors="backslashreplace")
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            target(value)
        except NcstError:
            refused += 1
        except (Exception, TooLong) as error:
            place = _place(error)
            crashes[place] = (crashes.get(place, (0,))[0] + 1, crashes.get(place, (0, value))[1])
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    while time.monotonic() < until and not (most and tried >= most):
        options = settings(
            max_examples=BATCH,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        hypothesis.seed(seed + tried)(options(given(target.inputs)(one)))()
    return tried, refused, crashes


def guided(name, minutes, folder):
    """Let atheris choose the inputs of a target by the code that they reach; it ends the process at the first crash."""
    import atheris
    from hypothesis import given

    with atheris.instrument_imports(include=["ncst"]):
        target = targets()[name](folder)
    from ncst.errors import NcstError

    def one(value):
        with contextlib.suppress(NcstError):
            target(value)

    arguments = [sys.argv[0], f"-max_total_time={60 * minutes:.0f}", f"-artifact_prefix={folder}/"]
    atheris.Setup(arguments, given(target.inputs)(one).hypothesis.fuzz_one_input)
    atheris.Fuzz()


def _place(error):
    """Return the type of an error and the last line of ncst that it passed."""
    frames = traceback.extract_tb(error.__traceback__)
    last = [frame for frame in frames if "/ncst/" in frame.filename][-1:] or frames[-1:]
    return f"{type(error).__name__} at {Path(last[0].filename).name}:{last[0].lineno} {last[0].name}"


def _raise(*_):
    raise TooLong


def _child(name, options, folder, pipe):
    os.dup2(os.open(folder / "stderr", os.O_WRONLY | os.O_CREAT), 2)
    faulthandler.enable()
    logging.disable()
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    signal.signal(signal.SIGVTALRM, _raise)
    (folder / "work").mkdir()
    found = hammer(targets()[name], time.monotonic() + 60 * options.minutes, options.seed, folder, options.inputs)
    pipe.send((*found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6))


def fuzz(name, options):
    """Fuzz one target in a process of its own, print its line and return inputs tried and crashes."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        child = context.Process(target=_child, args=(name, options, folder, sender))
        child.start()
        sender.close()
        try:
            tried, refused, crashes, held = receiver.recv()
        except EOFError:
            child.join()
            told = f"died with {child.exitcode}, {(folder / 'stderr').read_text()[-2000:]}"
            tried, refused, crashes, held = 0, 0, {told: (1, (folder / "last").read_text())}, 0.0
        child.join()
    crashed = sum(count for count, _ in crashes.values())
    print(f"| {name} | {tried:,} | {refused:,} | {crashed:,} | {held:.1f} |", flush=True)
    for number, (told, (count, value)) in enumerate(crashes.items()):
        print(f"    {count} x {told}: {value!r}"[:600], file=sys.stderr, flush=True)
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{name}-{number}.txt").write_text(f"{told}\n{value!r}\n", errors="backslashreplace")
    return tried, crashed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="target", help="default: all")
    parser.add_argument("--minutes", type=float, default=1, help="for each target")
    parser.add_argument("--inputs", type=int, help="for each target, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", action="store_true", help="lead the first target by coverage")
    parser.add_argument("--keep", type=Path, help="folder for inputs that crash")
    options = parser.parse_args()
    if options.atheris and len(options.targets) != 1:
        parser.error("--atheris takes one target")
    if not options.atheris and (unknown := {*options.targets} - targets().keys()):
        parser.error(f"not among the targets {', '.join(targets())}: {', '.join(sorted(unknown))}")
    if options.atheris:
        logging.disable()
        guided(options.targets[0], options.minutes, Path(tempfile.mkdtemp()))
    print("| target | inputs | refused | crashes | GB held |\n|---|---|---|---|---|", flush=True)
    figures = [fuzz(name, options) for name in options.targets or targets()]
    tried, crashed = map(sum, zip(*figures))
    print(f"| all | {tried:,} | | {crashed:,} | |")
    sys.exit(bool(crashed))


if __name__ == "__main__":
    main()
