from ncst.job import job

with job(snakemake):
    from pathlib import Path

    from ncst.training import train

    train(
        snakemake.params.entry,
        snakemake.wildcards.model,
        int(snakemake.wildcards.seed),
        snakemake.input.train,
        snakemake.input.dev,
        snakemake.params.results,
        Path(snakemake.output.weights).parent,
        device="cuda" if snakemake.resources.get("gpu") else "cpu",
    )
