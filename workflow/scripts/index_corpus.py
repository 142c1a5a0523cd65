from ncst.core.job import job

with job(snakemake):
    from ncst.speech.index_corpus import index_corpus

    corpus, root = snakemake.wildcards.corpus, snakemake.input.made or snakemake.params.root
    index_corpus(
        corpus,
        snakemake.params.entry | {"title": snakemake.config["corpora"][corpus]["title"]},
        str(root),
        snakemake.output[0],
        min_duration=snakemake.params.min_duration,
        max_duration=snakemake.params.max_duration,
        workers=4 * snakemake.threads,  # they wait for the disk most of the time
    )
