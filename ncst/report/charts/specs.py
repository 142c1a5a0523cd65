"""Vega-Lite specifications without data; the records they unfold are described in `ncst.report.charts.chart`."""

import altair as alt

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D1F", "#7F7F7F")
OKABE_ITO_ON_DARK = ("#56B4E9", "#E69F00", "#1FBF92", "#E39AC4", "#F0E442", "#FF8442", "#B8A06A", "#B0B0B0")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2])
INK = alt.param(name="ink", value="#1b1f24")
PAPER = alt.param(name="paper", value="#ffffff")
WRAP = alt.param(name="wrap", value=44)
SHAPES = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "cross",
)  # five: with eight colours every pair is met once in 40


def _spec(chart, height):
    spec = chart.properties(width="container", height=height).to_dict()
    for part in (spec, *spec.get("layer", ())):
        part.pop("data", None)
    return {key: value for key, value in spec.items() if key not in ("datasets", "config")}


def _records():
    return alt.Chart(alt.NamedData("records"))


def _name(field, title):
    return alt.Tooltip(field, type="nominal", title=title)


def _number(field, title, form=".2f"):
    return alt.Tooltip(field, type="quantitative", title=title, format=form)


def _rows(field, title=None):
    lines = f"split(trim(replace(datum.label, regexp('(.{{1,' + {WRAP.name} + '}})( |$)', 'g'), '$1\\n')), '\\n')"
    up = {"condition": {"test": "true", "expr": f"-6 * (ceil(length(datum.label) / {WRAP.name}) - 1)"}, "value": 0}
    axis = alt.Axis(ticks=False, domain=False, labelLimit=0, labelExpr=lines, labelOffset=up)
    return alt.Y(field, type="nominal", sort=None, title=title, axis=axis)


def _legend(symbol="stroke"):
    return alt.Legend(orient="top", symbolType=symbol, symbolStrokeWidth=3, symbolSize=180)


def _colour(field, names, symbol="stroke"):
    scale = alt.Scale(domain=names)
    return alt.Color(field, type="nominal", title=None, sort=None, scale=scale, legend=_legend(symbol))


