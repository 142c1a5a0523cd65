from ncst.core.job import job

with job(snakemake):
    from ncst.exchange.list_release import list_release

    list_release(
        snakemake.wildcards.source_set,
        snakemake.input.clips,
        snakemake.input.utterances,
        snakemake.params.options,
        snakemake.params.seed,
        snakemake.output[0],
    )
