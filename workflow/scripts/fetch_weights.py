from ncst.core.job import job

with job(snakemake):
    from ncst.fetch.weights import fetch_weights

    family, name, entry = snakemake.params.user
    fetch_weights(name, entry, snakemake.output[0], family=family)
