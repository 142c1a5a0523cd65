"""Parity: the 18 golden codec cases at official size on the device, codes equal and audio within tolerance."""

import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor, as_completed

import golden_codecs
import torch
from resynthesis import CASES

from ncst import registry
from ncst.errors import NcstError

ORDER = [*CASES.values(), *(case for case in golden_codecs.CASES if case not in CASES.values())]


def weights_of(box, cases=ORDER):
    """Yield each of *cases* with its weight file as soon as it is there; processes build them from the rule."""
    todo = [case for case in cases if not _file(box, case).is_file()]
    yield from ((case, _file(box, case)) for case in cases if case not in todo)
    if not todo:
        return
    pool = ProcessPoolExecutor(min(max(box.cores // 2, 1), 8), multiprocessing.get_context("spawn"))
    with pool:
        futures = {pool.submit(_build, case, box.folder / "weights" / case): case for case in todo}
        try:
            for future in as_completed(futures, timeout=max(box.left(), 1)):
                yield futures[future], future.result()
        except TimeoutError:
            pool.shutdown(wait=False, cancel_futures=True)


def _file(box, case):
    return box.folder / "weights" / case / "codec.safetensors"


def _build(case, folder):
    torch.set_num_threads(1)
    made = folder.with_name(f"{folder.name}.part")
    golden_codecs.load(case, made)
    for path in made.iterdir():
        if path.name != "codec.safetensors":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    made.replace(folder)
    return folder / "codec.safetensors"


def run(box):
    """Print a row for every case and return whether all that were reached agree."""
    box.say("| case | codes equal | audio, largest difference | tolerance | |\n|---|---|---|---|---|")
    good, seen = 0, []
    for case, file in weights_of(box):
        name = golden_codecs.CASES[case][0]
        entry = golden_codecs.CODECS[name]
        codec = registry.load("codecs", entry.get("module", name))(entry, file, box.device)
        try:
            equal, count, differences = golden_codecs.compare(case, codec)
        except (NcstError, RuntimeError) as error:
            box.say(f"| {case} | failed: {str(error).splitlines()[0]} | | | no |")
            seen.append(case)
            continue
        fine = equal == count and all(apart <= limit for _, apart, limit in differences)
        worst = max(differences, key=lambda difference: difference[1] / difference[2])
        box.say(f"| {case} | {equal} of {count} | {worst[1]:.1e} | {worst[2]:.0e} | {'yes' if fine else 'NO'} |")
        good += fine
        seen.append(case)
        if case not in CASES.values():
            shutil.rmtree(file.parent)
        if box.left() < 0:
            break
    missed = [case for case in ORDER if case not in seen]
    box.say(f"\n{good} of {len(seen)} agree" + (f"; not reached: {', '.join(missed)}" if missed else ""))
    return good == len(ORDER)
