"""What every codec shares: rates, length, batching, seeds and the way weights are found."""

import logging

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize, remove_weight_norm

from ncst.audio.codecs._fast import speed_up
from ncst.audio.codecs._ragged import lengths_of, plain, ragged
from ncst.core.checkpoint_files import load_strictly, read_weights
from ncst.core.devices import computing, device_of, is_full, precision_of, release_memory
from ncst.core.waveforms import SAMPLE_RATE, UnusableAudio, fit_length, resample
from ncst.errors import NcstError

log = logging.getLogger(__name__)

SHORTEST = 0.1  # s
SHORTEST_UNEQUAL = 0.5  # s: reflections need more frames than a kernel is long
TINY = 1e-12  # of sums of squares
BATCH_SECONDS = {"cpu": 0.0, "cuda": 64.0}  # by kind of device


class Base:
    """A codec: speech in, the same speech after encoding and decoding out.

    A subclass writes three methods; the base class owns the rest: 16 kHz mono in and out, output exactly as long as
    the input, equal-length batches, the noise of random decoders, the device.

    - ``build(config)`` returns the network that *config* describes and sets `sample_rate` and `hop`;
    - ``encode(audio)`` takes (B, T) float32 at `sample_rate`, T a multiple of `hop`, and returns ``(codes, side)``:
      (B, books, frames) int64, and what else the decoder needs, or None;
    - ``decode(codes, side)`` returns (B, T') float32 audio at `sample_rate`.

    A codec with official weights adds the classmethod ``convert(files, entry)``: from the downloaded files
    ``{name: Path}`` to ``(config, state)``, what ``build`` takes and what its network loads. The classmethod `tiny` and
    the method `parts` are for the tests and for the training of compact weights.

    Parameters
    ----------
    entry : dict
        The codec's entry of ``config/codecs.yaml``; ``entry["settings"]`` holds what the module itself reads,
        ``entry["precision"]`` is fp32 unless it says otherwise.
    weights : Path or None
        The weight file in safetensors, its network configuration in the metadata key ``config``.
    device : str
        Where the network runs.

    Attributes
    ----------
    sample_rate : int
        Rate of the network in Hz, from its configuration.
    hop : int
        Inputs are zero-padded on the right to a multiple of this many samples; 1 where the network pads by itself.
    random : bool
        The decoder draws noise: what `noise` returns, which follows from the clip's own seed.
    batches : bool
        Clips of equal padded length may share a forward without changing each other by more than 1e-4.
    unequal : bool
        So may clips of other lengths: ``encode`` and ``decode`` keep what `ncst.audio.codecs._ragged` says of them.
    batch_seconds : float
        Clips that share a forward hold at most so much audio together: 0, one clip per forward, on a CPU, whose caches
        a batch overflows.
    changes : tuple of str
        What the codec changes on purpose, so that the tests do not ask for it: ``"level"``, ``"delay"``,
        ``"bandwidth"``. Codecs that are YAML alone say it in their entry, under the same name.
    signs : str or None
        A regular expression that names of its tensors match, published ones and those of its weight files, and those of
        other networks do not: it tells whose file somebody has put in the wrong place.
    """

    needs_weights = True
    changes: tuple[str, ...] = ()
    precision = "fp32"
    random = False
    batches = True
    unequal = False
    hop = 1
    sample_rate = SAMPLE_RATE
    signs: str | None = None
    network: nn.Module | None = None
    generators: list[torch.Generator] | None = None

    def __init__(self, entry, weights=None, device="cpu"):
        self.entry = entry
        self.settings = entry.get("settings") or {}
        self.changes = (*self.changes, *entry.get("changes", ()))
        self.device = device_of(device)
        self.halved = []
        self.precision = precision_of(entry, self.device)
        self.batch_seconds = BATCH_SECONDS[self.device.type]
        if self.needs_weights:
            self.load(*read_weights(weights), weights)

    @classmethod
    def untrained(cls, config):
        """Return the codec around a new network of *config*: random weights on the CPU, ready to be trained."""
        codec = cls.__new__(cls)
        codec.entry, codec.settings, codec.device = {}, {}, device_of("cpu")
        codec.network = codec.build(config)
        return codec

    @classmethod
    def tiny(cls):
        """Return the *config* of a small network, which the tests fill with random weights.

        A codec that runs with its official weights alone returns None.

        Raises
        ------
        NcstError
            If the codec does not say it.
        """
        raise NcstError(
            f"{cls.__module__} needs weights and has no `tiny`, so the tests cannot run it: add the classmethod, which"
            " returns the `config` of a small network."
        )

    def parts(self):
        """Return the network taken apart, as `ncst.audio.codecs._parts.Parts`: what `ncst.compact` trains.

        Raises
        ------
        NcstError
            If the codec does not say it.
        """
        raise NcstError(f"{type(self).__module__} has no `parts`, so its compact weights cannot be trained: add it.")

    def load(self, config, state, path):
        """Build the network that *config* describes and fill it with *state*, read from *path*."""
        self.network = self.build(config)
        load_strictly(self.network, state, path)
        fold_weight_norm(self.network)
        self.network.eval().requires_grad_(False).to(self.device)
        speed_up(self.network, on_cpu=self.device.type == "cpu" and self.precision == "fp32")

    def forward(self, audio):
        """Return (B, T') decoded audio for (B, T) input at `sample_rate`."""
        return self.decode(*self.encode(audio))

    def resynthesize(self, clips, seeds):
        """Pass *clips* through the codec: `prepare`, `run` and `finish` for all of them.

        A clip is never cut into chunks; one shorter than 0.1 s is zero-padded to 0.1 s for the network.

        Parameters
        ----------
        clips : list of (T,) float32 arrays at 16 kHz
            Any lengths from one sample on; neighbours share a forward pass where they may.
        seeds : list of int
            One per clip, used by codecs with random decoders alone.

        Returns
        -------
        list of (T,) float32 arrays at 16 kHz, each exactly as long as its input

        Raises
        ------
        UnusableAudio
            If a clip is empty or holds NaN or infinity; its message is the `reason` of the clip's row. What the network
            makes of a good clip is returned as it is, so the caller checks that outputs are finite.
        """
        padded = [(i, self.prepare(clip)) for i, clip in enumerate(clips)]
        outputs = []
        for batch in self.batched(padded):
            decoded = self.run([audio for _, audio in batch], [seeds[i] for i, _ in batch])
            outputs += [self.finish(audio, len(clips[i])) for (i, _), audio in zip(batch, decoded, strict=True)]
        return outputs

    def prepare(self, clip):
        """Return a (T,) *clip* at 16 kHz as the network gets it: (T',) float32 at `sample_rate`, padded.

        Raises
        ------
        UnusableAudio
            If it is empty or holds NaN or infinity.
        """
        _check(clip)
        return self._pad(resample(np.asarray(clip, np.float32), SAMPLE_RATE, self.sample_rate))

    def batched(self, prepared):
        """Yield lists of neighbouring ``(key, audio)`` of the iterable *prepared* whose audio may share a forward.

        Which ones that are follows from their lengths and their order alone.
        """
        batch = []
        for key, audio in prepared:
            if batch and not self._fits(audio, [other for _, other in batch]):
                yield batch
                batch = []
            batch.append((key, audio))
        if batch:
            yield batch

    def _fits(self, audio, batch):
        longest = max(len(audio), *map(len, batch))
        if not self.batches or (len(batch) + 1) * longest > self.batch_seconds * self.sample_rate:
            return False
        shortest = min(len(audio), *map(len, batch))
        return shortest == longest or (self.unequal and shortest >= SHORTEST_UNEQUAL * self.sample_rate)

    def run(self, audio, seeds):
        """Return the decoded audio, (T',) float32 each, of arrays from `prepare` and their seeds.

        They have equal lengths, or `unequal` is set. A batch that does not fit the GPU's memory is halved, which makes
        the same clips, and its size is appended to `halved`.
        """
        try:
            return self._in_one_forward(audio, seeds)
        except RuntimeError as error:
            if len(audio) == 1 or not is_full(error):
                raise
        log.warning("the GPU's memory does not hold %d clips of %d samples: halved", len(audio), max(map(len, audio)))
        release_memory()
        self.halved.append(len(audio))
        middle = len(audio) // 2
        return self.run(audio[:middle], seeds[:middle]) + self.run(audio[middle:], seeds[middle:])

    @torch.inference_mode()
    def _in_one_forward(self, audio, seeds):
        longest = max(map(len, audio))
        batch = torch.from_numpy(np.stack([fit_length(clip, longest) for clip in audio])).to(self.device)
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds] if self.random else None
        try:
            with computing(self.device, self.precision):
                decoded = self.forward(ragged(batch, [len(clip) for clip in audio]))
        finally:
            self.generators = None
        samples = plain(decoded).float().cpu().numpy()
        return [clip[:length] for clip, length in zip(samples, lengths_of(decoded), strict=True)]

    @torch.inference_mode()
    def difference(self, audio):
        """Return what the entry's `precision` changes in the codes and the decoded audio of arrays from `prepare`.

        Returns
        -------
        dict
            ``name`` of the precision, ``clips``, the share of ``equal_codes``, and the ``relative_error`` of the audio,
            both against fp32 and over all clips together.
        """
        equal, apart, power = [], 0.0, 0.0
        for clip in audio:
            found, lower = self._coded(clip, self.precision)
            codes, exact = self._coded(clip, "fp32")
            equal.append((found == codes).flatten())
            apart += float((lower.double() - exact.double()).square().sum())
            power += float(exact.double().square().sum())
        share, error = float(torch.cat(equal).double().mean()), (apart / max(power, TINY)) ** 0.5
        return {"name": self.precision, "clips": len(audio), "equal_codes": share, "relative_error": error}

    def _coded(self, clip, precision):
        self.generators = [torch.Generator().manual_seed(0)] if self.random else None
        try:
            with computing(self.device, precision):
                codes, side = self.encode(torch.from_numpy(clip)[None].to(self.device))
                return codes, self.decode(codes, side)
        finally:
            self.generators = None

    def noise(self, lengths):
        """Return standard normal noise for the decoder of a batch, (B, max(lengths)) float32 on the codec's device.

        Row i holds the next ``lengths[i]`` values of clip i, drawn on the CPU from a generator that the clip's seed
        alone starts, then zeros: so neither the batch nor the device nor the order of clips changes any. Outside of
        `run` the values come from torch's own generator.
        """
        noise = torch.zeros(len(lengths), max(lengths))
        for row, length, generator in zip(noise, lengths, self.generators or [None] * len(lengths), strict=True):
            row[:length] = torch.randn(length, generator=generator)
        return noise.to(self.device)

    def finish(self, decoded, length):
        """Return one clip (T',) that `run` decoded as a (*length*,) float32 array at 16 kHz."""
        return fit_length(resample(decoded, self.sample_rate, SAMPLE_RATE), length)

    def _pad(self, clip):
        """Zero-pad (T,) *clip* at `sample_rate` to 0.1 s at least and to a multiple of `hop`."""
        length = max(len(clip), round(SHORTEST * self.sample_rate))
        return fit_length(clip, -(-length // self.hop) * self.hop)


def _check(clip):
    if not len(clip):
        raise UnusableAudio("no samples")
    if not np.isfinite(clip).all():
        raise UnusableAudio("NaN or infinity in the samples")


def books_of(settings, available):
    """Return ``settings["books"]``, by default *available*.

    Raises
    ------
    NcstError
        If the network has fewer codebooks than asked for.
    """
    books = settings.get("books", available)
    if not 1 <= books <= available:
        raise NcstError(f"`settings: {{books: {books}}}` does not fit weights with {available} codebooks.")
    return books


def fold_weight_norm(network):
    """Replace weight-normalised parameters of *network* by their plain values, both old and new style."""
    for module in network.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")
        elif hasattr(module, "weight_g"):
            remove_weight_norm(module)
