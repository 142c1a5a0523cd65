from ncst.core.job import job

with job(snakemake):
    from ncst.evaluation.compare_models import compare_models

    params = snakemake.params
    names = {name: name for name in params.models}
    compare_models(params.results, names, snakemake.output[0], params.seeds, params.splits, draw=params.seed)
