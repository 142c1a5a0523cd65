"""The demonstration's language model: a small causal transformer over the codes of compact Mimi."""

import torch
from torch import nn

from ncst.audio.alms._base import Base
from ncst.core.checkpoint_files import load_strictly, read_weights


class DelayedTransformer(nn.Module):
    """A causal transformer (Llama's layers) over all books at once, book k delayed by k frames.

    With the delay, a frame's books follow each other in time, so that each is predicted from the coarser ones (Copet et
    al., 2023, arXiv:2306.05284). Embeddings are shared between input and output.

    Parameters
    ----------
    books, codes : int
        Number of codebooks and codes in each; the code ``codes`` stands for "nothing".
    width : int
        Size of the embeddings.
    **trunk
        Keyword arguments of transformers' ``LlamaConfig``.
    """

    def __init__(self, books, codes, width, **trunk):
        from transformers import LlamaConfig, LlamaModel

        super().__init__()
        self.books, self.codes = books, codes
        self.embedding = nn.Parameter(torch.randn(books, codes + 1, width) / width**0.5)
        self.bias = nn.Parameter(torch.zeros(books, codes))
        self.trunk = LlamaModel(LlamaConfig(**trunk, vocab_size=1, bos_token_id=None, eos_token_id=None))
        self.enter = nn.Linear(books * width, self.trunk.config.hidden_size)
        self.leave = nn.Linear(self.trunk.config.hidden_size, books * width)

    def forward(self, delayed, cache=None):
        """Predict the next frame of (B, books, frames) delayed codes.

        Parameters
        ----------
        delayed : (B, books, frames) int64 tensor
        cache : transformers.Cache, optional
            Keys and values of the frames before; extended in place.

        Returns
        -------
        (B, frames, books, codes) logits
        """
        vectors = torch.stack([table[book] for table, book in zip(self.embedding, delayed.unbind(1))], 2)
        hidden = self.trunk(
            inputs_embeds=self.enter(vectors.flatten(2)), past_key_values=cache, use_cache=cache is not None
        ).last_hidden_state
        outputs = self.leave(hidden).unflatten(2, (self.books, -1))
        return torch.einsum("btkw,kcw->btkc", outputs, self.embedding[:, :-1]) + self.bias


def delay(codes, nothing):
    """Shift book k of (books, frames) *codes* by k frames and fill up with *nothing*.

    Returns
    -------
    (books, frames + books) int64 tensor; the first frame is empty.
    """
    books, frames = codes.shape
    delayed = codes.new_full((books, frames + books), nothing)
    for k in range(books):
        delayed[k, k + 1 : k + 1 + frames] = codes[k]
    return delayed


class Demo(Base):
    """Babbles: speech-like sound without words.

    Settings: ``seconds`` ([shortest, longest]), ``frame_rate`` of the codec in Hz, ``temperature`` and ``top_k`` of the
    sampling.
    """

    speaks_text = False

    def __init__(self, entry, weights, device="cpu"):
        super().__init__(entry, weights, device)
        config, state = read_weights(weights)
        self.network = DelayedTransformer(**config)
        load_strictly(self.network, state, weights)
        self.network.eval().to(self.device)

    def codes(self, text):
        """Return the codes of a clip of random length; *text* is not read."""
        from transformers import DynamicCache

        shortest, longest = (round(s * self.settings["frame_rate"]) for s in self.settings["seconds"])
        frames = int(torch.randint(shortest, longest + 1, ()))
        network, cache = self.network, DynamicCache(config=self.network.trunk.config)
        books = torch.arange(network.books, device=self.device)
        drawn = [torch.full_like(books, network.codes)]
        for t in range(frames + network.books - 1):
            logits = network(drawn[-1][None, :, None], cache)[0, -1] / self.settings["temperature"]
            best, codes = logits.topk(self.settings["top_k"])
            choice = torch.multinomial(best.softmax(-1), 1)
            code = codes.gather(1, choice)[:, 0]
            drawn.append(torch.where((books <= t) & (t < books + frames), code, network.codes))
        delayed = torch.stack(drawn[1:], 1)
        return torch.stack([delayed[k, k : k + frames] for k in range(network.books)])
