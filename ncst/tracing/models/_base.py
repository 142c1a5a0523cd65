"""What every source-tracing model shares: two outputs, and the way published checkpoints are read."""

from torch import nn

from ncst.core.checkpoint_files import load_strictly, read_checkpoint
from ncst.errors import NcstError


class Base(nn.Module):
    """A model: features of clips in, an embedding and one logit per class out.

    A subclass takes ``(classes, shape, **options)`` and writes ``forward(x)``, which returns ``(embedding, logits)``:
    (B, `embedding_dim`) and (B, classes) float32 for (B, *shape) float32.

    Parameters
    ----------
    classes : int
        Number of logits.
    shape : tuple of int
        Shape of one clip's features, after cropping. Each subclass defaults to that of its published baseline.
    **options
        Widths of the layers; the defaults are those of the published baseline.

    Attributes
    ----------
    embedding_dim : int
        Length of the vector that the last linear layer reads.
    checkpoint_ignores : tuple of str
        Prefixes of keys in published checkpoints that belong to the front-end.
    head : str
        Name of that layer, which some objectives replace.
    heads : bool
        Whether the model has one output per task of `ncst.tracing.taxonomy`: *classes* is then a dict of head to number
        of outputs, and the logits of all heads lie side by side in that order.
    training_free : bool
        Whether it takes no gradient steps but learns by one call of ``remember(batches)``.
    """

    embedding_dim: int
    checkpoint_ignores: tuple[str, ...] = ()
    head: str
    heads = False
    training_free = False


def import_checkpoint(path, model):
    """Load a checkpoint of the published baselines into *model*.

    Parameters
    ----------
    path : path
        A pickled (``.pt``, ``.pth``, ``.ckpt``, ``.bin``; read with ``weights_only=True``) or safetensors state dict,
        bare or as DataParallel, Lightning, `torch.compile` and others wrap it (`ncst.core.checkpoint_files.unwrap`).
        Keys of the frozen front-end are left out.
    model : Base
        The model to fill; every one of its keys must be in the file with the same shape, and no other.

    Raises
    ------
    NcstError
        If the file is missing or unreadable, or its keys or shapes are not those of *model*.
    """
    tree = read_checkpoint(path)
    if not isinstance(tree, dict):
        raise NcstError(f"{path} holds no state dict but a {type(tree).__name__}: save the model's state dict.")
    load_strictly(model, tree, path, model.checkpoint_ignores)
