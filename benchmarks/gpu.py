"""What a GPU makes of the chain: `python benchmarks/gpu.py [section ...] [--seconds N] [--roots KIND=FOLDER ...]`.

Sections, in order: parity, resynthesis, features, training, run. Each has its share of the seconds (450 by default) and
reports rates from what it got done. Nothing is needed but the package: weights follow the rule of the golden tests,
sounds are made, unless `--roots vctk=... aishell3=...` names recordings. `--costs` writes what was measured into
``resources/costs.yaml``, from which ``ncst plan --gpu NAME`` speaks. `--device cpu` tries the script without a GPU.
"""

import argparse
import importlib
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

SHARES = {"parity": 70, "resynthesis": 185, "features": 45, "training": 70, "run": 80}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(SHARES)} (default: all)")
    parser.add_argument("--seconds", type=float, default=450)
    parser.add_argument("--roots", nargs="+", default=[], metavar="KIND=FOLDER")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--costs", metavar="NAME", help="the card's name in resources/costs.yaml, such as h100")
    options = parser.parse_args()
    if unknown := {*options.sections} - {*SHARES}:
        parser.error(f"not among the sections: {', '.join(sorted(unknown))}")
    roots = dict(root.split("=", 1) for root in options.roots)
    if wrong := [name for name, root in roots.items() if not Path(root).is_dir() or name not in ("vctk", "aishell3")]:
        parser.error(f"--roots takes vctk=FOLDER and aishell3=FOLDER that exist: {', '.join(wrong)}")

    import torch
    from card.box import Box, name_of

    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("PyTorch finds no GPU: nothing to measure (--device cpu tries the script without one).")
    sections = [name for name in SHARES if name in (options.sections or SHARES)]
    shares = {name: options.seconds * SHARES[name] / sum(SHARES[name] for name in sections) for name in sections}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    begin, failed = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        box = Box(options.device, cores, Path(folder), {name: Path(root) for name, root in roots.items()})
        box.say(f"{name_of(options.device)}, {cores} cores, PyTorch {torch.__version__}, CUDA {torch.version.cuda}")
        for name in sections:
            start = time.monotonic()
            box.until = start + shares[name]
            box.say(f"\n## {name}, {shares[name]:.0f} s\n")
            try:
                whole = importlib.import_module(f"card.{name}").run(box)
            except Exception:  # a section that fails leaves the others their time
                traceback.print_exc(file=sys.stdout)
                whole = False
            failed += [] if whole else [name]
            box.say(f"\n({name}: {time.monotonic() - start:.0f} s)")
    if options.costs and box.costs:
        from ncst.plan.rates import update_card

        update_card(options.costs, name_of(options.device), box.costs)
        box.say(f"\nresources/costs.yaml: {options.costs} measured")
    box.say(f"\n{time.monotonic() - begin:.0f} s in all" + (f"; incomplete: {', '.join(failed)}" if failed else ""))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
