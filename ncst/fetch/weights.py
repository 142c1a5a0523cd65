"""Official codec weights: downloaded once, checked, and converted to the one file format that every codec reads."""

import json
from pathlib import Path

from ncst import registry
from ncst.core.files import atomic
from ncst.errors import NcstError
from ncst.fetch.download import LOCK, fetch


def fetch_weights(name, entry, out, lock=LOCK, family="codecs"):
    """Download the official weights of the codec or front-end *name* and convert them to *out*.

    Downloads stay in the folder ``downloads/<name>`` beside *out*, so that a broken one goes on where it stopped and a
    new conversion needs no network; the folder may be deleted.

    Parameters
    ----------
    name, entry : str, dict
        The codec or front-end and its entry in the config.
    out : path
        The safetensors file to write.
    lock : path
        See `ncst.fetch.download.fetch`.

    Raises
    ------
    NcstError
        As `ncst.fetch.download.fetch` and `convert` do.
    """
    out = Path(out)
    key, source = f"{family}.{name}.weights.official", entry["weights"]["official"]
    files, placed = fetch(key, source, out.parent / "downloads" / name, lock)
    origin = {"placed": json.dumps(placed)} if placed else {"fetched": "yes"}
    convert(name, entry, files, out, family, origin)


def fetch_folder(name, entry, out, lock=LOCK):
    """Download what transformers loads for the ALM *name* to the folder *out*, whole or not at all.

    Raises
    ------
    NcstError
        As `ncst.fetch.download.fetch` does.
    """
    out = Path(out)
    folder = out.parent / "downloads" / name
    fetch(f"alms.{name}.weights.official", entry["weights"]["official"], folder, lock)
    folder.replace(out)


def convert(name, entry, files, out, family="codecs", origin=None):
    """Convert the official *files* ``{name: Path}`` of *name* to the weight file *out*, and load it.

    *origin* is noted in it for the page: ``fetched``, from where the config says, or ``placed``, names and SHA-256 of
    files that were placed by hand.

    Returns
    -------
    The codec or front-end with these weights, on the CPU.

    Raises
    ------
    NcstError
        If the files hold another architecture than the codec's, or are no checkpoints at all.
    """
    from safetensors.torch import save_file

    codec = registry.load(family, entry.get("module", name))
    shown = ", ".join(str(path) for path in files.values())
    try:
        config, state = codec.convert(files, entry)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, StopIteration) as error:
        raise NcstError(
            f"{shown} cannot be weights of {name}: they look like {_looks_like(files)} (at {error!r});"
            f" correct weights.official of {name} in the config."
        ) from error
    metadata = {"config": json.dumps(config), "codec": entry.get("module", name)} | (origin or {})
    with atomic(out) as temporary:
        save_file({key: value.contiguous().clone() for key, value in state.items()}, temporary, metadata)
        del state
        try:
            return codec(entry, temporary)
        except NcstError as error:
            raise NcstError(str(error).replace(str(temporary), shown)) from error


def _looks_like(files):
    from ncst.core.checkpoint_files import looks_like, read_checkpoint

    tensors = [path for path in files.values() if path.suffix not in (".json", ".yaml", ".tflite")]
    return looks_like([name for path in tensors for name in _names(read_checkpoint(path))])


def _names(tree):
    """Return the last dotted names of all tensors in nested dicts."""
    if not isinstance(tree, dict):
        return []
    return [n for k, v in tree.items() for n in (_names(v) if isinstance(v, dict) else [str(k)])]
