"""Lyra V2, Google's SoundStream (Zeghidour et al., 2021) in TensorFlow Lite, run by LiteRT."""

from pathlib import Path

import numpy as np
import torch

from ncst.audio.codecs._base import Base, books_of
from ncst.core.checkpoint_files import looks_like
from ncst.errors import NcstError

PARTS = ("soundstream_encoder", "quantizer", "lyragan")
BOOKS = 46
ON_GPU = False  # LiteRT, on the CPU


class Lyra(Base):
    """Lyra V2 at 16 kHz, 50 frames/s, 4 bits a book: 16, 30 or 46 books are 3.2, 6 or 9.2 kbit/s.

    Encoder and generator keep state from frame to frame, so every clip gets fresh ones (`reset_all_variables` zeroes
    the state instead of restoring its first values, which changes the first 0.4 s of the next clip). The weight file
    holds the three TFLite models as bytes. LiteRT runs on the CPU whatever *device* says, one thread, one clip at a
    time.
    """

    signs = r"^soundstream_encoder$"
    batches = False
    hop = 320

    def load(self, config, state, path):
        """Keep the bytes in *state*, and start the quantizer, which has no state."""
        if set(state) != set(PARTS):
            raise NcstError(f"{path} looks like weights of {looks_like(state)}, not of Lyra: fetch the right file.")
        if self.precision != "fp32":
            raise NcstError(f"LiteRT runs Lyra as published: take `precision: {self.precision}` from its entry.")
        self.books = books_of(self.settings, BOOKS)
        self.device = torch.device("cpu")
        self._models = {name: model.numpy().tobytes() for name, model in state.items()}
        quantizer = self._start("quantizer")
        self._quantize = quantizer.get_signature_runner("encode")
        self._dequantize = quantizer.get_signature_runner("decode")

    def encode(self, audio):
        """Return ``(codes, None)`` of one clip (1, T): (1, books, T / 320) int64."""
        encoder = self._start("soundstream_encoder").get_signature_runner("serving_default")
        frames = audio[0].numpy().reshape(-1, 1, self.hop)
        return torch.from_numpy(np.stack([self._encode_frame(encoder, frame) for frame in frames], -1))[None], None

    def decode(self, codes, side):
        """Return (1, T) audio of one clip's codes."""
        generator = self._start("lyragan").get_signature_runner("serving_default")
        frames = codes[0].numpy().astype(np.int32).T
        return torch.from_numpy(np.concatenate([self._decode_frame(generator, frame) for frame in frames], -1))

    def _start(self, name):
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(model_content=self._models[name], num_threads=1)

    def _encode_frame(self, encoder, samples):
        features = encoder(input_audio=samples)["output_0"]
        indices = self._quantize(input_frames=features, num_quantizers=np.int32(self.books))["output_0"]
        return indices[: self.books, 0, 0].astype(np.int64)

    def _decode_frame(self, generator, indices):
        padded = np.full((BOOKS, 1, 1), -1, np.int32)  # -1: a book that is not used
        padded[: len(indices), 0, 0] = indices
        features = self._dequantize(encoding_indices=padded)["output_0"]
        return generator(input_audio=features)["output_0"]

    @classmethod
    def tiny(cls):
        """Return None: the networks are what is in the official files."""

    @classmethod
    def convert(cls, files, entry):
        """Take the three ``.tflite`` files of google/lyra, ``lyra/model_coeffs/``."""
        return {}, {
            name: torch.frombuffer(bytearray(Path(files[f"{name}.tflite"]).read_bytes()), dtype=torch.uint8)
            for name in PARTS
        }
