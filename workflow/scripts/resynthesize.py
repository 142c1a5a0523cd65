from ncst.core.job import job

with job(snakemake):
    from ncst.audio.resynthesize import resynthesize

    resynthesize(
        snakemake.input.real,
        snakemake.wildcards.codec,
        snakemake.params.codec,
        snakemake.input.weights or None,
        snakemake.output[0],
        seed=snakemake.params.seed,
        device="cuda" if snakemake.resources.get("gpu") else "cpu",
        max_failed=snakemake.params.max_failed,
    )
