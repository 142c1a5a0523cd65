"""Audio seconds per second of every codec at its official size: ncst against a plain loop over files.

    python benchmarks/resynthesis.py [--clips N] [--repeats N] [codec ...]

Weights follow the rule of the golden tests; their values do not matter for speed. Both sides get the same clips of
speech-like sound, 2 to 6 s long, at 16 kHz, and loading the network is in neither time.

- The plain loop reads a WAV file, resamples it, runs the network as its authors' code does (no_grad, one clip at a
  time, PyTorch's own choice of threads, weight norm and FACodec's activations computed as published), resamples back
  and writes a WAV file. encodec, snac and dac go through the calls of their own packages.
- Split is the same loop, the clips dealt to one process per core with one thread each (on a GPU: to two processes).
- ncst is `resynthesize.resynthesize`, from shard to shard: on a CPU one process with one thread per core, each with
  a shard of its own, as the workflow runs them; on a GPU one process. Outside: the share of a process's time in which
  it is not in the network.

The three take turns, and the fastest of the repeats counts for each: other work on the machine only makes a repeat
slower.
"""

import argparse
import multiprocessing
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import golden_codecs
import soundfile
import torch
from signals import speech_like
from torch import nn

from ncst import registry
from ncst.audio import resynthesize
from ncst.audio.codecs import _base
from ncst.audio.codecs._facodec_layers import Activation
from ncst.core.waveforms import encode_flac
from ncst.formats.shards import COLUMNS, write_shard

CASES = {
    "mimi": "mimi_32",
    "speechtokenizer": "speechtokenizer",
    "funcodec": "funcodec_ds640",
    "encodec": "encodec_24k",
    "facodec": "facodec_v1",
    "snac": "snac_24k",
    "wavtokenizer": "wavtokenizer_320",
    "soundstream": "soundstream_academicodec_16k320",
    "audiodec": "audiodec_v1_24k300",
    "hificodec": "hificodec_16k320",
    "dac": "dac_16k",
}
CORES = os.cpu_count()
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def load(name, weights, device):
    return registry.load("codecs", name)(golden_codecs.CODECS[name], weights, device)


def as_published(name, weights, device):
    """Return the codec *name* without what ncst does to its network for speed."""
    registry.load("codecs", name)  # DAC's own file folds its weights while it builds the network
    _base.fold_weight_norm = _base.speed_up = lambda network, **_: network
    codec = load(name, weights, device)
    for layer in codec.network.modules():
        if isinstance(layer, Activation):
            layer.forward = layer.differentiable
    published = {"dac": codec.network, "audiodec": codec.network.decoder}.get(name, nn.Identity())
    for layer in published.modules():
        if isinstance(layer, (nn.Conv1d, nn.ConvTranspose1d)):
            nn.utils.parametrizations.weight_norm(layer)
    codec.forward = own_call(name, codec)
    return codec


def own_call(name, codec):
    """Return the function from (1, T) audio at the codec's rate to (1, T') audio that the authors' package offers."""
    network = codec.network
    if name == "encodec":
        network.bandwidth = codec.books * network.bits_per_codebook * network.frame_rate / 1000
        return lambda audio: network.decode(network.encode(audio[None]))[0]
    if name == "snac":
        for module in network.modules():
            vars(module).pop("forward", None)  # noise drawn clip by clip
        return lambda audio: network.decode(network.encode(audio[None]))[0]
    if name == "dac":
        for quantizer in network.quantizer.quantizers:
            del quantizer.decode_latents  # the class's own
        return lambda audio: network.decode(network.encode(audio[None], codec.books)[0])[0]
    return codec.forward


@torch.no_grad()
def plain_loop(codec, files, out):
    """Send *files* through *codec* one by one and write them to the folder *out*."""
    from torchaudio.functional import resample

    for file in files:
        samples, rate = soundfile.read(file, dtype="float32")
        audio = resample(torch.from_numpy(samples)[None], rate, codec.sample_rate)
        audio = nn.functional.pad(audio, (0, -audio.shape[1] % codec.hop)).to(codec.device)
        decoded = resample(codec.forward(audio).cpu(), codec.sample_rate, rate)
        soundfile.write(out / file.name, decoded[0, : len(samples)].numpy(), rate)


def plain(name, weights, device, files):
    """Return the function that runs the plain loop over *files* once."""
    codec, out = as_published(name, weights, device), Path(tempfile.mkdtemp(dir=files[0].parent))
    return lambda: plain_loop(codec, files, out)


