"""Text that users and publishers write: configurations, metadata of corpora, lists of the release."""

import functools
import io
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import yaml
from hypothesis import strategies as st

from hostile.damage import PLAIN, bent, damaged
from ncst.exchange.release_listing import list_clips, read_utterances
from ncst.formats.tables import read_table
from ncst.plan import options
from ncst.plan.config import REGISTRIES, complete, load_config
from ncst.plan.yaml_files import read_mapping
from ncst.speech.id_lists import read_ids
from ncst.speech.index_corpus import index_corpus

OVERLAYS = [path.read_bytes() for path in sorted(Path("config").glob("*.yaml")) if path.stat().st_size < 3000]


def wav():
    """Return a good WAV file of 0.6 s."""
    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(9600) / 9).astype(np.float32) * 0.3, 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


class YamlFiles:
    """Overlays as files: not YAML, not UTF-8, bombs, circles."""

    inputs = damaged(*OVERLAYS, b"a: &a {x: [1, 2]}\nb: {<<: *a, y: *a}\nc: [*a, *a, .nan, 2026-01-01, 0o7, ~]\n")

    def __init__(self, folder):
        self.path = folder / "overlay.yaml"

    def __call__(self, content):
        self.path.write_bytes(content)
        read_mapping(self.path)


class Overlays:
    """Overlays as values: any value at any key of the configuration."""

    def __init__(self, folder):
        registries = {}
        for name in REGISTRIES:
            registries |= read_mapping(f"config/{name}.yaml")
        options.settings_of = functools.cache(options.settings_of)  # no plugin changes meanwhile
        options.allowed_values = functools.cache(options.allowed_values)
        self.inputs = st.builds(_sparse, st.just(registries), bent(registries))

    def __call__(self, overlay):
        complete(overlay)


def _sparse(whole, bent_tree):
    """Return what of *bent_tree* differs from *whole*: the overlay that makes it so."""
    if not isinstance(whole, dict) or not isinstance(bent_tree, dict):
        return bent_tree
    return {
        key: _sparse(whole.get(key), value)
        for key, value in bent_tree.items()
        if whole.get(key) is not value and value != whole.get(key)
    }


CORPORA = {  # texts and sounds of each
    "vctk": (
        {
            "speaker-info.txt": "ID  AGE  GENDER  ACCENTS  REGION COMMENTS\np225  23  F    English    Southern\n",
            "txt/p225/p225_001.txt": "Please call\n",
        },
        ["wav48_silence_trimmed/p225/p225_001_mic1.flac", "wav48_silence_trimmed/p225/p225_002_mic1.flac"],
    ),
    "aishell3": (
        {
            "spk-info.txt": "# speaker\tage\tgender\taccent\nSSB0005\tB\tfemale\tnorth\n",
            "train/content.txt": "SSB00050001.wav\t广 guang3 州 zhou1\n",
            "test/content.txt": "SSB00050002.wav\t你 ni3\n",
        },
        ["train/wav/SSB0005/SSB00050001.wav", "test/wav/SSB0005/SSB00050002.wav"],
    ),
    "ncssd": ({"R-EN_0_0_d10.lab": "hello\n"}, ["R-EN_0_0_d10.wav", "C-ZH_1_3_d20.wav"]),
    "asvspoof2019_la": (
        {
            "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.eval.trl.txt": (
                "LA_0039 LA_E_1 - A07 spoof\nLA_0040 LA_E_2 - - bonafide\n"
            )
        },
        ["ASVspoof2019_LA_eval/flac/LA_E_1.flac", "ASVspoof2019_LA_eval/flac/LA_E_2.flac"],
    ),
    "in_the_wild": (
        {"meta.csv": 'file,speaker,label\n0.wav,Alec Guinness,spoof\n1.wav,"X, Y",bona-fide\n'},
        ["0.wav", "1.wav"],
    ),
    "codecfake_plus_cors": ({}, ["all_data_16k/p225_001.wav", "all_data_16k/p225_001_bigcodec.wav"]),
    "codecfake_plus_cosg": (
        {"CoSG_ALL.txt": "VALLE a - spoof\nVALLE b - bonafide\n"},
        ["SLMdemos_16k/VALLE/a.wav", "SLMdemos_16k/VALLE/b.wav"],
    ),
    "directory": (
        {
            "list.csv": "path,utt_id,speaker,language,gender,text,kind\n"
            'a/0.wav,u0,s,en,f,"hello, you",bonafide\na/1.wav,u1,t,zh,m,=1+1,spoof\n'
        },
        ["a/0.wav", "a/1.wav"],
    ),
    "alm": ({"clips.csv": "path,utt_id,text,language\na.wav,x_0,hello,en\nb.wav,x_1,'=1,\n"}, ["a.wav", "b.wav"]),
}
SETTINGS = {"directory": {"table": "list.csv"}}


