from ncst.core.job import job

with job(snakemake):
    from ncst.speech.index_corpus import index_corpus

    root = snakemake.input.made or snakemake.params.root
    index_corpus(
        snakemake.wildcards.corpus,
        snakemake.params.entry,
        str(root),
        snakemake.output[0],
        min_duration=snakemake.params.min_duration,
        workers=snakemake.threads,
    )
