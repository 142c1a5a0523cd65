"""Published checkpoints of the tracing models: checked, stripped of their front-end, used instead of training."""

from safetensors.torch import save

from ncst import registry
from ncst.core.files import atomic
from ncst.errors import NcstError
from ncst.tracing.models._base import import_checkpoint


def convert_checkpoint(name, entry, path, out, classes=7):
    """Write the weights of a published checkpoint as safetensors, without the frozen front-end.

    Parameters
    ----------
    name : str
        The model's name.
    entry : dict
        Its entry of ``config/models.yaml``, whose size ``published`` the checkpoint must have.
    path : path
        The published file: see `ncst.tracing.models._base.import_checkpoint`.
    out : path
        The file to write.
    classes : int
        Number of logits.

    Returns
    -------
    int
        Number of parameters.

    Raises
    ------
    NcstError
        If the file is unreadable or of another architecture, or the model is a taxonomy tracer.
    """
    module = registry.load("models", entry.get("module", name))
    if module.heads:
        raise NcstError(f"{name} is a taxonomy tracer: name the file as models.{name}.published.checkpoint directly.")
    network = module(classes, **(entry["published"].get("options") or {}))
    import_checkpoint(path, network)
    with atomic(out) as temporary:
        temporary.write_bytes(save({key: value.contiguous() for key, value in network.state_dict().items()}))
    return sum(parameter.numel() for parameter in network.parameters())