class Corpus:
    """A corpus whose texts, and the name of one more file, are hostile."""

    def __init__(self, folder, name):
        self.name, self.root, self.out = name, folder / "corpus", folder / "index.parquet"
        self.texts, sounds = CORPORA[name]
        for sound in sounds:
            (self.root / sound).parent.mkdir(parents=True, exist_ok=True)
            (self.root / sound).write_bytes(wav())
        folders = sorted({Path(file).parent.as_posix() for file in (*sounds, *self.texts)})
        names = st.builds(
            lambda text, end: text.replace(b"/", b"").replace(b"\0", b"")[:200] + end,
            damaged(*(Path(s).name.encode() for s in sounds)),
            st.sampled_from((b"", b".wav", b".flac", b".txt")),
        )
        parts = {file: damaged(text.encode()) for file, text in self.texts.items()}
        self.inputs = st.tuples(st.fixed_dictionaries(parts), st.none() | st.tuples(st.sampled_from(folders), names))

    def __call__(self, value):
        texts, extra = value
        for file, content in texts.items():
            (self.root / file).parent.mkdir(parents=True, exist_ok=True)
            (self.root / file).write_bytes(content)
        self.out.with_suffix(".headers").unlink(missing_ok=True)
        added = extra and self.root / extra[0] / os.fsdecode(extra[1])
        new = added and added.name not in ("", ".", "..") and not added.exists()
        entry = {"title": self.name, "settings": SETTINGS.get(self.name)}
        try:
            if new:
                added.touch()
            index_corpus(self.name, entry, self.root, self.out, workers=1)
        finally:
            if new:
                added.unlink()


class ParquetTable:
    """A corpus whose Parquet table holds values of any kind."""

    inputs = st.lists(st.tuples(PLAIN, PLAIN, PLAIN, PLAIN), min_size=1, max_size=3)

    def __init__(self, folder):
        self.root, self.out = folder / "corpus", folder / "index.parquet"
        self.root.mkdir()
        (self.root / "1").write_bytes(wav())

    def __call__(self, rows):
        frame = pd.DataFrame(rows, columns=["path", "utt_id", "speaker", "kind"], dtype=object)
        try:
            frame.to_parquet(self.root / "t.parquet")
        except (ValueError, TypeError, OverflowError):
            return  # no such file can be
        entry = {"title": "T", "settings": {"table": "t.parquet"}}
        index_corpus("directory", entry, self.root, self.out, workers=1)


class Release:
    """Label lists and the table of utterances of the official release."""

    inputs = st.tuples(
        damaged(b"p225_001.wav real 0\nmimi_p225_001.wav fake 1\n"),
        damaged(b"source_set,utt_id,corpus,speaker,language,gender\nst_train,p225_001,vctk,p225,en,female\n"),
    )

    def __init__(self, folder):
        self.root = folder / "release"
        for name in ("train/p225_001.wav", "train/mimi_p225_001.wav", "label/train.txt"):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_bytes(wav())
        self.codecs = load_config()["codecs"]

    def __call__(self, value):
        (self.root / "label/train.txt").write_bytes(value[0])
        (self.root / "label/utterances.csv").write_bytes(value[1])
        read_utterances(self.root)
        list_clips(self.root, self.codecs)


class IdLists:
    """Lists of ids, plain and packed."""

    def __init__(self, folder):
        import gzip
        import lzma

        self.folder, text = folder, b"p225_001\np225_002\n" * 200
        kinds = {"ids.txt": text, "ids.gz": gzip.compress(text), "ids.xz": lzma.compress(text)}
        self.inputs = st.one_of(*(st.tuples(st.just(name), damaged(content)) for name, content in kinds.items()))

    def __call__(self, value):
        (self.folder / value[0]).write_bytes(value[1])
        read_ids(self.folder / value[0])


TABLE = {
    "caption": "C",
    "columns": [{"name": "a", "title": "A", "values": [1, None], "beside": {"low": [0.1, None]}, "percent": True}],
    "across": None,
    "notes": ["n"],
}


class JsonFiles:
    """Tables of results as JSON."""

    inputs = st.one_of(damaged(json.dumps(TABLE).encode()), bent(TABLE).map(lambda tree: _text(tree)))

    def __init__(self, folder):
        self.path = folder / "table.json"

    def __call__(self, content):
        self.path.write_bytes(content)
        read_table(self.path)


def _text(tree):
    try:
        return json.dumps(tree).encode()
    except (TypeError, ValueError):
        return yaml.safe_dump(tree).encode("utf-8", "replace")
