"""What was run and how clean it is: the counting tables, the flow and the scoreboard."""

from ncst.formats.shards import CLIPPED
from ncst.report.page.html_table import table

GROUPS = {
    "unseen_real": "Unseen real speech, accuracy",
    "id_config": "Other codec settings, accuracy",
    "id_source": "Other source speech, accuracy",
    "alm": "Audio LMs, accuracy",
}
ROLES = {
    "train": "training",
    "dev": "development",
    "id": "known classes",
    "single": "one true class",
    "ood": "out-of-distribution",
    "unlabelled": "unlabelled",
    "taxonomy": "taxonomy",
}

UNSEEN = {
    "codecs": ("ood_single", "ood_multi", "ood_source"),
    "settings": ("id_config", "ood_config"),
    "speech": ("id_source", "unseen_real"),
    "generators": ("alm", "ood_vocoder"),
}


def unseen(results):
    """Return what the models were tested on that was not in the training set, as text; empty if nothing."""
    tested = {split.split("/")[0] for split in results.splits["split"]}
    kinds = [kind for kind, splits in UNSEEN.items() if tested & set(splits)]
    return " and ".join(filter(None, [", ".join(kinds[:-1]), *kinds[-1:]]))


def headline(results):
    """Return what the run is made of, as {name: text}."""
    codecs = [results.title(c) for c in results.codecs() if not _is_variant(results, c)]
    return {
        "Corpora": ", ".join(_corpora(results)),
        "Codecs": ", ".join(codecs),
        "Models": ", ".join(dict.fromkeys(run["title"] for run in results.runs + results.tracers)),
        "Seeds": ", ".join(map(str, sorted({run["seed"] for run in results.runs + results.tracers}))),
        "Weights": _weights(weights_used(results)),
    }


def _is_variant(results, codec):
    return results.config["codecs"].get(codec, {}).get("role") == "variant"


def _weights(used):
    if len(used) > 1:
        return "; ".join(f"{kind} for {', '.join(names)}" for kind, names in used.items())
    return next(iter(used), "none needed")


def flow(results):
    """Return the stages of the run as (count, name, detail)."""
    clips, index = results.clips, results.index
    utterances = clips[clips["codec"] == "real"]
    settings = [c for c in results.codecs() if c != "real"]
    codecs = [c for c in settings if not _is_variant(results, c)]
    others = len(settings) - len(codecs)
    detail = f"{others} other setting{'s' * (others > 1)}, " if others else ""
    return [
        (len(index), "recordings", ", ".join(_corpora(results))),
        (len(utterances), "utterances", _some(clips["source_set"].unique(), "source sets")),
        (len(codecs), "codecs", f"{detail}and real speech; {_languages(clips)}"),
        (len(clips), "clips", f"{int((clips['status'] != 'ok').sum()):,} failed"),
        (results.splits["split"].nunique(), "splits", f"{int(results.splits['clips'].sum()):,} labelled rows"),
        (
            len(results.runs + results.tracers),
            "trained models",
            f"seeds {', '.join(map(str, sorted({r['seed'] for r in results.runs + results.tracers})))}",
        ),
    ]


def _corpora(results):
    return [results.config["corpora"].get(c, {}).get("title", c) for c in results.index["corpus"].unique()]


def _some(names, plural):
    return ", ".join(names) if len(names) < 3 else f"in {len(names)} {plural}"


def _languages(clips):
    return " and ".join(sorted({*clips["language"]} - {"unknown"})) or "language unknown"


