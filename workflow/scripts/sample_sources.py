from ncst.job import job

with job(snakemake):
    from ncst.sources import write_sources

    params = snakemake.params
    write_sources(snakemake.wildcards.source_set, list(snakemake.input), params.sources, params.seed, snakemake.output[0])
