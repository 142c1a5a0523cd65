from ncst.core.job import job

with job(snakemake):
    from ncst.exchange.import_release import import_release

    import_release(
        snakemake.input.sources,
        snakemake.wildcards.shard,
        snakemake.input.clips,
        snakemake.wildcards.codec,
        snakemake.params.codec,
        snakemake.output[0],
        copy=snakemake.params.repack,
        threads=snakemake.threads,
    )