def intervals(row, models, runs, domain=None):
    """Draw ``value`` in ``low``-``high`` (percent) for every *row*: *runs* side by side, one colour per model."""
    pick = alt.selection_point(fields=["model"], bind="legend")
    base = _records().encode(
        y=_rows(row),
        yOffset=alt.YOffset("run", type="nominal", sort=runs),
        color=_colour("model", models),
        opacity=alt.when(pick).then(alt.value(1)).otherwise(alt.value(0.12)),
        tooltip=[
            _name(row, "Row"),
            _name("run", "Model"),
            _number("value", "Percent"),
            _number("low", "95 % from"),
            _number("high", "to"),
        ],
    )
    scale = alt.Scale(domain=domain) if domain else alt.Scale(zero=False, padding=8)
    x = alt.X("low", type="quantitative", title="percent", scale=scale, axis=alt.Axis(tickCount=6))
    bars = base.mark_rule(strokeWidth=2).encode(x=x, x2="high")
    points = base.mark_point(filled=True, size=46).encode(x=alt.X("value", type="quantitative", scale=scale))
    return _spec((bars + points).add_params(pick, WRAP), alt.Step(max(5, 30 // max(len(runs), 1)), **{"for": "offset"}))


def heatmap(rows, title):
    """Draw ``count`` of every ``row`` and ``prediction`` as the percentage of the row's ``n`` clips."""
    base = (
        _records()
        .transform_flatten(["row", "count", "n"])
        .transform_flatten(["prediction", "count"])
        .transform_calculate(share="datum.n > 0 ? datum.count / datum.n : 0")
        .transform_calculate(
            label="datum.count == 0 ? '·' : datum.share > 0.9995 ? '100' : format(100 * datum.share, '.1f')"
        )
        .encode(
            x=alt.X(
                "prediction",
                type="nominal",
                sort=None,
                title="taken for",
                axis=alt.Axis(orient="top", labelOverlap=False),
            ),
            y=_rows("row", title),
            tooltip=[
                _name("row", rows.capitalize()),
                _name("prediction", "Taken for"),
                _number("count", "Clips", "d"),
                _number("share", "Share", ".2%"),
            ],
        )
    )
    return _shaded(base, "share", 1)


def grid(row, column):
    """Draw ``value`` (percent, in ``low``-``high``) of every *column*, whose names may have lines, for every *row*."""
    narrow = {
        "labelAngle": "width < 480 ? -90 : 0",
        "labelAlign": "width < 480 ? 'left' : 'center'",
        "labelBaseline": "width < 480 ? 'middle' : 'bottom'",
        "labelPadding": "width < 480 ? 4 : 32",  # three lines
    }
    axis = alt.Axis(
        orient="top",
        labelOverlap=False,
        labelLimit=260,
        labelExpr=r"width < 480 ? datum.label : split(datum.label, '\n')",
        **{key: alt.expr(value) for key, value in narrow.items()},
    )
    base = (
        _records()
        .transform_flatten([column, "value", "low", "high"])
        .transform_calculate(label="format(datum.value, '.1f')")
        .encode(
            x=alt.X(column, type="nominal", sort=None, title=None, axis=axis),
            y=_rows(row),
            tooltip=[
                _name(row, "Clips"),
                _name(column, "Measure"),
                _number("value", "Percent"),
                _number("low", "95 % from"),
                _number("high", "to"),
            ],
        )
    )
    return _shaded(base, "value", 100)


def _shaded(base, field, full):
    """Shade the cells of *base* by *field*, from 0 to *full*, and write ``label`` into them."""
    shade = alt.Color(field, type="quantitative", scale=alt.Scale(domain=[0, full]), legend=None)
    paper, ink = (alt.value(alt.expr(param.name)) for param in (PAPER, INK))
    colour = alt.when(f"datum.{field} > {full / 2}").then(paper).otherwise(ink)
    numbers = base.mark_text().encode(text=alt.Text("label", type="nominal"), color=colour)
    return _spec((base.mark_rect().encode(color=shade) + numbers).add_params(INK, PAPER, WRAP), alt.Step(30))


def histogram():
    """Draw the shares ``known`` and ``unseen`` over the bins ``low``-``high``, and two thresholds."""
    pick = alt.selection_point(fields=["set"], bind="legend")
    layers = alt.layer(_bars(pick).add_params(pick), _threshold("test", [5, 3]), _threshold("development", [1.5, 2.5]))
    layers = layers.transform_flatten(["low", "high", "known", "unseen"])
    return _spec(layers.transform_fold(["known", "unseen"], as_=["set", "share"]).add_params(INK), 240)


def _bars(pick):
    return (
        _records()
        .mark_bar(binSpacing=0)
        .encode(
            x=alt.X(
                "low",
                type="quantitative",
                bin="binned",
                title="score (higher = more out-of-distribution)",
                axis=alt.Axis(tickCount=6),
            ),
            x2="high",
            y=alt.Y(
                "share",
                type="quantitative",
                stack=None,
                title="share of the set",
                axis=alt.Axis(format="~%", tickCount=4),
            ),
            color=_colour("set", ["known", "unseen"], "square"),
            opacity=alt.when(pick).then(alt.value(0.6)).otherwise(alt.value(0.08)),
            tooltip=[
                _name("set", "Set"),
                _number("low", "Score from", ".4~g"),
                _number("high", "to", ".4~g"),
                _number("share", "Share", ".2%"),
            ],
        )
    )


def _threshold(field, dash):
    tooltip = alt.Tooltip(field, type="quantitative", aggregate="min", title=f"Keeps 95 % of {field}", format=".4~g")
    return (
        _records()
        .mark_rule(strokeDash=dash, strokeWidth=1.5)
        .encode(
            x=alt.X(field, type="quantitative", aggregate="min"),
            color=alt.value(alt.expr(INK.name)),
            tooltip=tooltip,
        )
    )


def lines(x, y, field, names, titles, *, line=None, height, percent=False):
    """Draw the arrays *x* and *y* as one line per *line* (default: *field*), one colour and dash per *field*."""
    line = line or field
    x_title, y_title = titles
    pick = alt.selection_point(fields=[field], bind="legend")
    dashes = alt.Scale(domain=names, range=[DASHES[i // len(OKABE_ITO) % len(DASHES)] for i in range(len(names))])
    scale = alt.Scale(domain=[0, 100]) if percent else alt.Scale(zero=False)
    chart = (
        _records()
        .transform_flatten([x, y])
        .mark_line(
            strokeWidth=2, interpolate="step-after" if percent else "linear", point=False if percent else {"size": 22}
        )
        .encode(
            x=alt.X(x, type="quantitative", title=x_title, scale=scale, axis=alt.Axis(tickMinStep=1, tickCount=6)),
            y=alt.Y(y, type="quantitative", title=y_title, scale=scale, axis=alt.Axis(tickCount=6)),
            color=_colour(field, names),
            strokeDash=alt.StrokeDash(field, type="nominal", title=None, sort=None, scale=dashes, legend=_legend()),
            opacity=alt.when(pick).then(alt.value(1)).otherwise(alt.value(0.1)),
            detail=alt.Detail(line, type="nominal"),
            tooltip=[_name(line, line.title()), _number(x, x_title or x, ".4~g"), _number(y, y_title or y, ".4~g")],
        )
        .add_params(pick)
    )
    return _spec(chart, height)


def spans(row):
    """Draw ``low``-``high`` as a bar and ``middle`` as a tick for every *row*."""
    tooltip = [_name(row, "Codec"), _number("low", "5 %"), _number("middle", "Median"), _number("high", "95 %")]
    base = _records().encode(y=_rows(row), tooltip=tooltip)
    x = alt.X("low", type="quantitative", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=6))
    bars = base.mark_bar(height=6, opacity=0.35).encode(x=x, x2="high")
    ticks = base.mark_tick(thickness=3, size=16).encode(x=alt.X("middle", type="quantitative", title=None))
    return _spec((bars + ticks).add_params(WRAP), alt.Step(22))


def reliability(models):
    """Draw ``accuracy`` over ``confidence`` (percent) of ``count`` clips, and the diagonal."""
    pick = alt.selection_point(fields=["model"], bind="legend")
    scale = alt.Scale(domain=[0, 100])
    base = (
        _records()
        .transform_flatten(["confidence", "accuracy", "count"])
        .transform_filter("datum.count > 0")
        .encode(
            x=alt.X(
                "confidence",
                type="quantitative",
                title="probability of the taken class, percent",
                scale=scale,
                axis=alt.Axis(tickCount=6),
            ),
            y=alt.Y("accuracy", type="quantitative", title="right, percent", scale=scale),
            color=_colour("model", models),
            detail="run:N",
            opacity=alt.when(pick).then(alt.value(1)).otherwise(alt.value(0.1)),
            tooltip=[
                _name("run", "Model"),
                _number("confidence", "Probability", ".1f"),
                _number("accuracy", "Right", ".1f"),
                _number("count", "Clips", "d"),
            ],
        )
    )
    sizes = alt.Size("count", type="quantitative", legend=None, scale=alt.Scale(type="sqrt", range=[12, 240]))
    marks = base.mark_line(strokeWidth=1.5) + base.mark_point(filled=True).encode(size=sizes)
    spec = _spec(marks.add_params(pick), 260)
    spec["layer"].insert(
        0,
        {
            "data": {"values": [{"at": 0}, {"at": 100}]},
            "mark": {"type": "line", "strokeDash": [3, 3], "strokeWidth": 1, "color": "#888888"},
            "encoding": {axis: {"field": "at", "type": "quantitative"} for axis in ("x", "y")},
        },
    )
    return spec


def scatter():
    """Draw the points ``x``, ``y`` by what ``colour`` names: arrays of codes into ``names``."""
    fields = ["codec", "corpus", "speaker", "test set"]
    pick = alt.selection_point(fields=["group"], bind="legend")
    order = alt.EncodingSortField("rank", op="min")
    group = {"field": "group", "type": "nominal", "title": None, "sort": order}
    legend = alt.Legend(orient="top", symbolSize=70, symbolOpacity=1, labelLimit=240)
    chart = (
        _records()
        .transform_flatten(["x", "y", "known", *fields])
        .transform_calculate(rank="datum[datum.colour]")
        .transform_calculate(
            group="datum.names[datum.colour][datum.rank]",
            **{field.replace(" ", "_"): f"datum.names['{field}'][datum['{field}']]" for field in fields},
        )
        .mark_point(size=34, strokeWidth=1.2)
        .encode(
            x=alt.X("x", type="quantitative", axis=None, scale=alt.Scale(domain=[-15, 1015])),
            y=alt.Y("y", type="quantitative", axis=None, scale=alt.Scale(domain=[-15, 1015])),
            stroke=alt.Stroke(**group, legend=legend),
            fill=alt.Fill(**group, legend=legend),
            shape=alt.Shape(**group, legend=legend, scale=alt.Scale(range=list(SHAPES))),
            fillOpacity=alt.when("datum.known == 1").then(alt.value(0.75)).otherwise(alt.value(0)),
            opacity=alt.when(pick).then(alt.value(0.9)).otherwise(alt.value(0.06)),
            tooltip=[_name(field.replace(" ", "_"), field.capitalize()) for field in fields],
        )
        .add_params(pick)
    )
    return _spec(chart, 460)
