"""Residual vector quantisation by Euclidean distance, as several codecs share it."""

import torch
from torch import nn


class ResidualQuantizer(nn.Module):
    """A stack of codebooks; each one quantises what the books before it left over.

    Parameters
    ----------
    books : int
        How many codebooks.
    size : int
        Code vectors per codebook.
    dim : int
        Width of a code vector.

    Attributes
    ----------
    codebooks : nn.ParameterList
        One (size, dim) table per book.
    """

    def __init__(self, books, size, dim):
        super().__init__()
        self.codebooks = nn.ParameterList(torch.randn(size, dim) for _ in range(books))

    def encode(self, latent, books=None):
        """Return the (B, books, T) codes of a (B, dim, T) latent, by default from all books."""
        residual, codes = latent.transpose(1, 2), []
        for table in self.codebooks[:books]:
            codes.append(nearest(residual.flatten(0, 1), table).view(residual.shape[:2]))
            residual = residual - nn.functional.embedding(codes[-1], table)
        return torch.stack(codes, dim=1)

    def decode(self, codes):
        """Return the (B, dim, T) sum of the code vectors of (B, books, T) *codes*."""
        vectors = [nn.functional.embedding(book, table) for book, table in zip(codes.unbind(1), self.codebooks)]
        return sum(vectors).transpose(1, 2)


def nearest(frames, table):
    """Return for each of (T, dim) *frames* the row of the (size, dim) *table* nearest to it.

    The squared distance is expanded to x² - 2xe + e² in float32: codes near a tie follow the rounding of this form,
    which the published codecs were trained and run with.
    """
    distance = frames.square().sum(1, keepdim=True) - 2 * frames @ table.t() + table.square().sum(1)
    return distance.argmin(1)
