from ncst.core.job import job

with job(snakemake):
    from pathlib import Path

    from ncst.plan import paths
    from ncst.tracing.score import score

    score(
        Path(snakemake.input.weights).parent,
        snakemake.input.manifest,
        paths.results_of(snakemake.input.features[0], paths.FEATURE_FILE),
        snakemake.output[0],
        device="cuda" if snakemake.resources.get("gpu") else "cpu",
    )
