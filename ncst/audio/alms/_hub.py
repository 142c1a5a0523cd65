"""Language models that transformers loads from a folder of the hub."""

import json
from pathlib import Path

from ncst.core.checkpoint_files import BROKEN
from ncst.errors import NcstError


def load_tokenizer(folder):
    """Load the tokenizer in the local *folder*.

    Raises
    ------
    NcstError
        If there is none.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except BROKEN as error:
        raise _refused(folder, "tokenizer", error) from error


def load_model(kind, folder, device):
    """Load the model class *kind* of transformers from the local *folder*, whole.

    transformers fills up what a checkpoint lacks with random numbers; here that is an error, but for the model's own
    copy of the codec, which is not used.

    Raises
    ------
    NcstError
        If the folder is incomplete or holds another model.
    """
    try:
        found = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8")).get("model_type")
        if found != kind.config_class.model_type:
            raise ValueError(f"its config.json describes {found!r}")
        model, report = kind.from_pretrained(folder, local_files_only=True, output_loading_info=True)
        missing = sorted(key for key in report["missing_keys"] if not key.startswith("codec_model."))
        if missing:
            raise ValueError(f"{len(missing)} weights are missing, {missing[0]} first")
    except BROKEN as error:
        raise _refused(folder, kind.__name__, error) from error
    return model.eval().requires_grad_(False).to(device)


def _refused(folder, what, error):
    reason = " ".join(str(error).split())[:300]
    return NcstError(f"{folder} holds no {what} that transformers can read: delete it and fetch it again ({reason}).")
