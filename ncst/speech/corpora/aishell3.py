"""AISHELL-3 (Shi et al. 2021, OpenSLR 93): 218 Mandarin speakers, 44.1 kHz, train and test."""

import re

from ncst.speech.corpora._base import AUDIO_SUFFIXES, Base, listing, read_text

PINYIN = re.compile(r"[A-Za-z:]+[0-9]")
HANZI = re.compile(r"[\u3400-\u9fff]")
PARTS = ("train", "test")


class Aishell3(Base):
    """``{train,test}/wav/SSB0005/SSB00050001.wav`` with ``content.txt`` (characters and pinyin) and ``spk-info.txt``.

    `speaker` is the first seven characters of the id, `subset` is ``train`` or ``test``, `text` has characters only.
    """

    LAYOUT = "spk-info.txt, train/ and test/, each with content.txt and wav/SSB*/*.wav"

    @classmethod
    def is_root(cls, folder):
        """Say whether *folder* has a part with its content.txt."""
        return any((folder / part / "content.txt").is_file() for part in PARTS)

    def rows(self):
        """Yield the recordings of train, then test, speaker by speaker."""
        genders = self._genders()
        for part in PARTS:
            content = self.root / part / "content.txt"
            texts = dict(self._texts(content)) if content.is_file() else {}
            found = set()
            wavs = self.root / part / "wav"
            for speaker in listing(wavs):
                for file in listing(wavs / speaker):
                    utt_id, _, ending = file.rpartition(".")
                    if f".{ending.lower()}" in AUDIO_SUFFIXES:
                        found.add(utt_id)
                        yield {
                            "utt_id": utt_id,
                            "speaker": speaker,
                            "language": "zh",
                            "gender": genders.get(speaker),
                            "text": texts.get(utt_id),
                            "path": wavs / speaker / file,
                            "subset": part,
                        }
            self.require(set(texts), found, f"{part}/content.txt")

    def _texts(self, content):
        for line in read_text(content).splitlines():
            name, _, tokens = line.partition("\t")
            words = tokens.split()
            if HANZI.search(tokens):
                yield name.removesuffix(".wav"), "".join(w for w in words if not PINYIN.fullmatch(w))
            else:
                yield name.removesuffix(".wav"), " ".join(words)

    def _genders(self):
        return {f[0]: f[2] for f in self.facts("spk-info.txt") if len(f) > 2 and not f[0].startswith("#")}
