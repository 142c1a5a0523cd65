"""The command line: look around, plan, evaluate, start something new. Heavy imports wait inside the commands."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from ncst import __version__
from ncst.errors import NcstError

app = typer.Typer(help="Neural codec source tracing: look around, plan, evaluate, extend.", no_args_is_help=True)

Overlays = Annotated[
    list[str] | None,
    typer.Option("--configfile", help="Overlays on config/config.yaml: FILE ..., as snakemake takes them."),
]

Values = Annotated[
    list[str] | None,
    typer.Option("--config", "-C", help="Single keys over the overlays: KEY=VALUE ..., as snakemake takes them."),
]


def _print_version(wanted: bool):
    if wanted:
        typer.echo(f"ncst {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
):
    pass


@app.command()
def init(folder: Path):
    """Lay the workflow out in FOLDER, which must be new or empty: Snakefile, workflow/, config/, profiles/."""
    from ncst.plan.init_folder import init_folder

    init_folder(folder)
    typer.echo(f"Wrote {folder}. Now: cd {shlex.quote(str(folder))} && snakemake --cores all")


@app.command()
def codecs(
    configfile: Overlays = None,
    values: Values = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown table.")] = False,
    into: Annotated[
        Path | None, typer.Option(help="A file to put the Markdown table into, between its `<!-- codecs -->` marks.")
    ] = None,
):
    """List every codec and variant: class, rate, books, bitrate, taxonomy, weights, licence."""
    from ncst.plan.codec_table import codec_markdown, codec_table, put_codec_table
    from ncst.plan.config import load_config

    config = load_config(*configfile or (), values=values or ())
    if into:
        put_codec_table(config, into)
    elif markdown:
        typer.echo(codec_markdown(config))
    else:
        rows = codec_table(config)
        _show("Codecs", list(rows[0]), [["" if v is None else str(v) for v in row.values()] for row in rows])


@app.command("plan")
def show_plan(
    configfile: Overlays = None,
    values: Values = None,
    gpu: Annotated[str | None, typer.Option(help="A card of resources/costs.yaml, such as h100.")] = None,
):
    """Show what a run will make and take: splits, clips, what is missing, disk and hours."""
    from ncst.plan import show
    from ncst.plan.config import load_config

    show.show_plan(load_config(*configfile or (), values=values or ()), gpu)


@app.command()
def check(
    configfile: Overlays = None,
    values: Values = None,
    corpora: Annotated[
        bool, typer.Option("--corpora", help="Compare indexed corpora with what lies there now.")
    ] = False,
):
    """Say all that a run of this configuration would stumble over: entries, options, roots, tools, GPU, disk."""
    from ncst.plan.config import check_config
    from ncst.plan.machine import disk_problems, machine_problems
    from ncst.plan.needs import run_problems
    from ncst.speech.check_corpora import changed_corpora, root_problems, uncompared

    problems, config = check_config(*configfile or (), values=values or ())
    if config is None:
        raise NcstError("\n".join(problems))
    for check in (run_problems, root_problems, machine_problems):
        try:
            problems += check(config)
        except NcstError as error:
            problems.append(str(error))
    problems = list(dict.fromkeys(problems)) or list(disk_problems(config))
    if corpora and not problems:
        problems = list(changed_corpora(config))
    if problems:
        raise NcstError("\n".join(problems))
    typer.echo("No problems found.")
    if corpora and (left := uncompared(config)):
        typer.echo(left)


@app.command()
def export(
    results: Annotated[str, typer.Option(help="Results folder of an experiment, e.g. results/demo.")],
    out: Annotated[str, typer.Option(help="Folder to write; must not exist.")],
    layout: Annotated[str, typer.Option(help="st-codecfake (the authors' tree), wav or webdataset.")],
    split: Annotated[list[str] | None, typer.Option(help="A split; may be repeated. Default: all that fit.")] = None,
):
    """Write the clips of splits as plain audio files with their labels."""
    from rich.progress import track

    from ncst.exchange.export import export

    counts = export(results, out, layout, split, progress=lambda shards: track(shards, "Shards", transient=True))
    for name, clips in counts.items():
        typer.echo(f"{name}: {clips:,} clips")
    typer.echo(f"Wrote {out}.")


@app.command("import-checkpoint")
def import_checkpoint(
    model: str,
    file: Path,
    out: Annotated[Path | None, typer.Option(help="File to write; by default weights/MODEL.safetensors.")] = None,
    classes: Annotated[int, typer.Option(help="Classes of the checkpoint.")] = 7,
    configfile: Overlays = None,
    values: Values = None,
):
    """Check a published checkpoint of MODEL and keep its weights without the front-end, to score with it."""
    from ncst.plan.config import load_config
    from ncst.tracing.import_checkpoint import convert_checkpoint

    config = load_config(*configfile or (), values=values or ())
    if model not in config["models"]:
        raise NcstError(f"No model {model!r} in config/models.yaml: use one of {list(config['models'])}.")
    out = out or Path("weights") / f"{model}.safetensors"
    count = convert_checkpoint(model, config["models"][model], file, out, classes)
    typer.echo(f"{out}: {count:,} parameters. To score with it instead of training, put this into an overlay:")
    typer.echo(f"model_sizes: {{{model}: published}}\nmodels: {{{model}: {{published: {{checkpoint: {out}}}}}}}")


@app.command()
def evaluate(
    scores: Annotated[list[str], typer.Argument(help="Score files, FILE or SPLIT=FILE, or one folder per model.")],
    out: Annotated[str, typer.Option(help="Folder to write; must not exist.")],
    manifest: Annotated[
        list[str] | None, typer.Option("--manifest", "--labels", help="Manifest, CSV or label list; may be repeated.")
    ] = None,
    embeddings: Annotated[list[str] | None, typer.Option(help="File with clip_id and embedding.")] = None,
    model: Annotated[str, typer.Option(help="Model of the single files.")] = "external",
    seed: Annotated[int, typer.Option(help="Seed of the single files.")] = 1,
    configfile: Overlays = None,
    values: Values = None,
):
    """Evaluate anyone's scores, matched by clip id: text of the official repository, CSV, Parquet or npz."""
    from ncst.exchange.evaluate_scores import evaluate_external
    from ncst.plan.config import load_config
    from ncst.report.tables.write_tables import in_order

    config = load_config(*configfile or (), values=values or ())
    evaluate_external(scores, out, config, manifest or (), embeddings or (), model, seed)
    for table in in_order(Path(out, "tables").glob("*.md")):
        typer.echo(table.read_text(encoding="utf-8"))
    typer.echo(f"Wrote {out}.")


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(help="Results folders, or folders of one model's or seed's scores.")],
    out: Annotated[str | None, typer.Option(help="Folder for comparison.csv, .md and .tex.")] = None,
):
    """Compare runs clip by clip: differences to the first run with 95 % intervals, and McNemar's test."""
    from ncst.evaluation.compare_models import compare_folders
    from ncst.report.tables.comparison import comparison_table
    from ncst.report.tables.text import texts, write_texts

    found = texts(*comparison_table(*compare_folders(runs)))
    if out:
        write_texts(found, out, "comparison")
    typer.echo(found["md"])


