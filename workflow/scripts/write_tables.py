from ncst.core.job import job

with job(snakemake):
    from ncst.report.tables.write_tables import write_tables

    found = snakemake.input
    shortcuts = found.shortcuts[0] if found.shortcuts else None
    write_tables(
        list(found.metrics),
        snakemake.output[0],
        found.paired,
        found.robustness,
        shortcuts,
        found.unseen_real,
        snakemake.params.titles,
    )
