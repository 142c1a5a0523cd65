from ncst.core.job import job

with job(snakemake):
    from ncst.evaluation.detect import detect

    detect(
        snakemake.wildcards.detector,
        snakemake.params.entry,
        snakemake.input.train,
        list(snakemake.input.splits),
        snakemake.output[0],
        dev=snakemake.input.dev,
    )
