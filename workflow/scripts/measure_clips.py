from ncst.core.job import job

with job(snakemake):
    from ncst.evaluation.measure_clips import measure_clips
    from ncst.plan import paths

    params = snakemake.params
    measure_clips(
        snakemake.input.manifest,
        paths.results_of(snakemake.input.shards[0], paths.SHARD) / paths.AUDIO,
        snakemake.output[0],
        limit=params.limit,
        threads=snakemake.threads,
        seed=params.seed,
    )
