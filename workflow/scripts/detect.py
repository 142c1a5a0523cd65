from ncst.job import job

with job(snakemake):
    from ncst.detection import detect
