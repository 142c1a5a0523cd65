"""What the profile makes of faults on a cluster: a job over its memory, one over its time, one whose node goes down.

    python benchmarks/slurm.py FOLDER [--node NAME] [--slurm-no-account --slurm-status-command squeue ...]

FOLDER is one that every node sees; what else is given is handed to snakemake. `--node` names a node that is set down,
and up again, while a job runs there: it takes the rights of an operator, and whoever else has jobs there loses them.
Jobs fail at first and must succeed in another attempt with more memory and time; the run takes about five minutes.
"""

import argparse
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

PROFILE = Path(__file__).parents[1] / "profiles" / "slurm"
RULES = """
rule all:
    input: "memory", "time", "gpu"{node}

rule memory:
    output: "memory"
    resources: mem_mb=lambda _, attempt: 700 * attempt, runtime=5
    shell: "python3 -c 'import time; held = bytearray(700_000_000); time.sleep(20)' && touch {{output}}"

rule time:
    output: "time"
    resources: mem_mb=500, runtime=lambda _, attempt: attempt
    shell: "sleep 85; touch {{output}}"

rule gpu:
    output: "gpu"
    resources: mem_mb=500, runtime=5, gpu=1
    shell: "echo $CUDA_VISIBLE_DEVICES > {{output}}"

rule node:
    output: "node"
    resources: mem_mb=500, runtime=5, slurm_extra="--nodelist={name}"
    shell: "touch started; sleep 30; touch {{output}}"
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--node")
    found, options = parser.parse_known_args()
    found.folder.mkdir(parents=True)
    rules = RULES.format(node=', "node"' if found.node else "", name=found.node)
    (found.folder / "Snakefile").write_text(rules if found.node else rules.partition("rule node:")[0])
    if found.node:
        threading.Thread(target=fell, args=(found.folder / "started", found.node), daemon=True).start()
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", str(PROFILE), *options]
    start = time.monotonic()
    done = subprocess.run(command, cwd=found.folder, capture_output=True, text=True)
    (found.folder / "run.log").write_text(done.stdout + done.stderr)
    print(f"{time.monotonic() - start:.0f} s, exit status {done.returncode}, log: {found.folder / 'run.log'}")
    for rule in ("memory", "time", "gpu", *(["node"] if found.node else [])):
        said = done.stdout + done.stderr
        attempts = re.findall(rf"submitted with SLURM jobid (\d+) \(log: \S+/rule_{rule}/", said)
        made = "made" if (found.folder / rule).is_file() else "missing"
        print(f"{rule}: {made} by {len(attempts)} attempts, jobs {', '.join(attempts)}")
    sys.exit(done.returncode)


def fell(started, node):
    """Set *node* down once the file *started* is there, and up again after a minute."""
    while not started.exists():
        time.sleep(1)
    subprocess.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=trial"], check=True)
    time.sleep(60)
    subprocess.run(["scontrol", "update", f"nodename={node}", "state=resume"], capture_output=True)


if __name__ == "__main__":
    main()
