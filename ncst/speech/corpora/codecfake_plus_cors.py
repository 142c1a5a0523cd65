"""CodecFake+ CoRS (Chen et al. 2025): VCTK through 31 neural codecs, 16 kHz."""

import re
from pathlib import Path

from ncst.errors import NcstError
from ncst.speech.corpora._base import AUDIO_SUFFIXES, Base, listing
from ncst.speech.corpora._codecfake_plus import read_labels

VALUES = {"others": (True, False)}
NAME = re.compile(r"(?P<utterance>(?P<speaker>p\d+|s5)_\d+)(?:_(?P<codec>.+))?")
SPEAKERS = {"dev": ("p226", "p229"), "eval": ("p227", "p228")}
FOLDER = "all_data_16k"


class CodecFakePlusCoRS(Base):
    """One flat folder ``all_data_16k/``: ``p225_001.wav`` is bona fide, ``p225_001_bigcodec.wav`` a spoof of it.

    The root may be that folder or the one above. `subset` follows the published lists: ``dev`` is speakers p226 and
    p229, ``eval`` p227 and p228, ``train`` all others. `parent` is the bona fide utterance of a spoof. What another
    system than the 31 codecs made needs ``settings: {others: true}``; its `subset` is ``others``, without labels.
    """

    LAYOUT = f"{FOLDER}/ with files named like p225_001.wav and p225_001_bigcodec.wav"

    @classmethod
    def is_root(cls, folder):
        """Say whether *folder* is, or holds, the folder of recordings."""
        return (folder / FOLDER).is_dir() or any(NAME.fullmatch(Path(name).stem) for name in listing(folder))

    def rows(self):
        """Yield the recordings in the order of their names."""
        labels = read_labels("cors")
        folder = self.root / FOLDER if (self.root / FOLDER).is_dir() else self.root
        for name in listing(folder):
            stem, _, ending = name.rpartition(".")
            match = NAME.fullmatch(stem)
            if f".{ending.lower()}" not in AUDIO_SUFFIXES or not match:
                continue
            row = {
                "utt_id": stem,
                "speaker": match["speaker"],
                "language": "en",
                "path": folder / name,
                "subset": next((part for part, names in SPEAKERS.items() if match["speaker"] in names), "train"),
            }
            if codec := match["codec"]:
                if codec not in labels and not self.settings.get("others"):
                    raise NcstError(
                        f"{folder / name} names the codec {codec!r}, which resources/codecfake_plus/labels.csv lacks: "
                        "add its row, or set `settings: {others: true}`."
                    )
                row |= {"kind": "spoof", "parent": match["utterance"]}
                row |= labels.get(codec, {"codec": codec, "subset": "others"})
            yield row
