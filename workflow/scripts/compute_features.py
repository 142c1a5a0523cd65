from ncst.job import job

with job(snakemake):
    from ncst.features import compute_features

    compute_features(
        snakemake.input.audio,
        snakemake.wildcards.frontend,
        snakemake.params.entry,
        snakemake.input.weights or None,
        snakemake.output.features,
        device="cuda" if snakemake.resources.get("gpu") else "cpu",
    )
