from ncst.core.job import job

with job(snakemake):
    from ncst.report.page.write_page import write_page

    write_page(snakemake.params.results, snakemake.params.config, snakemake.output[0])
