from ncst.core.job import job

with job(snakemake):
    from pathlib import Path

    import yaml

    from ncst.compact.train_compact import train_compact

    recipe = yaml.safe_load(Path(snakemake.input.recipe).read_text(encoding="utf-8"))["compact"]
    train_compact(snakemake.wildcards.network, recipe, list(snakemake.input.speech), snakemake.output[0])
