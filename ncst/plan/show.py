"""The plan of a run as text: two tables and what is missing, at most 120 columns wide."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ncst.plan import Config, selection
from ncst.plan.estimate import GB, HOUR, Estimate, Row, Work, estimate
from ncst.plan.official_release import LISTS, PUBLISHED_CLIPS
from ncst.plan.one_day import DAY, longest_chain, one_day, total

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SHOWN = 12  # things to leave out
Columns = list[tuple[str, Literal["left", "right"]]]


def show_plan(config: Config, gpu: str | None = None) -> None:
    """Print every split and every stage of a complete *config*, with the hours of the card *gpu* of ``costs.yaml``."""
    from rich.console import Console

    found = estimate(config, gpu)
    costs = found.rates.costs
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    console.print(_splits(config, found))
    console.print(_published(found))
    console.print(_stages(found))
    console.print(
        "GB and hours of a split are those of audio and features that no split above it has. "
        f"CPU h: hours of {costs['machine']}, as measured. {_card(found)}"
    )
    if config["gpu"]:
        _show_day(console, config, found, gpu)
    if found.weights:
        names = ", ".join(Path(file).stem for file in found.weights)
        console.print(f"Weights that the run will fetch: {names}.")
    for sentence in selection.narrowed(config):
        console.print(sentence)
    for name, root in found.absent.items():
        console.print(f"Not found: {root} (roots.{name}).")
    if found.roots:
        console.print(
            f"Still to be set in `roots`: {', '.join(found.roots)}. Splits without their corpora are left out of a run."
        )


def _splits(config: Config, found: Estimate) -> "Table":
    columns: Columns = [("split", "left"), ("label", "left"), ("source set", "left"), ("codec", "left")]
    columns += [("clips", "right"), ("present", "right"), ("missing", "left")]
    columns += [("GB", "right"), ("CPU h", "right"), ("GPU h", "right")]
    table = _table(f"Plan of {config['name']!r}: {found.clips:,} clips", columns)
    for row in found.rows:
        numbers = [f"{row.clips:,}", f"{row.present:,}", _missing(row), *_amounts(row.work)]
        table.add_row(row.split, row.label, ", ".join(row.sources), _names(row.codecs), *numbers)
    return table


def _published(found: Estimate) -> str:
    """Return the sum that the paper states, of the splits that it is the sum of."""
    counts = {row.split: row.clips for row in found.rows}
    lists = [split for *_, split in LISTS.values() if split in counts]
    clips = sum(counts[split] for split in lists)
    return f"{', '.join(lists)}: {clips:,} clips together; the paper states {PUBLISHED_CLIPS:,} for these."


def _stages(found: Estimate) -> "Table":
    table = _table("Stages", [("stage", "left"), ("GB", "right"), ("CPU h", "right"), ("GPU h", "right")])
    for name, work in found.stages.items():
        table.add_row(name, *_amounts(work))
    table.add_section()
    table.add_row("all", *_amounts(total(found)))
    return table


def _show_day(console: "Console", config: Config, found: Estimate, gpu: str | None) -> None:
    """Print the longest chain of jobs, and, where a card takes more than a day, what to leave out."""
    chain = longest_chain(config, found)
    jobs = ", ".join(f"{name} {_number(hours)}" for name, hours in chain.items())
    console.print(f"The longest chain of jobs, which more cards do not shorten: {sum(chain.values()):,.1f} h ({jobs}).")
    if total(found).gpu / HOUR <= DAY:
        return
    day = one_day(config, found, gpu)
    table = _table("What leaving out one thing saves", [("left out", "left"), ("GB", "right"), ("GPU h", "right")])
    for cut in day.cuts[:SHOWN]:
        table.add_row(cut.title, _number(cut.disk), _number(cut.hours))
    console.print(table)
    left = " and ".join(filter(None, [", ".join(c.title for c in day.taken[:-1]), day.taken[-1].title]))
    fits = "For a run of one day on one card" if day.hours <= DAY else "Too long for a day on one card"
    console.print(f"{fits}: without {left}, {day.hours:,.0f} GPU h are left.")


def _table(title: str, columns: Columns) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name, justify in columns:
        whole = justify == "right" or name in ("split", "stage", "missing", "left out")
        table.add_column(name, justify=justify, overflow="fold", no_wrap=whole)
    return table


def _names(codecs: list[str]) -> str:
    return codecs[0] + (f" + {len(codecs) - 1}" if len(codecs) > 1 else "")


def _missing(row: Row) -> str:
    weights = [f"weights: {row.weights}"] if row.weights else []
    return "\n".join([*textwrap.wrap(", ".join(row.corpora), 16), *weights]) or "-"


def _card(found: Estimate) -> str:
    """Return which card the hours are of, and what of them is assumed."""
    rates = found.rates
    taken = f"assumed, as one card for {rates.costs['gpu_cores']} such cores."
    if not rates.card["measured"]:
        return f"GPU h: of one {rates.card['card']} in their place: {taken}"
    rest = f"; those of {', '.join(sorted(rates.assumed))} in part {taken}" if rates.assumed else "."
    return f"GPU h: of one {rates.card['card']} in their place, as measured{rest}"


def _amounts(work: Work) -> list[str]:
    return [_number(v) for v in (work.disk / GB, work.cpu / HOUR, work.gpu / HOUR)]


def _number(value: float) -> str:
    if not value:
        return "-"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}" if value >= 0.01 else "<0.01"
