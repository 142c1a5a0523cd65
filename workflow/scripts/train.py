from ncst.job import job

with job(snakemake):
    from pathlib import Path

    from ncst.training import train

    device = "cuda" if snakemake.resources.get("gpu") else "cpu"
    train(
        snakemake.params.entry,
        snakemake.wildcards.model,
        int(snakemake.wildcards.seed),
        snakemake.input.train,
        snakemake.input.dev,
        snakemake.params.results,
        Path(snakemake.output.weights).parent,
        device=device,
        workers=snakemake.threads - 1 if device == "cuda" else 0,
    )
