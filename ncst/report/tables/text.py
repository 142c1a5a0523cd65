"""Grids of cells as Markdown and LaTeX."""

import math
from pathlib import Path

from ncst.core.files import atomic

_TEX = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\^{}", "±": r"$\pm$"}
)


def markdown(caption, blocks, notes):
    """Return a Markdown document of *blocks* ((heading, DataFrame of str) pairs) with numbered *notes*."""
    lines = [f"**{_plain(caption)}**", ""]
    for heading, grid in blocks:
        head = [grid.index.name, *grid.columns]
        lines += [f"*{_plain(heading)}*", ""] if heading else []
        lines += [_line(head), "|" + "---|" * len(head)]
        lines += [_line([name, *cells]) for name, cells in zip(grid.index, grid.to_numpy())]
        lines.append("")
    lines += [f"{number}. {_plain(note)}" for number, note in enumerate(notes, 1)]
    return "\n".join(lines) + "\n"


def tex(caption, blocks, notes):
    """Return a LaTeX table (packages booktabs and graphicx) of *blocks* with numbered *notes* below."""
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{caption.translate(_TEX)}}}"]
    for heading, grid in blocks:
        lines += [r"\medskip", heading.translate(_TEX), ""] if heading else []
        lines += [r"\resizebox{\linewidth}{!}{%", rf"\begin{{tabular}}{{l{'r' * len(grid.columns)}}}", r"\toprule"]
        lines += [_tex_line([grid.index.name, *grid.columns]), r"\midrule"]
        lines += [_tex_line([name, *cells]) for name, cells in zip(grid.index, grid.to_numpy())]
        lines += [r"\bottomrule", r"\end{tabular}}", ""]
    lines += [
        r"\begin{enumerate}",
        *(rf"\item {note.translate(_TEX)}" for note in notes),
        r"\end{enumerate}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def texts(table, blocks, notes):
    """Return ``{"csv", "md", "tex"}`` of a `ncst.formats.tables.Table`; *blocks* and *notes* as for `markdown`."""
    return {"csv": table.csv(), "md": markdown(table.caption, blocks, notes), "tex": tex(table.caption, blocks, notes)}


def write_texts(found, folder, name):
    """Write ``<name>.<suffix>`` for each suffix and text of *found* into *folder*."""
    for suffix, text in found.items():
        with atomic(Path(folder) / f"{name}.{suffix}") as temporary:
            temporary.write_text(text, encoding="utf-8")


def measured(row):
    """Return a measurement as text: value, interval or, with several seeds, spread, and the published value if any."""
    spread = f"± {row['sd']:.2f}" if row["seeds"] > 1 else f"[{row['low']:.2f}, {row['high']:.2f}]"
    if math.isnan(row["low"]) and row["seeds"] == 1:
        return f"{row['value']:.2f}"
    paper, corrected = row.get("paper", math.nan), row.get("corrected", math.nan)
    if math.isnan(paper):
        return f"{row['value']:.2f} {spread}"
    return f"{row['value']:.2f} {spread} ({paper:.2f}{'' if math.isnan(corrected) else f', corrected {corrected:.2f}'})"


def _plain(text):
    return str(text).replace("|", r"\|").replace("<", "&lt;").replace("\n", " ")


def _line(cells):
    return f"| {' | '.join(map(_plain, cells))} |"


def _tex_line(cells):
    return " & ".join(str(cell).translate(_TEX) for cell in cells) + r" \\"
