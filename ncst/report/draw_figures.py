"""Single figures for ``snakemake --report``."""

import copy
import html
import re
from pathlib import Path

import vl_convert

from ncst.core.files import atomic
from ncst.errors import NcstError
from ncst.report.charts.all import charts
from ncst.report.charts.specs import OKABE_ITO
from ncst.report.gallery import gallery
from ncst.report.read_results import read_results

THEME = {
    "background": "white",
    "font": "Helvetica, Arial, sans-serif",
    "padding": 14,
    "axis": {"labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal", "gridColor": "#e4e7eb"},
    "axisY": {"labelLineHeight": 12},
    "axisTop": {"labelAngle": -40},
    "legend": {"columns": 3},
    "range": {"category": list(OKABE_ITO), "heatmap": ["#f3f6fa", "#0b4f8a"]},
    "view": {"stroke": None},
}
WIDTH = 520


def draw_figures(results, config, out_dir):
    """Write every chart of the report for every choice a reader has as an SVG file.

    Parameters
    ----------
    results : path
        ``<results>`` with metrics and audio.
    config : dict
        The merged configuration.
    out_dir : path
        Folder for ``<chart>/<choice>--<choice>.svg``. Histograms of all detectors share one file; the
        confusion with the unknown is that of the first detector.

    Returns
    -------
    list of Path

    Raises
    ------
    NcstError
        If the results are incomplete, two charts would be one file, or the folder cannot be written.
    """
    read = read_results(results, config)
    paths = []
    for chart in charts(read).values():
        facet = "detector" if chart.name == "histograms" else None
        keys = [key for key in chart.keys if key != facet]
        drawn = chart.records
        if chart.name == "decisions":
            drawn = [record for record in drawn if record["detector"] == drawn[0]["detector"]]
        for choice in dict.fromkeys(tuple(record[key] for key in keys) for record in drawn):
            records = [r for r in drawn if all(r[key] == value for key, value in zip(keys, choice, strict=True))]
            path = Path(out_dir) / chart.name / f"{'--'.join(map(_slug, choice)) or 'all'}.svg"
            if path in paths:
                raise NcstError(f"Two charts would be the file {path}: rename one of {list(choice)}.")
            svg = vl_convert.vegalite_to_svg(_filled(chart.spec, records, facet), config=THEME)
            with atomic(path) as temporary:
                temporary.write_text(svg, encoding="utf-8")
            paths.append(path)
    for panel in gallery(read):
        path = Path(out_dir) / "gallery" / f"{_slug(panel['language'])}.svg"
        with atomic(path) as temporary:
            temporary.write_text(gallery_svg(panel), encoding="utf-8")
        paths.append(path)
    return paths


def gallery_svg(panel, columns=4, width=210, height=96):
    """Return one panel of `ncst.report.gallery.gallery` as an SVG grid of log-mel pictures, without variants."""
    cells, cards = [], [card for card in panel["cards"] if card["role"] not in ("variant", "extra")]
    for i, card in enumerate(cards):
        x, y = 12 + i % columns * (width + 12), 26 + i // columns * (height + 34)
        weight = 600 if card["codec"] == "real" else 400
        cells.append(
            f'<text x="{x}" y="{y - 6}" font-weight="{weight}">{html.escape(card["title"])}</text>'
            f'<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none" '
            f'href="{card["mel"]}"/>'
        )
    wide = columns * (width + 12) + 12
    high = -(-len(cards) // columns) * (height + 34) + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="13" fill="#1b2430">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(cells)}</svg>'
    )


def _filled(spec, records, facet):
    spec = copy.deepcopy(spec) | {"data": {"name": "records"}, "datasets": {"records": records}, "width": WIDTH}
    if facet is None:
        return spec
    outer = {key: spec.pop(key) for key in ("$schema", "data", "datasets", "transform", "params") if key in spec}
    inner = spec | {"width": WIDTH // 2, "height": 130}
    header = {"title": None, "labelFontSize": 12}
    return outer | {
        "facet": {"field": facet, "type": "nominal", "sort": None, "header": header},
        "columns": 2,
        "resolve": {"scale": {"x": "independent"}},
        "spec": inner,
    }


def _slug(text):
    return re.sub(r"[\W_]+", "-", text.lower()).strip("-")[:100]
