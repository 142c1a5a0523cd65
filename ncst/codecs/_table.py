"""What the table of codecs says, read from the configuration alone."""


def codec_table(config):
    """Return one dict of strings and numbers per codec of *config*, ordered by class id, then by name.

    Keys: ``name, title, class_id, role, sample_rate, hop, books, kbps, taxonomy, weights, licence, known``.
    ``known`` is ``known``, or what was inferred because the benchmark's paper does not state it.
    """
    return [_row(name, entry) for name, entry in sorted(config["codecs"].items(), key=_order)]


def _order(item):
    name, entry = item
    return entry["class_id"] is None, entry["class_id"] or 0, entry["role"] in ("variant", "extra"), name


def _row(name, entry):
    facts = entry.get("official") or {}
    official = entry["weights"].get("official") or {}
    taxonomy = entry["taxonomy"]
    return {
        "name": name,
        "title": entry["title"],
        "class_id": entry["class_id"],
        "role": entry["role"],
        "sample_rate": facts.get("sample_rate"),
        "hop": facts.get("hop"),
        "books": facts.get("books"),
        "kbps": facts.get("bitrate_kbps", entry.get("bitrate_kbps")),
        "taxonomy": "/".join(taxonomy[key] for key in ("vq", "aux", "dec")),
        "weights": official.get("repo") or official.get("source"),
        "licence": entry.get("licence", {}).get("weights"),
        "known": entry.get("known", "known"),
    }
