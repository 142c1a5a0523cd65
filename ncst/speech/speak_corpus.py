"""Demo corpora: espeak-ng speech in the exact layouts of the real ones, so that a demo runs the same parsers."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ncst.core.seeds import seed_of
from ncst.core.shipped import shipped
from ncst.errors import NcstError

SENTENCES = shipped("resources", "demo")
LANGUAGES = {"en": ("en", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-029"), "zh": ("cmn",)}
FEMALE = "f1 f2 f3 f4 f5 Alicia Annie aunty belinda grandma linda steph anika shelby"
MALE = (
    "m1 m2 m3 m4 m5 m6 m7 m8 Alex Denis Diogo Henrique Lee Mario Michael Mike Nguyen adam boris grandpa marcelo max "
    "michel miguel quincy rob robert victor"
)


def speak_corpus(layout, destination, seed, speakers, utterances, workers=None):
    """Write a demo corpus in the layout of a real one, into *destination*, whole or not at all.

    The same arguments give the same bytes. Speakers alternate between female and male and differ in voice, accent,
    rate, pitch, level, room and noise. The two corpora with spoofs get as many of them again, made by classic vocoders.

    Parameters
    ----------
    layout : {"vctk", "aishell3", "ncssd", "asvspoof2019_la", "in_the_wild", "more_real"}
        The corpus' name.
    destination : path
        The corpus' root; must not exist or be empty.
    seed : int
        Decides voices, sentences and noise.
    speakers, utterances : int
        Number of speakers, and of bona fide utterances of each (and of spoofs).
    workers : int, optional
        Processes at a time; default: one per core.

    Raises
    ------
    NcstError
        If the layout is unknown, the numbers are beyond the sentences, or *destination* is in use.
    """
    if layout not in LAYOUTS:
        raise NcstError(f"There is no demo of {layout!r}: name its folder in `roots:`, or use one of {list(LAYOUTS)}.")
    destination = Path(destination).absolute()
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise NcstError(f"{destination} is in use: a demo corpus is written to an empty folder only; delete it first.")
    rate, plan = LAYOUTS[layout]
    jobs, tables = plan(_Cast(layout, seed, speakers, utterances))
    destination.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", dir=destination.parent))
    try:
        with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
            list(pool.map(lambda job: _record(job, rate, folder, seed), jobs))
        for name, content in tables.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        folder.chmod(0o755)
        folder.replace(destination)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _record(job, rate, folder, seed):
    voice, clips = job
    content = json.dumps({"voice": voice, "clips": clips, "rate": rate, "folder": str(folder), "seed": seed})
    command = [sys.executable, "-m", "ncst.speech.speaker"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, input=content, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise NcstError(f"The demo speaker {voice['name']} failed: {done.stderr.strip().splitlines()[-1]}")


class _Cast:
    """Who speaks what: voices and sentences from named seeds."""

    def __init__(self, layout, seed, speakers, utterances):
        self.layout, self.seed, self.speakers, self.utterances = layout, seed, speakers, utterances

    def voice(self, index, name, language="en"):
        rng = np.random.default_rng(seed_of(self.seed, self.layout, index, "voice"))
        gender, variants = (("female", FEMALE), ("male", MALE))[index % 2]
        order = np.random.default_rng(seed_of(self.seed, self.layout, gender)).permutation(variants.split())
        return {
            "name": name,
            "gender": gender,
            "language": LANGUAGES[language][rng.integers(len(LANGUAGES[language]))],
            "variant": str(order[index // 2 % len(order)]),
            "rate": int(rng.integers(145, 176)),
            "pitch": int(rng.integers(38, 63)),
            "spread": int(rng.integers(40, 65)),
            "warp": round(float(rng.uniform(0.94, 1.06)), 3),
            "colour": round(float(rng.uniform(-0.3, 0.5)), 3),
            "reverberation": round(float(rng.uniform(0.08, 0.3)), 3),
            "level_db": round(float(rng.uniform(-29, -20)), 2),
            "noise_db": round(float(rng.uniform(-66, -52)), 2),
        }

    def sentences(self, index, count, language="en"):
        lines = (SENTENCES / f"sentences_{language}.txt").read_text(encoding="utf-8").splitlines()
        if count > len(lines):
            raise NcstError(f"The demo has {len(lines)} sentences in {language!r}, not {count}: lower `utterances:`.")
        order = np.random.default_rng(seed_of(self.seed, self.layout, index, "sentences")).permutation(len(lines))
        return [lines[i] for i in order[:count]]


def _clip(path, text, attack=None):
    return {"path": path, "text": text, "attack": attack}


def _hanzi(line):
    return "".join(line.split()[::2])


def _vctk(cast):
    jobs, tables = [], {"speaker-info.txt": "ID  AGE  GENDER  ACCENTS  REGION COMMENTS\n"}
    for s in range(cast.speakers):
        voice = cast.voice(s, f"p{901 + s}")
        clips = []
        for u, text in enumerate(cast.sentences(s, cast.utterances), 1):
            name = f"{voice['name']}/{voice['name']}_{u:03d}"
            clips.append(_clip(f"wav48_silence_trimmed/{name}_mic1.flac", text))
            tables[f"txt/{name}.txt"] = f"{text}\n"
        tables["speaker-info.txt"] += f"{voice['name']}  {20 + s}  {voice['gender'][0].upper()}    Synthetic\n"
        jobs.append((voice, clips))
    return jobs, tables


def _aishell3(cast):
    jobs = []
    tables = {"spk-info.txt": "# speaker\tage\tgender\taccent\n", "train/content.txt": "", "test/content.txt": ""}
    for s in range(cast.speakers):
        voice = cast.voice(s, f"SSB{9001 + s}", "zh")
        clips = []
        part = "test" if s % 4 == 3 else "train"
        for u, line in enumerate(cast.sentences(s, cast.utterances, "zh"), 1):
            name = f"{voice['name']}{u:04d}.wav"
            clips.append(_clip(f"{part}/wav/{voice['name']}/{name}", _hanzi(line)))
            tables[f"{part}/content.txt"] += f"{name}\t{line}\n"
        tables["spk-info.txt"] += f"{voice['name']}\tB\t{voice['gender']}\tnorth\n"
        jobs.append((voice, clips))
    return jobs, tables


def _ncssd(cast):
    jobs = []
    for s in range(cast.speakers):
        language, number = ("en", "zh")[s % 2], s // 2
        voice = cast.voice(s ^ number % 2, f"R-{language.upper()}_{number}", language)
        clips = []
        for u, line in enumerate(cast.sentences(s, cast.utterances, language)):
            turn, dialogue = 2 * (u % 7) + (number > 0), 100 * number + u // 7
            text = _hanzi(line) if language == "zh" else line
            clips.append(_clip(f"R-{language.upper()}_{turn}_{number}_d{dialogue}.wav", text))
        jobs.append((voice, clips))
    return jobs, {}


def _with_spoofs(cast, name):
    """Yield voice, number, text and attack (None: bona fide) of each clip, all of a speaker in a row."""
    for s in range(cast.speakers):
        voice = cast.voice(s, name(s))
        texts = cast.sentences(s, 2 * cast.utterances)
        attacks = [None] * cast.utterances + [("A91", "A92")[u % 2] for u in range(cast.utterances)]
        yield voice, [(len(texts) * s + i, text, attack) for i, (text, attack) in enumerate(zip(texts, attacks))]


def _asvspoof2019_la(cast):
    jobs, protocol = [], ""
    for voice, items in _with_spoofs(cast, lambda s: f"LA_{9001 + s}"):
        clips = []
        for number, text, attack in items:
            name = f"LA_E_{9000001 + number}"
            clips.append(_clip(f"ASVspoof2019_LA_eval/flac/{name}.flac", text, attack))
            protocol += f"{voice['name']} {name} - {attack or '-'} {'spoof' if attack else 'bonafide'}\n"
        jobs.append((voice, clips))
    return jobs, {"ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.eval.trl.txt": protocol}


def _in_the_wild(cast):
    jobs, table = [], "file,speaker,label\n"
    for voice, items in _with_spoofs(cast, lambda s: f"Synthetic Speaker {s + 1}"):
        clips = []
        for number, text, attack in items:
            clips.append(_clip(f"{number}.wav", text, attack))
            table += f"{number}.wav,{voice['name']},{'spoof' if attack else 'bona-fide'}\n"
        jobs.append((voice, clips))
    return jobs, {"meta.csv": table}


def _more_real(cast):
    jobs = []
    for s in range(cast.speakers):
        language = ("en", "zh")[s // 2 % 2]
        voice = cast.voice(s, f"reader{s + 1}", language)
        lines = cast.sentences(s, cast.utterances, language)
        texts = map(_hanzi, lines) if language == "zh" else lines
        jobs.append((voice, [_clip(f"{voice['name']}/{u}.wav", text) for u, text in enumerate(texts, 1)]))
    return jobs, {}


LAYOUTS = {
    "vctk": (48_000, _vctk),
    "aishell3": (44_100, _aishell3),
    "ncssd": (16_000, _ncssd),
    "asvspoof2019_la": (16_000, _asvspoof2019_la),
    "in_the_wild": (16_000, _in_the_wild),
    "more_real": (22_050, _more_real),
}
