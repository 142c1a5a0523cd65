from ncst.core.job import job

with job(snakemake):
    from ncst.fetch.weights import fetch_folder

    fetch_folder(snakemake.wildcards.alm, snakemake.params.entry, snakemake.output[0])
