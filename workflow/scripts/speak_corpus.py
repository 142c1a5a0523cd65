from ncst.core.job import job

with job(snakemake):
    from ncst.speech.speak_corpus import speak_corpus

    speak_corpus(
        snakemake.wildcards.corpus,
        snakemake.output[0],
        seed=snakemake.params.seed,
        workers=snakemake.threads,
        **snakemake.params.demo,
    )
