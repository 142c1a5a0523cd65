from ncst.core.job import job

with job(snakemake):
    from ncst.evaluation.evaluate import evaluate

    params = snakemake.params
    evaluate(
        snakemake.wildcards.model,
        params.title,
        int(snakemake.wildcards.seed),
        params.splits,
        params.detectors,
        params.scores,
        params.ood,
        snakemake.output[0],
        draw=params.seed,
        titles=params.titles,
    )
