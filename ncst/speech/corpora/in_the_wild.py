"""In-the-Wild (Müller et al. 2022): real and fake clips of 58 public figures, collected from the internet."""

from ncst.errors import NcstError
from ncst.speech.corpora._base import Base, listing, read_text
from ncst.speech.text_tables import read_table

TABLES = ("meta.csv", "meta.txt")


class InTheWild(Base):
    """``0.wav ... 31778.wav`` with ``meta.csv`` or ``meta.txt`` (file, speaker, label), beside it or in ``wav/``.

    The root may also be the folder above ``release_in_the_wild/``. Genders and texts are not published.
    """

    LAYOUT = "meta.csv and the wav files (release_in_the_wild/)"

    @classmethod
    def is_root(cls, folder):
        """Say whether *folder*, or ``release_in_the_wild`` in it, has the table of clips."""
        return any((f / table).is_file() for f in (folder, folder / "release_in_the_wild") for table in TABLES)

    def rows(self):
        """Yield the clips in the order of the table."""
        inner = self.root / "release_in_the_wild"
        base = inner if inner.is_dir() else self.root
        table = next(base / name for name in TABLES if (base / name).is_file())
        folder = base / "wav" if (base / "wav").is_dir() else base
        found = {name for name in listing(folder) if name.endswith(".wav")}
        listed = set()
        for row in read_table(read_text(table), table, separator=",", header=["file", "speaker", "label"]):
            if len(row) < 3:
                raise NcstError(f"{table} has a row without file, speaker or label, {row}: download it again.")
            name = row["file"]
            listed.add(name)
            if name in found:
                yield {
                    "utt_id": name.removesuffix(".wav"),
                    "speaker": row["speaker"],
                    "language": "en",
                    "path": folder / name,
                    "kind": row["label"],
                }
        self.require(listed, found, table.name)
