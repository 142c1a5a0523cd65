from ncst.core.job import job

with job(snakemake):
    from ncst.speech.sample_sources import sample_sources

    sample_sources(
        snakemake.wildcards.source_set,
        list(snakemake.input),
        snakemake.params.sources,
        snakemake.params.seed,
        snakemake.output[0],
    )
