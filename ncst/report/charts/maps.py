"""The embedding maps: where a model puts clips, coloured by codec, corpus, speaker or test set."""

from ncst.report.charts import specs
from ncst.report.charts.chart import Chart

LEGEND = 24


def maps(results):
    """Embeddings of test clips in two dimensions."""
    records = []
    for run in results.runs:
        clips = results.maps[results.maps["run"] == run["run"]]
        if clips.empty:
            continue
        entries, titles = (
            results.config["splits"],
            {c: entry["title"] for c, entry in results.config["corpora"].items()},
        )
        groups = {
            "codec": [_made_by(results, *row) for row in zip(clips["codec"], clips["label"], clips["split"])],
            "corpus": [titles.get(corpus, corpus) for corpus in clips["corpus"]],
            "speaker": list(clips["speaker"]),
            "test set": [entries.get(split, {}).get("title", split) for split in clips["split"]],
        }
        order = {"codec": [results.title(codec) for codec in results.codecs()]}
        known = [int(label in run["classes"]) for label in clips["label"]]
        coded = {field: _coded(values, order.get(field)) for field, values in groups.items()}
        common = {
            "run": run["run"],
            "names": {field: found for field, (found, _) in coded.items()},
            **{axis: (999 * clips[axis]).round().astype(int).tolist() for axis in ("x", "y")},
            "known": known,
            **{field: codes for field, (_, codes) in coded.items()},
        }
        records += [common | {"colour": field} for field in groups]
    text = (
        "t-SNE of the embeddings of test clips; hollow: of no trained class. Neighbourhoods carry meaning, distances "
        "between groups do not. A click in the legend picks a group out."
    )
    choices = {"run": "Model", "colour": "Colour by"}
    return Chart("maps", "Where a model puts the test clips", text, specs.scatter(), choices, records)


def _made_by(results, codec, label, split):
    """Return the codec's title; of speech that is real to the workflow, but not to the split, the split's."""
    spoof = codec == "real" and label != results.config["codecs"]["real"]["class_id"]
    return results.config["splits"].get(split, {}).get("title", split) if spoof else results.title(codec)


def _coded(values, order=None):
    """Return the distinct *values*, by *order* or the most frequent first, and the code of each; rare ones are one."""
    counts = {name: values.count(name) for name in sorted(set(values))}
    by_rank = sorted(counts, key=lambda name: -counts[name])
    found = by_rank if len(counts) <= LEGEND else [*by_rank[: LEGEND - 1], f"{len(counts) - LEGEND + 1} others"]
    if order:
        found = sorted(found, key=lambda name: order.index(name) if name in order else len(order))
    codes = {name: i for i, name in enumerate(found)}
    return found, [codes.get(value, len(found) - 1) for value in values]
