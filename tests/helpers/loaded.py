"""What Hugging Face's `datasets` makes of a folder, without decoding."""

from datasets import Audio, load_dataset


def rows_of(folder, cache, name=None):
    """Return {split: rows} of the Parquet or tar files that configuration *name* of a folder's card lists."""
    found = load_dataset(str(folder), name, cache_dir=str(cache))
    for split, part in found.items():
        if "audio" in part.features:
            found[split] = part.cast_column("audio", Audio(decode=False))
    return {split: part.to_list() for split, part in found.items()}


def files_of(folder):
    """Return {split: rows} of the audio files that a folder's card lists, before torchcodec is asked for."""
    found = load_dataset(str(folder), streaming=True)
    return {split: [row for _, row in part._ex_iterable] for split, part in found.items()}
