from ncst.core.job import job

with job(snakemake):
    from ncst.evaluation.compare_models import compare_models

    params = snakemake.params
    compare_models(params.results, params.titles, snakemake.output[0], params.seeds, params.splits, draw=params.seed)
