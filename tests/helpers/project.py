"""A copy of the project, which a test may edit and whose workflow it may run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "environment.yml", "workflow", "config", "ncst", "profiles", "resources", "tests/tiny.yaml")


class Project:
    """A copy of the project and its Snakemake."""

    def __init__(self, folder):
        self.folder = folder
        self.copy(*PARTS)
        self.results = folder / "results" / "tiny"
        self.python = sys.executable

    def copy(self, *parts):
        for part in parts:
            source, target = ROOT / part, self.folder / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
            else:
                shutil.copy2(source, target)

    def snakemake(self, *arguments, overlay="tests/tiny.yaml"):
        overlays = [overlay] if isinstance(overlay, str) else overlay
        return self.run("-m", "snakemake", "--cores", "2", *arguments, "--configfile", *overlays)

    def run(self, *arguments):
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder),
            "OMP_NUM_THREADS": "1",
            "XDG_CACHE_HOME": str(self.folder),
        }
        command = [self.python, *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)

    def queued(self, *arguments, **options):
        """Return {rule: count} of a dry run."""
        done = self.snakemake("--dry-run", *arguments, **options)
        assert done.returncode == 0, done.stderr
        assert ("Nothing to be done" in done.stdout + done.stderr) != ("Job stats:" in done.stdout + done.stderr)
        rows = re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, re.M)
        return {rule: int(count) for rule, count in rows if rule != "total"}
