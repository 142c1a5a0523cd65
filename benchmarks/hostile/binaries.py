"""Binary files: sounds, scores, checkpoints, archives, features."""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import pickle
import shutil
import tarfile
import zipfile

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
import torch
from hypothesis import strategies as st
from safetensors.torch import save

from hostile.damage import damaged
from hostile.texts import wav
from ncst.core.checkpoint_files import read_checkpoint, read_weights, unwrap
from ncst.core.waveforms import UnusableAudio, read_audio
from ncst.exchange.evaluate_scores import evaluate_external
from ncst.exchange.score_files import read_columns
from ncst.fetch.archives import extract
from ncst.formats import index, manifests, scores, shards
from ncst.formats.features import FeatureStore
from ncst.plan import folders
from ncst.plan.config import load_config
from ncst.speech.index_corpus import index_corpus, probe

TONE = (np.sin(np.arange(4000) / 9) * 0.3).astype(np.float32)
NUMBERS = st.sampled_from((0.0, 1.0, -1.0, 1e-45, 3e38, -3e38, 1e5, -1e5, 0.1)) | st.floats(-50, 50)
LONGEST = 30.0  # seconds read of a sound that says it is longer


def _sound(kind, subtype=None):
    file = io.BytesIO()
    soundfile.write(file, TONE, 16_000, format=kind, subtype=subtype)
    return file.getvalue()


