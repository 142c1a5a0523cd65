from ncst.core.job import job

with job(snakemake):
    from ncst.audio.resynthesize import write_real

    write_real(
        snakemake.input.sources,
        snakemake.wildcards.shard,
        snakemake.params.entry,
        snakemake.output[0],
        roots=snakemake.config["folders"],
        min_duration=snakemake.params.min_duration,
        max_duration=snakemake.params.max_duration,
        threads=snakemake.threads,
    )
