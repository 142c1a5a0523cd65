"""Training of codebooks: the quantizers of the libraries only encode and decode, so learning them is written here."""

import torch
from torch import nn
from torch.nn import functional

DECAY = 0.99
DEAD = 0.05
KMEANS_ROUNDS = 12


class Book:
    """One codebook of a network, learned by moving averages of the vectors that chose each code.

    The parameters are the attributes of `ncst.audio.codecs._parts.Book`.
    """

    def __init__(self, table, enter=None, leave=None, normalise=False, stride=1):
        self.table = table.detach()
        self.enter, self.leave, self.normalise, self.stride = enter, leave, normalise, stride
        self.count = torch.ones(len(table))
        self.total = torch.zeros_like(self.table)

    def choose(self, vectors):
        """Return the (N,) code of each of the (N, dimension) *vectors*."""
        table = self.table
        if self.normalise:
            return (vectors @ functional.normalize(table).t()).argmax(1)
        return (vectors @ table.t() - table.square().sum(1) / 2).argmax(1)

    def pool(self, residual):
        """Average (B, D, T) over the stride and project it into the codebook's space."""
        pooled = functional.avg_pool1d(residual, self.stride, self.stride) if self.stride > 1 else residual
        return _apply(self.enter, pooled)

    def spread(self, chosen):
        """Undo `pool` for (B, dimension, T / stride) chosen codes."""
        out = _apply(self.leave, chosen)
        return out.repeat_interleave(self.stride, dim=-1) if self.stride > 1 else out

    def look_up(self, pooled):
        """Return the codes nearest to (B, dimension, T), the (N, dimension) vectors, and their (N,) numbers."""
        batch, dimension, frames = pooled.shape
        vectors = pooled.detach().transpose(1, 2).reshape(-1, dimension)
        codes = self.choose(vectors)
        return self.table[codes].view(batch, frames, dimension).transpose(1, 2), vectors, codes

    @torch.no_grad()
    def learn(self, vectors, codes):
        """Move the averages towards the (N, dimension) *vectors* that chose *codes*."""
        count = torch.zeros_like(self.count).index_add_(0, codes, torch.ones(len(codes)))
        total = torch.zeros_like(self.total).index_add_(0, codes, vectors)
        self.count.mul_(DECAY).add_(count, alpha=1 - DECAY)
        self.total.mul_(DECAY).add_(total, alpha=1 - DECAY)
        self.table.copy_(self.total / self.count.clamp(min=1e-5)[:, None])

    @torch.no_grad()
    def revive(self, vectors, generator):
        """Move codes that hardly any vector chooses onto random *vectors*; return how many."""
        dead = (self.count < DEAD * self.count.mean()).nonzero()[:, 0]
        picked = torch.randint(len(vectors), (len(dead),), generator=generator)
        fresh = self.count.mean().clamp(min=1e-3)
        self.table[dead] = vectors[picked]
        self.count[dead] = fresh
        self.total[dead] = vectors[picked] * fresh
        return len(dead)

    @torch.no_grad()
    def start(self, vectors, generator):
        """Place the codes by k-means on (N, dimension) *vectors*."""
        self.table.copy_(vectors[torch.randperm(len(vectors), generator=generator)[: len(self.table)]])
        for _ in range(KMEANS_ROUNDS):
            codes = self.choose(vectors)
            count = torch.bincount(codes, minlength=len(self.table)).float()
            total = torch.zeros_like(self.table).index_add_(0, codes, vectors)
            lost = count == 0
            total[lost] = vectors[torch.randint(len(vectors), (int(lost.sum()),), generator=generator)]
            self.table.copy_(total / count.clamp(min=1)[:, None])
        self.count = count.clamp(min=0.1) / count.mean()
        self.total = self.table * self.count[:, None]


