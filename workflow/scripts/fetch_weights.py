from ncst.job import job

with job(snakemake):
    from ncst.weights import fetch_weights

    fetch_weights(snakemake.params.name, snakemake.params.entry, snakemake.output[0])