def _show(title, columns, rows):
    """Print a table, unwrapped where the output is no terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, title=title, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*row)
    console = Console()
    (console if console.is_terminal else Console(width=240)).print(table)


@app.command()
def new(
    kind: Annotated[
        Literal["codec", "corpus", "model", "frontend", "objective", "perturbation", "detector"],
        typer.Argument(help="What to start."),
    ],
    name: Annotated[str, typer.Argument(help="Of its file and entry: lower-case letters, digits, underscores.")],
):
    """Start a codec, corpus, model ... of your own: one file and one entry that work at once."""
    from ncst.plan import new

    typer.echo(new.new(kind, name))


def _values_apart(arguments):
    """Return *arguments* with ``--configfile a.yaml b.yaml`` as ``--configfile a.yaml --configfile b.yaml``.

    What follows ``--config`` alike.
    """
    ends = (".yaml", ".yml", ".json")
    apart, option = [], None
    for argument in arguments:
        if argument in ("--configfile", "--config", "-C"):
            option = argument
        elif option and (argument.endswith(ends) if option == "--configfile" else "=" in argument):
            apart += [] if apart[-1] == option else [option]
        else:
            option = None
        apart.append(argument)
    return apart


def main():
    """Run the command line; a `NcstError` becomes one sentence and exit status 1."""
    try:
        app(_values_apart(sys.argv[1:]))
    except NcstError as error:
        sys.exit(f"error: {error}")