def _container(kind, codec):
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray((TONE[None] * 30000).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 0
        resampler = av.AudioResampler(stream.codec_context.format, "mono", 16_000, frame_size=1024)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return file.getvalue()


class Sounds:
    """Headers and samples of sounds, those of libsndfile and those of PyAV."""

    def __init__(self, folder):
        self.folder = folder
        kinds = {
            "a.wav": wav(),
            "b.wav": _sound("WAV", "FLOAT"),
            "a.flac": _sound("FLAC"),
            "a.ogg": _sound("OGG", "VORBIS"),
        }
        kinds |= {"a.mp3": _sound("MP3"), "a.aiff": _sound("AIFF"), "a.w64": _sound("W64")}
        kinds |= {
            "a.m4a": _container("mp4", "aac"),
            "a.webm": _container("webm", "libopus"),
            "a.aac": _container("adts", "aac"),
        }
        self.inputs = st.one_of(*(st.tuples(st.just(name), damaged(content)) for name, content in kinds.items()))

    def __call__(self, value):
        path = self.folder / value[0]
        path.write_bytes(value[1])
        (header,) = probe([str(path)], workers=1)
        for source in (path, value[1]):
            with contextlib.suppress(UnusableAudio):
                read_audio(source, LONGEST)
        assert header["reason"] or header["duration"] > 0


class Scores:
    """Score files and label lists of any toolkit."""

    def __init__(self, folder):
        self.folder = folder
        columns = {
            "clip_id": np.array(["a", "b", "c"]),
            "label": np.arange(3),
            "logits": np.eye(3, 4, dtype=np.float32),
        }
        npz, csv = io.BytesIO(), b"clip_id,label,logit_0,logit_1\na.wav,0,1.5,-2\nb.wav,1,0.1,3e2\n"
        np.savez_compressed(npz, **columns)
        table = pa.table(columns | {"logits": pa.array(columns["logits"].tolist())})
        own, narrow = (
            _parquet(t) for t in (table.replace_schema_metadata({"ncst": json.dumps({"classes": [0, 1, 2, 3]})}), table)
        )
        kinds = {"s.txt": b"a.wav 0 0.9\nb.wav 3 0.4\n", "l.txt": b"a.wav fake 3\nb.wav real 0\n", "s.csv": csv}
        kinds |= {"s.npz": npz.getvalue(), "s.parquet": own, "n.parquet": narrow}
        self.inputs = st.one_of(*(st.tuples(st.just(name), damaged(content)) for name, content in kinds.items()))

    def __call__(self, value):
        path = self.folder / value[0]
        path.write_bytes(value[1])
        read_columns(path, "labels" if value[0] == "l.txt" else "scores")


class Evaluations:
    """Score files of whole splits, damaged or of any numbers, evaluated to their tables."""

    def __init__(self, folder):
        self.folder, self.config = folder, load_config()
        self.config["select"]["detectors"] = ["msp", "energy"]
        self.inputs = st.tuples(self._tables("real", "id"), self._tables("ood_single"))

    def _tables(self, *roles):
        codecs = [name for name, entry in self.config["codecs"].items() if entry["role"] in roles]
        clips = [f"{name}_p{s}_001".removeprefix("real_") for name in codecs for s in (225, 226)]
        good = _logits(clips, np.random.default_rng(0).standard_normal((len(clips), 7)))
        rows = st.lists(st.tuples(*[NUMBERS] * 7), min_size=len(clips), max_size=len(clips))
        return st.one_of(st.just(good), damaged(good), st.builds(_logits, st.just(clips), rows))

    def __call__(self, value):
        for name, content in zip(("eval_id.csv", "ood_single.csv"), value, strict=True):
            (self.folder / name).write_bytes(content)
        files = [str(self.folder / name) for name in ("eval_id.csv", "ood_single.csv")]
        try:
            evaluate_external(files, self.folder / "out", self.config)
        finally:
            shutil.rmtree(self.folder / "out", ignore_errors=True)


class Memories:
    """What an index remembers of headers and folders, and anything in its place."""

    def __init__(self, folder):
        self.folder, self.index, root = folder, folder / "corpora/x.parquet", folder / "corpus"
        (root / "s").mkdir(parents=True)
        (root / "s/a.wav").write_bytes(wav())
        self.root, self.entry = root, {"title": "X", "licence": "none"}
        index_corpus("directory", self.entry, root, self.index, workers=1)
        self.files = [self.index, self.index.with_suffix(".headers"), self.index.with_suffix(".folders")]
        self.inputs = st.tuples(*(damaged(file.read_bytes()) for file in self.files))
        self.config = {"results": str(folder), "name": ".", "roots": {"x": str(root)}, "corpora": {"x": self.entry}}

    def __call__(self, value):
        for file, content in zip(self.files, value, strict=True):
            file.write_bytes(content)
        list(folders.changes(self.config, self.config["roots"]))
        index_corpus("directory", self.entry, self.root, self.index, workers=1)


def _logits(clips, rows):
    """Return a CSV file of the logits *rows* of *clips*."""
    head = ",".join(["clip_id", *(f"logit_{c}" for c in range(7))])
    lines = [",".join([clip, *(repr(float(value)) for value in row)]) for clip, row in zip(clips, rows, strict=True)]
    return "\n".join([head, *lines, ""]).encode()


def _parquet(table):
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


class Tables:
    """The project's own Parquet files: scores, shards, indexes, manifests."""

    def __init__(self, folder):
        self.path = folder / "t.parquet"
        about = {"classes": [0, 1], "class_names": ["A", "B"], "model": "m", "seed": 1, "split": "s"}
        columns = {"clip_id": ["a", "b"], "utt_id": ["a", "b"], "codec": ["real"] * 2, "label": [0, 1]}
        scores.write_scores(self.path, about, columns, {"logits": np.eye(2), "embedding": np.eye(2)})
        contents = {"scores": self.path.read_bytes()}
        row = dict.fromkeys(shards.SCHEMA.names) | {
            "clip_id": "a",
            "label": 0,
            "status": "ok",
            "duration": 0.25,
            "audio": _sound("FLAC"),
        }
        shards.write_shard(self.path, [row])
        contents["shards"] = self.path.read_bytes()
        index.write_index(self.path, [dict.fromkeys(index.SCHEMA.names) | {"utt_id": "a", "duration": 1.0}])
        contents["index"] = self.path.read_bytes()
        pq.write_table(pa.Table.from_pylist([dict.fromkeys(manifests.SCHEMA.names)], manifests.SCHEMA), self.path)
        contents["manifests"] = self.path.read_bytes()
        self.inputs = st.one_of(*(st.tuples(st.just(kind), damaged(content)) for kind, content in contents.items()))

    def __call__(self, value):
        kind, content = value
        self.path.write_bytes(content)
        if kind == "scores":
            scores.read_scores(self.path, embedding=True)
        elif kind == "shards":
            shards.read_digest(self.path), shards.read_notes(self.path), shards.read_rows(self.path)
            list(shards.iter_clips(self.path))
        elif kind == "index":
            index.read_index(self.path)
        else:
            manifests.read_manifest(self.path)


class Checkpoints:
    """Checkpoints of PyTorch, zipped and old, pickles that run code, and safetensors."""

    def __init__(self, folder):
        self.folder = folder
        state = {"layer.weight": torch.ones(2, 3), "layer.bias": torch.zeros(3)}
        zipped, old = io.BytesIO(), io.BytesIO()
        torch.save({"state_dict": state}, zipped)
        torch.save(state, old, _use_new_zipfile_serialization=False)
        evil = pickle.dumps(_Evil(folder / "executed"))
        kinds = {
            "z.pt": zipped.getvalue(),
            "o.pt": old.getvalue(),
            "e.pt": evil,
            "s.safetensors": save(state, {"config": "{}"}),
        }
        self.inputs = st.one_of(*(st.tuples(st.just(name), damaged(content)) for name, content in kinds.items()))

    def __call__(self, value):
        path = self.folder / value[0]
        path.write_bytes(value[1])
        try:
            if value[0].startswith("s") and len(value[1]) % 2:
                read_weights(path)
            elif isinstance(tree := read_checkpoint(path), dict):
                unwrap(tree, ["layer.weight", "layer.bias"], path)
        finally:
            assert not (self.folder / "executed").exists(), "a pickle was executed"


class _Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


class Archives:
    """Archives that are damaged, lead elsewhere or are bombs."""

    def __init__(self, folder):
        self.out, self.folder = folder / "deep/out", folder
        noise = np.random.default_rng(0).bytes(3000)
        files = {"top/speaker-info.txt": b"ID\n" * 50, "top/wav/a.wav": noise}
        plain, linked, packed = io.BytesIO(), io.BytesIO(), io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as archive, tarfile.open(fileobj=linked, mode="w") as links:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            for kind, target in ((tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "../../x"), (tarfile.CHRTYPE, "")):
                member = tarfile.TarInfo(f"top/{kind.decode()}")
                member.type, member.linkname = kind, target
                links.addfile(member)
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        tar = plain.getvalue()
        kinds = {
            "a.tar": tar,
            "a.tar.gz": gzip.compress(tar),
            "a.tar.xz": lzma.compress(tar),
            "a.zip": packed.getvalue(),
        }
        kinds["a.tar.bz2"] = bz2.compress(tar)
        self.inputs = st.one_of(*(st.tuples(st.just(name), damaged(content)) for name, content in kinds.items()))

    def __call__(self, value):
        path = self.folder / value[0]
        path.write_bytes(value[1])
        try:
            extract([path], self.out)
        finally:
            shutil.rmtree(self.folder / "deep", ignore_errors=True)
            path.unlink()
            assert not list(self.folder.iterdir()), "written outside"


class Features:
    """Feature files and their fingerprints."""

    def __init__(self, folder):
        file = io.BytesIO()
        np.save(file, np.zeros((2, 3), np.float32))
        self.results, self.place = folder, folder / "features/mel/s/c/0.npy"
        self.place.parent.mkdir(parents=True)
        self.inputs = st.tuples(damaged(file.getvalue()), damaged(b'{"audio": "", "samples": 64600, "notes": {}}'))

    def __call__(self, value):
        self.place.write_bytes(value[0])
        self.place.with_suffix(".json").write_bytes(value[1])
        FeatureStore(self.results, "mel").open("s/c/0.parquet")
