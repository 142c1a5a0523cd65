"""A codec's network taken apart: what the training of compact weights needs to know of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass
class Book:
    """One codebook.

    Attributes
    ----------
    table : (codes, dimension) tensor
        The network's own, to be written in place.
    enter, leave : Conv1d or Linear or None
        The network's projections to and from the codebook's space; both or none.
    normalise : bool
        Codes are chosen by the angle between vector and code instead of their distance.
    stride : int
        Vectors are averaged over this many frames and the chosen codes repeated.
    """

    table: torch.Tensor
    enter: Any = None
    leave: Any = None
    normalise: bool = False
    stride: int = 1


@dataclass
class Chain:
    """Books that quantize one after the other what the books before them left over.

    Attributes
    ----------
    books : list of Book
    enter, leave : callable or None
        Projections of (B, D, T) around the whole chain.
    rest : bool
        The chain sees the latent less the outputs of the chains before it, not the latent itself.
    """

    books: list[Book]
    enter: Any = None
    leave: Any = None
    rest: bool = False


@dataclass
class Parts:
    """The parts of a network.

    Attributes
    ----------
    encode : callable
        (B, 1, T) audio to ``(latent, side)``: (B, D, frames), and what else the decoder needs or None.
    decode : callable
        ``(latent, side)`` to (B, 1, T') audio.
    chains : list of Chain
        They quantize the latent; the decoder receives the sum of their outputs.
    frame : int
        Input lengths are multiples of this many samples.
    """

    encode: Callable
    decode: Callable
    chains: list[Chain]
    frame: int


def of_library(network, books, frame):
    """Return the `Parts` of a network whose modules ``encoder`` and ``decoder`` are all that is around one chain."""
    return Parts(
        lambda audio: (network.encoder(audio), None),
        lambda latent, _: network.decoder(latent),
        [Chain(books)],
        frame,
    )


def of_own(network):
    """Return the `Parts` of one of this project's own networks with a residual quantizer."""
    return Parts(
        lambda audio: (network.encode_latent(audio[:, 0]), None),
        lambda latent, _: network.decode_latent(latent)[:, None],
        [Chain([Book(table) for table in network.quantizer.codebooks])],
        network.hop,
    )
