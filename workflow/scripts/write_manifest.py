from ncst.core.job import job

with job(snakemake):
    from ncst.audio.write_manifest import write_manifest

    params = snakemake.params
    write_manifest(
        snakemake.wildcards.split,
        params.entry,
        snakemake.input.shards,
        params.audio,
        snakemake.output[0],
        seed=params.seed,
    )
