from ncst.core.job import job

with job(snakemake):
    from pathlib import Path

    from ncst.tracing.score import score

    score(
        Path(snakemake.input.weights).parent,
        snakemake.input.manifest,
        snakemake.params.results,
        snakemake.output[0],
        device="cuda" if snakemake.resources.get("gpu") else "cpu",
    )
