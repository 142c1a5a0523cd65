from ncst.job import job

with job(snakemake):
    from ncst.tables import write_tables

    write_tables(snakemake.input.metrics, snakemake.output[0], snakemake.input.paired)
