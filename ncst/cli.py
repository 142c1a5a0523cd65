"""The command line: look at the registries and the plan, start a new codec. Heavy imports wait inside the commands."""

import sys
from typing import Annotated

import typer

from ncst.errors import NcstError

app = typer.Typer(
    help="Neural codec source tracing: look around, plan, extend.", no_args_is_help=True, add_completion=False
)
new = typer.Typer(help="Start a new registry entry.", no_args_is_help=True)
app.add_typer(new, name="new")

Overlays = Annotated[
    list[str] | None, typer.Option("--configfile", help="Overlay on config/config.yaml; may be repeated.")
]


@app.command()
def codecs(configfile: Overlays = None):
    """List every codec and variant: class, rate, books, bitrate, taxonomy, weights, licence."""
    from rich.console import Console
    from rich.table import Table

    from ncst import plan
    from ncst.codecs._table import codec_table

    rows = codec_table(plan.load_config(*configfile or ()))
    table = Table(*rows[0], title="Codecs")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)


@app.command("plan")
def show_plan(configfile: Overlays = None):
    """Show what a run will make: every split with its label, source sets, codecs and expected clips."""
    from rich.console import Console
    from rich.table import Table

    from ncst import plan

    config = plan.load_config(*configfile or ())
    plan.validate(config)
    table = Table("split", "role", "label", "source sets", "codecs", "clips", title=f"Plan of {config['name']!r}")
    for split in plan.splits(config):
        entry, pairs = config["splits"][split], plan.pairs(config, split)
        clips = sum(config["sources"][source]["size"] for source, _ in pairs)
        label = "of the codec" if entry.get("label") is None else str(entry["label"])
        sources, names = dict.fromkeys(s for s, _ in pairs), dict.fromkeys(c for _, c in pairs)
        table.add_row(split, entry["role"], label, ", ".join(sources), ", ".join(names), f"{clips:,}")
    Console().print(table)


@new.command("codec")
def new_codec(name: str):
    """Write ncst/codecs/NAME.py and its entry in config/codecs.yaml, ready to be filled in."""
    from ncst.scaffold import new_codec

    typer.echo(new_codec(name, "."))


def main():
    """Run the command line; a `NcstError` becomes one sentence and exit status 1."""
    try:
        app()
    except NcstError as error:
        sys.exit(f"error: {error}")
