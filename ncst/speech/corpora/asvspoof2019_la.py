"""ASVspoof 2019 logical access (Wang et al. 2020): bona fide and synthetic speech by 19 attacks, 16 kHz."""

from ncst.errors import NcstError
from ncst.speech.corpora._base import Base, listing, read_text

PROTOCOLS = "ASVspoof2019_LA_cm_protocols"
VALUES = {"partition": ("train", "dev", "eval")}
SUFFIXES = {"train": "trn", "dev": "trl", "eval": "trl"}


class ASVspoof2019LA(Base):
    """``ASVspoof2019_LA_{partition}/flac/LA_E_*.flac`` with the countermeasure protocol of the partition.

    ``settings: {partition: eval}`` (the default), ``train`` or ``dev``. `subset` is the attack (``A07`` ... ``A19`` in
    eval) of a spoof and None otherwise; `speaker` is the protocol's. Genders and texts are not published.
    """

    LAYOUT = f"{PROTOCOLS}/ and ASVspoof2019_LA_eval/ (LA.zip extracts them into LA/)"

    @classmethod
    def is_root(cls, folder):
        """Say whether *folder* has the protocols."""
        return (folder / PROTOCOLS).is_dir()

    def rows(self):
        """Yield the partition's recordings in the order of the protocol."""
        partition = self.settings.get("partition", "eval")
        protocol = self.root / PROTOCOLS / f"ASVspoof2019.LA.cm.{partition}.{SUFFIXES[partition]}.txt"
        if not protocol.is_file():
            raise NcstError(f"{self.root} is half-extracted: {protocol} is missing; extract {self.title} again.")
        folder = self.root / f"ASVspoof2019_LA_{partition}" / "flac"
        found = {name[:-5] for name in listing(folder) if name.endswith(".flac")}
        listed = set()
        for number, line in enumerate(read_text(protocol).splitlines(), 1):
            try:
                speaker, utt_id, _, attack, kind = line.split()
            except ValueError:
                raise NcstError(
                    f"Line {number} of {protocol} has not 5 columns: download the protocol again."
                ) from None
            listed.add(utt_id)
            if utt_id in found:
                yield {
                    "utt_id": utt_id,
                    "speaker": speaker,
                    "language": "en",
                    "path": folder / f"{utt_id}.flac",
                    "kind": kind,
                    "subset": None if attack == "-" else attack,
                }
        self.require(listed, found, protocol.name)
