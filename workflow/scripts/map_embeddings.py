from ncst.core.job import job

with job(snakemake):
    from ncst.evaluation.map_embeddings import map_embeddings

    params = snakemake.params
    map_embeddings(params.scores, params.splits, snakemake.output[0], draw=params.seed)