def scoreboard(results):
    """Return one tile per model: the macro F1 of the known classes and a strip of values per group of splits."""
    tiles = {}
    for run in results.runs:
        tile = tiles.setdefault(
            run["model"], {"title": run["title"], "seeds": 0, "f1": [], "refused": run["refused"], "strips": {}}
        )
        tile["seeds"] += 1
        tile["f1"].append(run["id"]["macro_f1"])
        for split, numbers in run["single"].items():
            title = GROUPS.get(split.split("/")[0], "Other sets, accuracy")
            tile["strips"].setdefault(title, []).append(
                (100 * numbers["accuracy"]["value"], f"{numbers['title']}, seed {run['seed']}")
            )
        for numbers in run["ood"].values():
            for name, detector in list(numbers["detectors"].items())[:1]:
                title = f"Unseen codecs, AUROC of {results.detector(name)}"
                tile["strips"].setdefault(title, []).append(
                    (100 * detector["auroc"]["value"], f"{numbers['title']}, seed {run['seed']}")
                )
    for tile in tiles.values():
        values = [100 * ci["value"] for ci in tile["f1"]]
        tile["headline"] = _span(values)
        tile["low"], tile["high"] = (
            100 * edge(ci[key] for ci in tile["f1"]) for edge, key in ((min, "low"), (max, "high"))
        )
        tile["strips"] = [
            {"title": title, "text": _span([v for v, _ in points]), "points": points}
            for title, points in tile["strips"].items()
        ]
    return list(tiles.values())


def _span(values):
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return low if low == high else f"{low} – {high}"


def shortcuts(results):
    """Return what traces codecs without hearing them, as (measures, macro F1 in percent, its lower limit, guessing)."""
    audit = results.shortcuts
    return [
        (name.lower(), *(100 * part["macro_f1"][key] for key in ("value", "low")), 100 * audit["chance"])
        for name, part in audit.get("given", {}).items()
        if part["traces"]
    ]


def splits_table(results):
    """Return the table of every split: labels, source sets, codecs, clips, failed clips with reasons."""
    failed = results.clips[results.clips["status"] != "ok"]
    rows = []
    for name, group in results.splits.groupby("split", sort=False):
        entry = results.config["splits"].get(name, {})
        lost = failed.merge(group[["source_set", "codec"]].drop_duplicates())
        labels = sorted(int(label) for label in group["label"].dropna().unique())
        codecs = [results.title(c) for c in results.codecs() if c in set(group["codec"])]
        rows.append(
            (
                entry.get("title", name),
                name,
                ROLES.get(entry.get("role"), "–"),
                _runs_of(labels) if labels else "none",
                ", ".join(group["source_set"].unique()),
                ", ".join(codecs),
                int(group["clips"].sum()),
                len(lost),
                _reasons(lost),
            )
        )
    order = {name: i for i, name in enumerate(results.config["splits"])}
    rows.sort(key=lambda row: order.get(row[1], len(order)))
    columns = ["Split", "Name", "Role", "Label", "Source set", "Codecs", "Clips", "Failed", "Reasons"]
    text = "A split is a list of (source set, codec) pairs. Failed clips are counted, not dropped silently."
    return table("splits", "Splits", text, columns, rows)


def unlabelled_tables(results):
    """Return tables of the splits without labels: how often models and detectors say what, and of each clip."""
    counts, clips = [], []
    for run in results.runs:
        titles = dict(zip(run["classes"], run["class_names"], strict=True))
        for split in run.get("unlabelled", {}).values():
            detectors = {results.detector(name): verdicts for name, verdicts in split["unknown"].items()}
            taken = ", ".join(f"{titles[int(c)]} {n:,}" for c, n in split["predicted"].items() if n)
            unknown = ", ".join(f"{title} {sum(verdicts):,}" for title, verdicts in detectors.items())
            counts.append((run["run"], split["title"], split["n"], taken, unknown or None))
            for i, (clip, label) in enumerate(zip(split["clips"], split["classes"], strict=True)):
                said = ", ".join(title for title, verdicts in detectors.items() if verdicts[i])
                clips.append((run["run"], split["title"], clip, titles[label], said or "none"))
    if not counts:
        return []
    text = "Unknown: above the score that 95 % of the development clips stay below. No metric counts these clips."
    columns = ["Model", "Split", "Clips", "Taken for", "Called unknown by"]
    listed = ["Model", "Split", "Clip", "Taken for", "Called unknown by"]
    return [
        table("unlabelled", "Clips without a label", text, columns, counts),
        table("unlabelled_clips", "Each clip without a label", text, listed, clips),
    ]


