"""Which codecs batch clips of unequal lengths, and how far a clip in such a batch is from the same clip alone.

    python benchmarks/unequal_lengths.py [case ...]

Official sizes and weights by the rule of the golden tests, on a GPU if there is one. The clips are the golden case's
own and speech-like sound of other lengths.
"""

import argparse
import tempfile
from pathlib import Path

import golden_codecs
import numpy as np
import torch
from signals import speech_like

from ncst.audio.codecs._ragged import lengths_of, plain

SECONDS = (0.5, 0.613, 0.913, 1.137)


def alone_and_together(codec, clips):
    """Resynthesize *clips* one by one and then in one batch.

    Returns
    -------
    codes : int
        How many codes there are.
    other : int
        How many of them differ.
    worst : float
        The largest difference between two samples of the sound.
    """
    batch_seconds, encode, seen = codec.batch_seconds, getattr(codec, "encode", None), []

    def watched(audio):  # codecs that are one function from audio to audio have no codes
        codes, side = encode(audio)
        seen.extend(plain(codes)[i, :, :length] for i, length in enumerate(lengths_of(codes)))
        return codes, side

    codec.encode = watched
    try:
        sound = []
        for codec.batch_seconds in (0.0, 1000.0):
            sound.append(codec.resynthesize(clips, list(range(len(clips)))))
    finally:
        codec.encode, codec.batch_seconds = encode, batch_seconds
    pairs = list(zip(seen[: len(clips)], seen[len(clips) :], strict=True))
    worst = max(float(np.abs(a - b).max()) for a, b in zip(*sound, strict=True))
    return sum(a.numel() for a, _ in pairs), sum(int((a != b).sum()) for a, b in pairs), worst


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="*", metavar="case", help=f"of {', '.join(golden_codecs.CASES)} (default: all)")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print("| case | unequal lengths | codes | of them other | largest difference |\n|---|---|---|---|---|")
    for case in parser.parse_args().cases or golden_codecs.CASES:
        with tempfile.TemporaryDirectory() as folder:
            codec = golden_codecs.load(case, Path(folder))
            if device == "cuda":
                codec = type(codec)(codec.entry, Path(folder, "codec.safetensors"), device)
        clips = [speech_like(seconds, number) for number, seconds in enumerate(SECONDS)]
        codes, other, worst = alone_and_together(codec, clips)
        print(f"| {case} | {'yes' if codec.unequal else 'no'} | {codes} | {other} | {worst:.1e} |", flush=True)


if __name__ == "__main__":
    main()
