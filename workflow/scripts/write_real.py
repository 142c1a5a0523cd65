from ncst.core.job import job

with job(snakemake):
    from ncst.audio.resynthesize import write_real
    from ncst.plan import inputs

    write_real(
        snakemake.input.sources,
        snakemake.wildcards.shard,
        snakemake.params.entry,
        snakemake.output[0],
        roots=inputs.folders(snakemake.config),
        min_duration=snakemake.params.min_duration,
        threads=snakemake.threads,
    )