def left_out(results):
    """Return the titles of configured splits that have no manifest."""
    made = set(results.splits["split"])
    return [entry.get("title", name) for name, entry in results.config["splits"].items() if name not in made]


def corpora_table(results):
    """Return the table of every corpus: size, speakers, languages, rejected recordings with reasons, licence."""
    rows = []
    for corpus, group in results.index.groupby("corpus", sort=False):
        entry = results.config["corpora"].get(corpus, {})
        usable, rejected = group[group["status"] == "ok"], group[group["status"] != "ok"]
        title = entry.get("title", corpus) + (" (spoken stand-in)" if _spoken(results, corpus) else "")
        languages = ", ".join(sorted(usable["language"].unique()))
        hours = float(usable["duration"].sum()) / 3600
        licence = entry.get("licence")
        rows.append(
            (
                title,
                len(group),
                usable["speaker"].nunique(),
                languages,
                hours,
                len(rejected),
                _reasons(rejected),
                licence,
            )
        )
    columns = ["Corpus", "Recordings", "Speakers", "Languages", "Hours", "Rejected", "Reasons", "Licence"]
    return table("corpora", "Corpora", "Every recording the corpora hold, before sampling.", columns, rows)


def codecs_table(results):
    """Return the table of every codec that has clips: class, taxonomy, rates, weights, failures, level and delay."""
    rows = []
    for codec, group in results.clips.groupby("codec", sort=False):
        entry = results.config["codecs"].get(codec, {})
        first, failed = group.iloc[0], group[group["status"] != "ok"]
        rows.append(
            (
                results.title(codec),
                entry.get("class_id"),
                results.weights(codec) or "none needed",
                first["vq"],
                first["aux"],
                first["dec"],
                float(first["bitrate_kbps"]),
                results.rate(codec),
                len(group),
                len(failed),
                _reasons(failed),
                int(group["reason"].fillna("").str.contains(CLIPPED, regex=False).sum()),
                float(group["rms_db"].median()),
                float(group["delay_ms"].median()),
            )
        )
    order = {results.title(codec): i for i, codec in enumerate(results.codecs())}
    rows.sort(key=lambda row: order[row[0]])
    columns = [
        *("Codec", "Class", "Weights", "VQ", "Aux", "Decoder", "kbit/s", "Codec Hz", "Clips", "Failed", "Reasons"),
        *("Clipped", "Level dB", "Delay ms"),
    ]
    text = (
        "Level and delay are medians over a codec's clips; clipped: clips with samples beyond full scale, which 16 "
        "bits cannot hold; taxonomy: quantiser, auxiliary objective, decoder domain."
    )
    return table("codecs", "Codecs", text, columns, rows)


def weights_used(results):
    """Return {``compact`` or ``official``: titles of the codecs that ran with these weights}."""
    used = {}
    for codec in results.codecs():
        used.setdefault(results.weights(codec), []).append(results.title(codec))
    used.pop(None, None)
    return used


def unsure(results):
    """Return {``stand-in`` or ``inferred``: titles of the codecs with official weights whose settings are so}."""
    found = {}
    for codec in results.codecs():
        known = results.config["codecs"].get(codec, {}).get("known", "known")
        if known != "known" and results.weights(codec) == "official":
            found.setdefault(known, []).append(results.title(codec))
    return found


def stand_ins(results):
    """Return the titles of the corpora that were spoken by a synthesizer instead of read from disk."""
    return [entry.get("title", c) for c, entry in results.config["corpora"].items() if _spoken(results, c)]


def _spoken(results, corpus):
    return results.config["roots"].get(corpus) == "demo" and corpus in set(results.index["corpus"])


def _runs_of(labels):
    contiguous = labels == list(range(labels[0], labels[-1] + 1))
    return f"{labels[0]}–{labels[-1]}" if contiguous and len(labels) > 2 else ", ".join(map(str, labels))


def _reasons(rows):
    counts = rows["reason"].fillna("no reason given").value_counts()
    return "; ".join(f"{count:,} × {reason}" for reason, count in counts.items()) or "–"
