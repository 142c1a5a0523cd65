from ncst.core.job import job

with job(snakemake):
    from ncst.evaluation.measure_clips import measure_clips

    params = snakemake.params
    measure_clips(
        snakemake.input.manifest,
        params.audio,
        snakemake.output[0],
        limit=params.limit,
        threads=snakemake.threads,
        seed=params.seed,
    )
