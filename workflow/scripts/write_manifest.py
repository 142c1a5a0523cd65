from ncst.core.job import job

with job(snakemake):
    from ncst.audio.write_manifest import write_manifest
    from ncst.plan import paths

    params, shards = snakemake.params, snakemake.input.shards
    write_manifest(
        snakemake.wildcards.split,
        params.entry,
        shards,
        paths.results_of(shards[0], paths.SHARD) / paths.AUDIO,
        snakemake.output[0],
        seed=params.seed,
    )
