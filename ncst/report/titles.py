"""Titles, put in place of names when results are read: jobs know models, splits and codecs by their keys alone."""

from collections.abc import Mapping
from typing import Any

Titles = Mapping[str, Mapping[str, str]]
"""Family of the config to name to title, as `ncst.plan.inputs.titles` has them."""


def titled(run: Mapping[str, Any], titles: Titles) -> dict[str, Any]:
    """Return an object of `ncst.formats.metrics` or `ncst.formats.findings` with titles; unknown names stay."""
    splits, codecs = titles["splits"], titles["codecs"]
    found = dict(run) | {"title": titles["models"].get(run["model"], run["title"])}
    if "class_names" in run:
        found["class_names"] = [codecs.get(name, name) for name in run["class_names"]]
    for key in ("single", "taxonomy", "ood", "unlabelled"):
        if key in run:
            found[key] = {name: _part(part, splits.get(name), codecs) for name, part in run[key].items()}
    if "cells" in run:
        found["cells"] = {
            name: _part(cell, titles["perturbations"].get(name), codecs)
            | {"ood": {split: _part(part, splits.get(split), codecs) for split, part in cell["ood"].items()}}
            for name, cell in run["cells"].items()
        }
    if "by" in run:
        corpora = {titles["corpora"].get(name, name): group for name, group in run["by"].get("Corpus", {}).items()}
        found["by"] = dict(run["by"]) | ({"Corpus": corpora} if corpora else {})
    return found


def titled_pairs(comparison: Mapping[str, Any], titles: Titles) -> dict[str, Any]:
    """Return a comparison of models (`ncst.formats.findings.COMPARISONS`) with their titles."""
    models = titles["models"]
    rows = [row | {key: models.get(row[key], row[key]) for key in ("first", "second")} for row in comparison["rows"]]
    notes = [note.partition(": ") for note in comparison["notes"]]
    return {"rows": rows, "notes": ["".join((models.get(name, name), *rest)) for name, *rest in notes]}


def _part(part, title, codecs):
    """Return what was found on one set with its title; text, such as why there is nothing, stays."""
    if not isinstance(part, Mapping):
        return part
    found = dict(part) | ({"title": title} if title else {})
    if "label_name" in part:
        found["label_name"] = codecs.get(part["label_name"], part["label_name"])
    if "codecs" in part:
        found["codecs"] = {name: codecs.get(name, shown) for name, shown in part["codecs"].items()}
    return found
