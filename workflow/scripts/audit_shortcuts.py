from ncst.core.job import job

with job(snakemake):
    from ncst.evaluation.audit_shortcuts import audit_shortcuts

    found = snakemake.input
    audit_shortcuts(found.train, found.test[0], snakemake.output[0], draw=snakemake.params.seed)
