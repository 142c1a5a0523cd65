from ncst.core.job import job

with job(snakemake):
    from ncst.exchange.index_release import index_release

    params = snakemake.params
    index_release(
        params.release,
        params.codecs,
        params.sizes,
        snakemake.output.clips,
        snakemake.output.utterances,
        snakemake.output.report,
        workers=snakemake.threads,
    )
