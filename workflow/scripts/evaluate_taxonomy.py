from ncst.core.job import job

with job(snakemake):
    from ncst.evaluation.evaluate_taxonomy import evaluate

    params = snakemake.params
    evaluate(
        snakemake.wildcards.model,
        params.title,
        int(snakemake.wildcards.seed),
        params.splits,
        params.parameters,
        params.scores,
        snakemake.output[0],
        draw=params.seed,
    )
