"""Make stand-ins of all five corpora at their real size: every name and text, one second of silence each.

    python benchmarks/standin.py FOLDER

VCTK 0.80 and AISHELL-3 (132,277 recordings together), the 10,000 listed NCSSD clips, ASVspoof 2019 LA evaluation and
In-the-Wild, as hard links to a few short files. The benchmark's own ids are among them.
"""

import itertools
import os
import sys
from pathlib import Path

import numpy as np
import soundfile

from ncst.speech.id_lists import read_ids

SIZES = {"vctk": 44_242, "aishell3": 88_035, "ncssd": 10_000, "asvspoof2019_la": 71_237, "in_the_wild": 31_779}
LINKS = 20_000


class Links:
    """Files that are hard links to one second of silence, or to one line of text."""

    def __init__(self, root):
        self.models = root / "models"
        self.models.mkdir(parents=True)
        self.counts = {}

    def make(self, path):
        """Make *path* a link; the folder above it must exist."""
        number = self.counts[path.suffix] = self.counts.get(path.suffix, -1) + 1
        model = self.models / f"{number // LINKS}{path.suffix}"
        if number % LINKS == 0:
            if path.suffix == ".txt":
                model.write_text("Please call Stella.\n")
            else:
                soundfile.write(model, np.zeros(16_000), 16_000)
        os.link(model, path)


def vctk(root, links):
    listed = {i for i in read_ids("resources/sources/st_codecfake_eval.txt.xz") if not i.startswith("SSB")}
    speakers = sorted({i[:4] for i in listed})
    others = (f"{s}_{n:03d}" for n in range(1, 1000) for s in speakers)
    for folder, utt_id in itertools.product(("wav48", "txt"), fill(listed, others, SIZES["vctk"])):
        path = root / folder / utt_id[:4] / f"{utt_id}.{'wav' if folder == 'wav48' else 'txt'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        links.make(path)
    (root / "speaker-info.txt").write_text(
        "ID  AGE  GENDER  ACCENTS  REGION\n" + "".join(f"{s[1:]}  22  F  English\n" for s in speakers)
    )


def aishell3(root, links):
    listed = {i for i in read_ids("resources/sources/st_codecfake_eval.txt.xz") if i.startswith("SSB")}
    speakers = sorted({i[:7] for i in listed})
    ids = sorted(fill(listed, (f"{s}{n:04d}" for n in range(1, 10_000) for s in speakers), SIZES["aishell3"]))
    for part, mine in (("train", ids[:63_262]), ("test", ids[63_262:])):
        for utt_id in mine:
            path = root / part / "wav" / utt_id[:7] / f"{utt_id}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            links.make(path)
        (root / part / "content.txt").write_text("".join(f"{i}.wav\t武 wu3 术 shu4\n" for i in mine))
    (root / "spk-info.txt").write_text("".join(f"{s}\tB\tfemale\tnorth\n" for s in speakers))


def ncssd(root, links):
    root.mkdir()
    for utt_id in sorted(read_ids("resources/sources/ncssd.txt.xz")):
        links.make(root / f"{utt_id}.wav")


def asvspoof2019_la(root, links):
    protocol, flac = root / "ASVspoof2019_LA_cm_protocols", root / "ASVspoof2019_LA_eval" / "flac"
    protocol.mkdir(parents=True)
    flac.mkdir(parents=True)
    lines = []
    for number in range(SIZES["asvspoof2019_la"]):
        utt_id = f"LA_E_{1_000_000 + number}"
        links.make(flac / f"{utt_id}.flac")
        kind = "- bonafide" if number < 7_355 else f"A{7 + number % 13:02d} spoof"
        lines.append(f"LA_{number % 67:04d} {utt_id} - {kind}\n")
    (protocol / "ASVspoof2019.LA.cm.eval.trl.txt").write_text("".join(lines))


def in_the_wild(root, links):
    root.mkdir()
    kinds = ["bona-fide" if number < 19_963 else "spoof" for number in range(SIZES["in_the_wild"])]
    for number in range(SIZES["in_the_wild"]):
        links.make(root / f"{number}.wav")
    rows = "".join(f"{n}.wav,Speaker {n % 58},{kind}\n" for n, kind in enumerate(kinds))
    (root / "meta.csv").write_text(f"file,speaker,label\n{rows}")


def fill(listed, others, size):
    """Return *listed* and as many of *others* as make *size* ids."""
    return [*listed, *itertools.islice((i for i in others if i not in listed), size - len(listed))]


def make(root, corpora=tuple(SIZES)):
    """Write the stand-ins of *corpora* below the new folder *root*."""
    links = Links(Path(root))
    for name in corpora:
        globals()[name](Path(root) / name, links)


if __name__ == "__main__":
    make(sys.argv[1])
