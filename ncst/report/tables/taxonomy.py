"""The cells of the taxonomy tables: one row per tracer, test split and task or codec parameter."""

METRICS = {
    "bin_eer": "BIN EER",
    "vq_f1": "VQ F1",
    "aux_f1": "AUX F1",
    "dec_f1": "DEC F1",
    "mae": "mean error",
    "nearest": "exact %",
    "within_one": "within one step %",
}
PARAMETERS = {
    "books": "Books",
    "bitrate_kbps": "Bitrate, kbit/s",
    "sample_rate": "Sample rate, Hz",
    "frame_rate": "Frame rate, Hz",
}
CAPTIONS = {
    "taxonomy": "Taxonomy. Equal error rate of bona fide against spoof, and weighted F1 of quantiser, auxiliary "
    "objective and decoder, real speech among the classes. Trained on a balanced list, tested on the set named above.",
    "taxonomy_parameters": "Codec parameters. What the regression head makes of the clips of codecs: mean absolute "
    "error, and the share whose value, rounded to the nearest that any tested codec has, is right or one step off.",
}


def cells(runs):
    """Return ``{table: [(run, split, column, metric, interval, place, scale)]}`` of the tracers' metrics *runs*."""
    found = {table: [] for table in CAPTIONS}
    for run in runs:
        for split, part in run["taxonomy"].items():
            intervals = {"bin_eer": part.get("bin", {}).get("eer")}
            intervals |= {f"{head}_f1": part.get(head, {}).get("weighted_f1") for head in ("vq", "aux", "dec")}
            for metric, ci in intervals.items():
                if ci:
                    place = (run["model"], split, metric)
                    found["taxonomy"].append((run, split, part["title"], metric, ci, place, 100.0))
            for name, errors in part.get("parameters", {}).items():
                for metric, scale in (("mae", 1.0), ("nearest", 100.0), ("within_one", 100.0)):
                    place = (run["model"], split, name, metric)
                    column = f"{PARAMETERS[name]} · {part['title']}"
                    found["taxonomy_parameters"].append((run, split, column, metric, errors[metric], place, scale))
    return found


def untrained(runs):
    """Return one sentence per tracer whose tests hold classes that its training list does not."""
    notes = []
    for run in runs:
        absent = {
            f"{head} {name}"
            for part in run["taxonomy"].values()
            for head in ("vq", "aux", "dec")
            for name in part.get(head, {}).get("untrained", ())
        }
        if absent:
            notes.append(f"{run['title']} was tested on, but never trained with, {', '.join(sorted(absent))}.")
    return list(dict.fromkeys(notes))
