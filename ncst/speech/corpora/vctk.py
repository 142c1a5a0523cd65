"""VCTK (CSTR, Edinburgh): 109 or 110 English speakers, version 0.80 or 0.92, told apart by the folder's name."""

from ncst.errors import NcstError
from ncst.speech.corpora._base import LOG, Base, listing, read_text

WAV_080 = "wav48"
WAV_092 = "wav48_silence_trimmed"
ENDINGS = {WAV_080: (".wav", ".flac"), WAV_092: ("_mic1.flac", "_mic1.wav")}


class VCTK(Base):
    """``wav48/p225/p225_001.wav`` (0.80) or ``wav48_silence_trimmed/p225/p225_001_mic1.flac`` (0.92).

    Files of 0.92 may have been converted to WAV, those of 0.80 to FLAC. The second microphone of 0.92 is left out: 0.80
    has only the first, and speaker p280 lacks the second.
    Speaker p315 has no transcripts in either version. Language is English; `subset` is None.
    """

    LAYOUT = "speaker-info.txt, txt/ and wav48/*/*.wav (version 0.80) or wav48_silence_trimmed/*/*_mic1.flac (0.92)"

    @classmethod
    def is_root(cls, folder):
        """Say whether *folder* has the audio folder of a version and transcripts."""
        return (folder / "txt").is_dir() and any((folder / name).is_dir() for name in (WAV_092, WAV_080))

    def rows(self):
        """Yield the recordings of the first microphone, speaker by speaker."""
        name = WAV_092 if (self.root / WAV_092).is_dir() else WAV_080
        if name == WAV_092 and (self.root / WAV_080).is_dir():
            raise NcstError(
                f"{self.root} holds two versions of {self.title}, {WAV_080}/ and {WAV_092}/: keep each in a folder of "
                "its own, and name one in `roots:`."
            )
        genders = self._genders()
        listed, found = set(), set()
        speakers = sorted({*listing(self.root / name), *listing(self.root / "txt")})
        for speaker in speakers:
            folder, texts = self.root / name / speaker, self.root / "txt" / speaker
            transcripts = {file[:-4] for file in listing(texts) if file.endswith(".txt")}
            listed |= transcripts
            for file in listing(folder):
                ending = next((ending for ending in ENDINGS[name] if file.endswith(ending)), None)
                if ending:
                    utt_id = file.removesuffix(ending)
                    found.add(utt_id)
                    yield {
                        "utt_id": utt_id,
                        "speaker": speaker,
                        "language": "en",
                        "gender": genders.get(speaker),
                        "text": read_text(texts / f"{utt_id}.txt", "latin-1") if utt_id in transcripts else None,
                        "path": folder / file,
                    }
        if lost := sorted(genders.keys() - set(speakers)):
            LOG.warning("%s: no folder of the speakers %s of speaker-info.txt", self.title, " ".join(lost))
        self.require(listed, found, "txt/", tolerance=0.02)

    def _genders(self):
        """Map speakers to F or M; version 0.80 writes 225 for p225."""
        lines = self.facts("speaker-info.txt")[1:]
        return {(f"p{f[0]}" if f[0].isdigit() else f[0]): f[2] for f in lines if len(f) > 2}