def ours(name, weights, device, shard):
    """Return the function that resynthesizes *shard* once and returns the share of time outside the network."""
    resynthesize.keep_freed_memory()
    codec, inside = load(name, weights, device), []
    run = codec.run

    def timed(audio, seeds):
        start = time.perf_counter()
        decoded = run(audio, seeds)
        if device == "cuda":
            torch.cuda.synchronize()
        inside.append(time.perf_counter() - start)
        return decoded

    codec.run = timed
    resynthesize.registry.load = lambda family, module: lambda *_: codec
    entry = golden_codecs.CODECS[name]

    def once():
        inside.clear()
        start = time.perf_counter()
        resynthesize.resynthesize(shard, name, entry, None, f"{shard}.{name}", 1, device, 1.0, workers=1)
        return 1 - sum(inside) / (time.perf_counter() - start)

    return once


def stay(connection, make, *args):
    """Make a function and call it, once to warm up and then whenever *connection* says so, until it says None."""
    once = make(*args)
    while True:
        connection.send(once())
        if connection.recv() is None:
            return


class Side:
    """Processes that each do a part of the work when `lap` is called, with one thread each or PyTorch's own choice."""

    def __init__(self, jobs, one_thread):
        spawn = multiprocessing.get_context("spawn")
        os.environ.update(dict.fromkeys(THREADS, "1") if one_thread else {})  # as Snakemake does
        self.laps, self.ends, self.processes = [], [], []
        for make, *args in jobs:
            end, other = spawn.Pipe()
            self.processes.append(spawn.Process(target=stay, args=(other, make, *args), daemon=True))
            self.processes[-1].start()
            self.ends.append(end)
            other.close()
        for name in THREADS:
            os.environ.pop(name, None)
        for end in self.ends:
            end.recv()

    def lap(self):
        """Let all processes do their part; keep the seconds until the last one is done, and one's result."""
        start = time.perf_counter()
        for end in self.ends:
            end.send("go")
        results = [end.recv() for end in self.ends]
        self.laps.append((time.perf_counter() - start, results[0]))

    def close(self):
        """End the processes."""
        for end, process in zip(self.ends, self.processes, strict=True):
            end.send(None)
            process.join()


def compare(name, weights, device, files, shards, repeats):
    """Return audio seconds per second of plain loop, split loop and ncst, and ncst's share outside the network."""
    seconds = sum(soundfile.info(file).duration for file in files)
    parts = CORES if device == "cpu" else 2
    sides = [
        Side([(plain, name, weights, device, files)], one_thread=False),
        Side([(plain, name, weights, device, files[part::parts]) for part in range(parts)], one_thread=True),
        Side([(ours, name, weights, device, shard) for shard in shards], one_thread=True),
    ]
    for _ in range(repeats):
        for side in sides:
            side.lap()
    for side in sides:
        side.close()
    (whole, _), (split, _), (own, outside) = (min(side.laps) for side in sides)
    return seconds / whole, seconds / split, seconds / own, outside


def write_clips(folder, count, shards):
    """Write *count* clips as WAV files and dealt to *shards* shards; return both lists of paths."""
    files, rows = [], []
    for i in range(count):
        clip = speech_like(2 + 4 * ((i * 0.618) % 1), i)
        files.append(folder / f"{i:03d}.wav")
        soundfile.write(files[-1], clip, 16_000)
        facts = {"utt_id": str(i), "clip_id": str(i), "codec": "real", "native_rate": 16_000, "status": "ok"}
        facts |= {"duration": len(clip) / 16_000, "audio": encode_flac(clip)}
        rows.append(dict.fromkeys(COLUMNS) | facts)
    rows.sort(key=lambda row: row["duration"])
    paths = [folder / f"real-{k}.parquet" for k in range(shards)]
    for k, path in enumerate(paths):
        write_shard(path, [row for i, row in enumerate(rows) if (i // shards + i) % shards == k])
    return files, paths


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("codecs", nargs="*", metavar="codec", help=f"of {', '.join(CASES)} (default: all)")
    parser.add_argument("--clips", type=int, default=4 * CORES)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if unknown := {*options.codecs} - {*CASES}:
        parser.error(f"not among the codecs: {', '.join(sorted(unknown))}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"{torch.cuda.get_device_name() if device == 'cuda' else _processor()}, {CORES} cores\n")
    print("| codec | plain loop | split | ncst | to plain | to split | outside the network |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files, shards = write_clips(folder, options.clips, CORES if device == "cpu" else 1)
        for codec in options.codecs or CASES:
            golden_codecs.load(CASES[codec], folder / codec)
            weights = folder / codec / "codec.safetensors"
            whole, split, own, outside = compare(codec, weights, device, files, shards, options.repeats)
            ratios = f"{own / whole:.2f} | {own / split:.2f}"
            print(f"| {codec} | {whole:.1f} | {split:.1f} | {own:.1f} | {ratios} | {outside:.1%} |", flush=True)
            weights.unlink()


def _processor():
    facts = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
    names = [line.split(": ")[1] for line in facts if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
