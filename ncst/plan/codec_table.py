"""What the table of codecs says, read from the configuration alone."""

from pathlib import Path
from typing import Any

from ncst.core.files import PathLike, atomic
from ncst.errors import NcstError
from ncst.plan import Config, Entry
from ncst.plan.entries import by_class

MARKS = "<!-- codecs -->\n", "<!-- /codecs -->"


def codec_table(config: Config) -> list[dict[str, Any]]:
    """Return one dict of strings and numbers per codec of *config*, ordered by class id, then by name.

    Keys: ``name, title, class_id, role, sample_rate, hop, books, kbps, taxonomy, weights, licence, known``.
    ``known`` is ``known``, or what was inferred because the benchmark's paper does not state it.
    """
    return [
        _row(name, entry)
        for name, entry in sorted(config["codecs"].items(), key=lambda item: (*by_class(item[1]), item[0]))
    ]


def _row(name: str, entry: Entry) -> dict[str, Any]:
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
        "weights": official.get("repo") or _repository(official),
        "licence": entry.get("licence", {}).get("weights"),
        "known": entry.get("known", "known"),
    }


def _repository(official: Entry) -> str | None:
    """Return ``owner/name`` of the repository that the first URL of *official* points into, or None."""
    urls = [facts["url"] for facts in official.get("files", {}).values()]
    return "/".join(urls[0].split("/")[3:5]) if urls else None


def codec_markdown(config: Config) -> str:
    """Return the table as Markdown, ordered by class, with the fewest columns that tell entries apart."""
    lines = [
        "| class | codec | key | rate | kbit/s | taxonomy | official weights | licence | settings |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in codec_table(config):
        rate = f"{row['sample_rate'] / 1000:g} kHz" if row["sample_rate"] else ""
        cells = [row["class_id"], row["title"], f"`{row['name']}`", rate, row["kbps"], row["taxonomy"]]
        cells += [row["weights"], row["licence"], row["known"]]
        lines.append("| " + " | ".join("" if cell is None else str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def put_codec_table(config: Config, path: PathLike) -> None:
    """Put the Markdown table into the text file *path*, between the marks ``<!-- codecs -->`` and ``<!-- /codecs -->``.

    Raises
    ------
    NcstError
        If the file cannot be read, or has not both marks.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise NcstError(f"Cannot read {path} ({error.strerror}): name a file that exists.") from error
    before, begin, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not end:
        raise NcstError(f"{path} has no lines `<!-- codecs -->` and, below it, `<!-- /codecs -->`: add them.")
    with atomic(path) as temporary:
        temporary.write_text(f"{before}{begin}{codec_markdown(config)}\n{end}{after}", encoding="utf-8")
