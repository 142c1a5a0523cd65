"""The report page: one HTML file with everything inside, readable without a network."""

import functools
import json
from pathlib import Path

import jinja2
import vl_convert
from markupsafe import Markup

import ncst
from ncst.core.files import atomic
from ncst.report.charts.all import charts
from ncst.report.charts.specs import OKABE_ITO, OKABE_ITO_ON_DARK
from ncst.report.gallery import gallery
from ncst.report.mel_picture import CONTRAST_COLOURS, CONTRAST_DB, ENERGY_COLOURS, FLOOR_DB
from ncst.report.page import content, provenance
from ncst.report.page.results_tables import results_tables
from ncst.report.read_results import missing_ids, read_results
from ncst.report.tables.open_set import left_out
from ncst.report.tables.robustness import CAPTIONS as ROBUSTNESS_TABLES
from ncst.report.tables.taxonomy import CAPTIONS as TAXONOMY_TABLES

FOLDER = Path(__file__).parent
TAXONOMY = {
    "mvq": "multi-codebook quantiser",
    "svq": "single codebook",
    "sq": "scalar quantiser",
    "none": "no auxiliary objective",
    "sem": "semantic distillation",
    "dis": "disentanglement",
    "time": "time-domain decoder",
    "freq": "frequency-domain decoder",
}


def write_page(results, config, out_path):
    """Write the report of one results folder.

    The page reads metrics, tables, manifests, shards, indices, learning curves and benchmarks; it counts and shows, and
    computes no metric. It loads nothing: scripts, styles, pictures and audio are inside the file, and a content
    security policy forbids everything else.

    Parameters
    ----------
    results : path
        ``<results>``.
    config : dict
        The merged configuration of the run.
    out_path : path
        The HTML file.

    Raises
    ------
    NcstError
        If metrics or audio are missing, a file is broken, or the page cannot be written.
    """
    read = read_results(results, config)
    html = _environment().get_template("page.html.j2").render(**_context(read))
    with atomic(out_path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _environment():
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["json_island"] = _json_island
    return environment


def _json_island(value):
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704


@functools.cache
def _vega():
    return _inline(vl_convert.javascript_bundle())


def _inline(text):
    return Markup(text.replace("</script", "<\\/script").replace("<!--", "<\\!--"))  # noqa: S704


def _context(results):
    return _run(results) | _tables(results) | _drawn(results) | _provenance(results) | _fixed()


def _run(results):
    return {
        "name": results.config["name"],
        "version": ncst.__version__,
        "resampled": results.resampled,
        "weights": content.weights_used(results),
        "several_seeds": len({run["seed"] for run in results.runs}) > 1,
        "headline": content.headline(results),
        "stand_ins": content.stand_ins(results),
        "unsure": content.unsure(results),
        "unseen": content.unseen(results),
        "flow": content.flow(results),
        "tiles": content.scoreboard(results),
        "left_out": content.left_out(results),
        "refused": {run["run"]: run["refused"] for run in results.runs if run["refused"]},
        "unfit": [note for run in results.runs for note in left_out(run)],
        "missing_ids": missing_ids(results.folder),
        "shortcuts": content.shortcuts(results),
    }


def _tables(results):
    tables = results_tables(results)
    return {
        "splits": content.splits_table(results),
        "corpora": content.corpora_table(results),
        "codecs": content.codecs_table(results),
        "unlabelled": content.unlabelled_tables(results),
        "tables": [t for t in tables if t.name not in {*TAXONOMY_TABLES, *ROBUSTNESS_TABLES}],
        "robustness_tables": {t.name: t for t in tables if t.name in ROBUSTNESS_TABLES},
        "taxonomy_tables": [t for t in tables if t.name in TAXONOMY_TABLES],
    }


def _drawn(results):
    drawn = charts(results)
    return {
        "charts": drawn,
        "data": {name: {"spec": c.spec, "keys": list(c.keys), "records": c.records} for name, c in drawn.items()},
        "gallery": gallery(results),
    }


def _provenance(results):
    return {
        "machine": provenance.machine(),
        "versions": provenance.versions_table(),
        "hashes": provenance.weights_table(results),
        "precision": provenance.precision_table(results),
        "rules": provenance.rules_table(results),
        "config_yaml": provenance.config_yaml(results.config),
    }


def _fixed():
    """Return what is the same on every page."""
    return {
        "taxonomy": TAXONOMY,
        "scales": {
            "energy": ", ".join(ENERGY_COLOURS),
            "contrast": ", ".join(CONTRAST_COLOURS),
            "floor": FLOOR_DB,
            "contrast_db": CONTRAST_DB,
        },
        "palette": {"light": list(OKABE_ITO), "dark": list(OKABE_ITO_ON_DARK)},
        "style": Markup((FOLDER / "style.css").read_text(encoding="utf-8")),  # noqa: S704
        "script": _inline((FOLDER / "script.js").read_text(encoding="utf-8")),
        "vega": _vega(),
    }
