from ncst.job import job

with job(snakemake):
    from ncst.training import train
