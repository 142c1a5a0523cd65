from ncst.core.job import job

with job(snakemake):
    from ncst.speech.corpora.demo import speak

    speak(
        snakemake.wildcards.corpus,
        snakemake.output[0],
        seed=snakemake.params.seed,
        workers=snakemake.threads,
        **snakemake.params.demo,
    )
