from ncst.job import job

with job(snakemake):
    from ncst.metrics import evaluate
