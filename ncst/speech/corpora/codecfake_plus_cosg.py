"""CodecFake+ CoSG (Chen et al. 2025): bona fide and generated speech from the demo pages of 17 codec-based systems."""

from pathlib import Path

from ncst.errors import NcstError
from ncst.speech.corpora._base import AUDIO_SUFFIXES, Base, listing, read_text
from ncst.speech.corpora._codecfake_plus import read_labels

FOLDER = "SLMdemos_16k"
LIST = "CoSG_ALL.txt"
VALUES = {"list": "text"}


class CodecFakePlusCoSG(Base):
    """``SLMdemos_16k/<SYSTEM>/<name>.wav``, and ``CoSG_ALL.txt`` that says which of them are bona fide.

    The list is ``metadata/evaluation/CoSG_ALL.txt`` of the CodecFake-Source-Tracing repository, in the root or where
    ``settings: {list: ...}`` says; its lines are system, name, anything, ``bonafide`` or ``spoof``. The root may also
    be ``SLMdemos_16k/`` itself. `subset` is the system, and so is the `codec` of a spoof; speakers are not published.
    """

    LAYOUT = f"{FOLDER}/ with one folder per system, and {LIST}"

    @classmethod
    def is_root(cls, folder):
        """Say whether *folder* is, or holds, the folder of systems."""
        return (folder / FOLDER).is_dir() or any((folder / name).is_dir() for name in read_labels("cosg"))

    def rows(self):
        """Yield the recordings in the order of the list."""
        labels = read_labels("cosg")
        folder = self.root / FOLDER if (self.root / FOLDER).is_dir() else self.root
        table = self.root / self.settings.get("list", LIST)
        if not table.is_file():
            raise NcstError(
                f"{table} is missing: copy metadata/evaluation/{LIST} of the CodecFake-Source-Tracing repository "
                "there, or set `settings: {list: ...}`."
            )
        files = {
            f"{system}/{Path(name).stem}": folder / system / name
            for system in labels
            for name in listing(folder / system)
            if Path(name).suffix.lower() in AUDIO_SUFFIXES
        }
        listed = set()
        for number, line in enumerate(read_text(table).splitlines(), 1):
            fields = line.split()
            if len(fields) < 3 or fields[0] not in labels:
                raise NcstError(
                    f"Line {number} of {table} is not system, name, ..., bonafide or spoof, with a system out of "
                    f"{list(labels)}: download the list again."
                )
            system, name, kind = fields[0], fields[1], fields[-1]
            listed.add(f"{system}/{name}")
            if f"{system}/{name}" in files:
                spoof = kind != "bonafide"
                yield {
                    "utt_id": f"{system}-{name}",
                    "path": files[f"{system}/{name}"],
                    "kind": kind,
                    "subset": system,
                    **(labels[system] if spoof else {}),
                }
        self.require(listed, set(files), table.name)
