from ncst.job import job

with job(snakemake):
    from ncst.tables import write_tables

    write_tables(list(snakemake.input), snakemake.output[0])