class Chain:
    """Books that quantize one after the other what the books before them left over.

    The parameters are the attributes of `ncst.audio.codecs._parts.Chain`.
    """

    def __init__(self, books, enter=None, leave=None, rest=False):
        self.books, self.rest, self.variance = books, rest, 1.0
        self.enter, self.leave = enter or nn.Identity(), leave or nn.Identity()

    def bypass(self, latent):
        """Return what the decoder would receive if the books lost nothing."""
        return self.leave(self.enter(latent))

    def quantize(self, latent, books=None):
        """Quantize (B, D, T) with a gradient.

        Returns
        -------
        quantized : (B, D, T) tensor
        commitment : scalar tensor, the squared distance of the vectors from their codes, relative to the variance of
            the latent when the books were started
        seen : list of (Book, vectors, codes)
        """
        start = residual = self.enter(latent)
        total, commitment, seen = 0.0, 0.0, []
        for book in self.books[:books]:
            pooled = book.pool(residual)
            chosen, vectors, codes = book.look_up(pooled)
            commitment = commitment + functional.mse_loss(pooled, chosen) / self.variance
            out = book.spread(pooled + (chosen - pooled).detach() if book.enter else chosen)
            residual = residual - out
            total = total + out
            seen.append((book, vectors, codes))
        if not self.books[0].enter:
            total = start + (total - start).detach()
        return self.leave(total), commitment, seen

    @torch.no_grad()
    def start(self, latent, generator):
        """Place all codes by k-means on (N, D, T) latents and return what is left over.

        Projections of a book start as principal components.
        """
        start = residual = self.enter(latent)
        self.variance = float(residual.var())
        for book in self.books:
            if book.enter:
                _project_on_principal_components(book, residual)
            pooled = book.pool(residual)
            book.start(pooled.transpose(1, 2).reshape(-1, pooled.shape[1]), generator)
            residual = residual - book.spread(book.look_up(pooled)[0])
        return latent - self.leave(start - residual)


class Chains(list):
    """All `Chain` of a network; the decoder receives the sum of their outputs."""

    @classmethod
    def of(cls, described):
        """Return the chains that a codec's `parts` describe."""
        return cls(
            Chain([Book(**vars(book)) for book in chain.books], chain.enter, chain.leave, chain.rest)
            for chain in described
        )

    @property
    def books(self):
        """All books in order."""
        return [book for chain in self for book in chain.books]

    def bypass(self, latent):
        """Return what the decoder would receive if the books lost nothing."""
        total = 0.0
        for chain in self:
            total = total + chain.bypass(latent - total if chain.rest else latent)
        return total

    def quantize(self, latent, books=None):
        """Quantize (B, D, T) with the first *books* of all (default: all); returns as `Chain.quantize` does."""
        total, commitment, seen = 0.0, torch.zeros(()), []
        for chain in self:
            if books is None or books > 0:
                rest = chain.rest and torch.is_tensor(total)
                out, distance, vectors = chain.quantize(latent - total.detach() if rest else latent, books)
                total, commitment, seen = total + out, commitment + distance, seen + vectors
                books = None if books is None else books - len(chain.books)
        return total, commitment, seen

    def start(self, latent, generator):
        """Place all codes on (N, D, T) latents.

        Chains whose books have projections start one on what the other left over, so that the projections differ.
        """
        rest = latent
        for chain in self:
            rest = chain.start(rest if chain.books[0].enter else latent, generator)


def _apply(layer, x):
    if layer is None:
        return x
    return layer(x.mT).mT if isinstance(layer, nn.Linear) else layer(x)


def _project_on_principal_components(book, residual):
    pooled = functional.avg_pool1d(residual, book.stride, book.stride) if book.stride > 1 else residual
    vectors = pooled.transpose(1, 2).reshape(-1, pooled.shape[1])
    mean = vectors.mean(0)
    axes = torch.linalg.eigh(torch.cov((vectors - mean).t()))[1][:, -book.table.shape[1] :]
    for layer, weight, bias in ((book.enter, axes.t(), -axes.t() @ mean), (book.leave, axes, mean)):
        weight = weight.reshape(layer.weight.shape)
        if hasattr(layer, "parametrizations"):
            layer.weight = weight.contiguous()
        else:
            layer.weight.copy_(weight)
        layer.bias.copy_(bias)
