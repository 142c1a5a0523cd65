from ncst.core.job import job

with job(snakemake):
    from ncst.evaluation.evaluate_robustness import evaluate_robustness

    evaluate_robustness(
        snakemake.input.scores,
        snakemake.input.metrics,
        snakemake.params.cells,
        snakemake.params.splits,
        snakemake.output[0],
        draw=snakemake.params.seed,
    )
