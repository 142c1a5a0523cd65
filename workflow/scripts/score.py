from ncst.job import job

with job(snakemake):
    from ncst.scoring import score
