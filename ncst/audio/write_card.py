"""The dataset card beside the shards: which of them are the run's, for Hugging Face's `datasets`."""

from pathlib import Path

from ncst.formats import dataset_card
from ncst.formats.shards import count_rows

TEXT = """
Speech through neural audio codecs at 16 kHz: every codec on the same utterances. A row is a clip: FLAC, whose speech it
is, which codec made it. Clips that could not be made are rows with `status` failed, a `reason` and no audio.

```python
from datasets import Audio, load_dataset

clips = load_dataset("{folder}")  # every row, a split for each source set
clips = load_dataset("{folder}", "{source_set}", split="{codec}")  # one codec
```

`datasets` decodes audio with `torchcodec`, which needs FFmpeg. Without them take the bytes,
`clips.cast_column("audio", Audio(decode=False))`, and read them with `soundfile`.
"""


def write_card(name, sets, audio, out):
    """Write the card of the folder *audio*.

    The configuration without a name has a split for each source set; one for each source set has a split for each
    codec. Together they have all rows of all shards of *sets*, and none of shards that an earlier configuration left.

    Parameters
    ----------
    name : str
        Of the experiment.
    sets : dict
        Source set to codec to list of shard ids.
    audio : path
        ``<results>/audio``.
    out : path
        The card, ``README.md`` there.

    Raises
    ------
    NcstError
        If a shard is missing or damaged.
    """
    titles = dataset_card.plain_names(["default", *sets])
    configs = {"default": {}}
    lines = ["| source set | codec | clips |", "|---|---|---|"]
    for source_set, codecs in sets.items():
        plain = dataset_card.plain_names(codecs)
        files = {codec: f"{source_set}/{codec}/*-of-{shards[0][-5:]}.parquet" for codec, shards in codecs.items()}
        configs[titles[source_set]] = {plain[codec]: [pattern] for codec, pattern in files.items()}
        configs["default"][titles[source_set]] = list(files.values())
        for codec, shards in codecs.items():
            rows = sum(count_rows(Path(audio, source_set, codec, f"{shard}.parquet")) for shard in shards)
            lines.append(f"| `{source_set}` | `{codec}` | {rows:,} |")
    source_set = titles[next(iter(sets))]
    text = TEXT.format(folder=audio, source_set=source_set, codec=next(iter(configs[source_set])))
    dataset_card.write(out, f"{name}: resynthesized speech", "\n".join([text, *lines]), configs)
