"""What a chart of the report is, and the parts that its makers share."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Chart:
    """One chart of the page.

    A record is a plain dict: the chart's keys, and values or arrays that the specification's own transforms unfold. The
    page embeds every record once and hands the chosen ones to the chart; `ncst.report.draw_figures` does the same for
    files.

    Attributes
    ----------
    name, title, text : str
        Identifier, heading and one-paragraph explanation.
    spec : dict
        Vega-Lite specification without data.
    keys : dict of str to str
        What a reader chooses by: key of the records to its label.
    records : list of dict
    """

    name: str
    title: str
    text: str
    spec: dict
    keys: dict
    records: list


def rounded(values, digits=4):
    """Return *values* as floats with *digits* decimals; None stays."""
    return [None if value is None else round(float(value), digits) for value in values]


def percent(values, digits=1):
    """Return shares as rounded percentages; None stays."""
    return rounded((None if value is None else 100 * value for value in values), digits)


def keys(run):
    """Return the part of a record that names the trained model."""
    return {"run": run["run"], "model": run["title"]}


def names(records, *fields):
    """Return the distinct values of each of *fields* in the order of *records*."""
    return [list(dict.fromkeys(record[field] for record in records)) for field in fields]


def interval(ci):
    """Return a measurement with its bounds, in percent."""
    return {key: round(100 * ci[key], 3) for key in ("value", "low", "high")}


def matrix(rows, predictions):
    """Return the part of a heat map's record that holds (title, counts) *rows* over *predictions*."""
    counts = [list(row) for _, row in rows]
    return {"row": [title for title, _ in rows], "prediction": predictions, "count": counts, "n": [*map(sum, counts)]}
