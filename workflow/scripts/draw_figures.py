from ncst.core.job import job

with job(snakemake):
    from ncst.report.draw_figures import write_figures

    write_figures(snakemake.params.results, snakemake.params.config, snakemake.output[0])
