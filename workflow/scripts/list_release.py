from ncst.core.job import job

with job(snakemake):
    from ncst.exchange.import_release import write_released_sources

    write_released_sources(
        snakemake.wildcards.source_set,
        snakemake.input.clips,
        snakemake.input.utterances,
        snakemake.params.options,
        snakemake.params.seed,
        snakemake.output[0],
    )
