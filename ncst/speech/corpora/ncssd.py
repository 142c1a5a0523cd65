"""NCSSD (Liu et al. 2024): conversational English and Mandarin, recorded (R) and collected from television (C)."""

import re

from ncst.speech.corpora._base import AUDIO_SUFFIXES, Base, listing, read_text

NAME = re.compile(
    r"(?P<utt_id>(?P<subset>[RC])-(?P<language>EN|ZH)_(?P<turn>\d+)_(?P<speaker>\d+)_d(?P<dialogue>\d+))"
    f"(?:{'|'.join(map(re.escape, sorted(AUDIO_SUFFIXES)))})"
)


class NCSSD(Base):
    """One flat folder of ``{R,C}-{EN,ZH}_{turn}_{speaker}_d{dialogue}.wav``, with ``.lab`` transcripts where there are.

    `subset` is ``R`` (recorded in a studio, speakers numbered across dialogues) or ``C`` (separated and enhanced
    television sound, speakers numbered inside each dialogue). Genders are unknown.
    """

    LAYOUT = "the wav files themselves, named like R-EN_0_0_d10.wav, with no subfolders"

    @classmethod
    def is_root(cls, folder):
        """Say whether *folder* has at least one recording under its name in the corpus."""
        return any(NAME.fullmatch(file) for file in listing(folder))

    def rows(self):
        """Yield the recordings in the order of their names."""
        names = listing(self.root)
        labs = {name for name in names if name.endswith(".lab")}
        for name in names:
            if match := NAME.fullmatch(name):
                subset, language, speaker = match["subset"], match["language"], match["speaker"]
                lab = f"{match['utt_id']}.lab"
                yield {
                    "utt_id": match["utt_id"],
                    "speaker": f"{subset}-{language}_{speaker}" + (f"_d{match['dialogue']}" if subset == "C" else ""),
                    "language": language.lower(),
                    "text": read_text(self.root / lab) if lab in labs else None,
                    "path": self.root / name,
                    "subset": subset,
                }
