from ncst.core.job import job

with job(snakemake):
    from ncst.report.draw_figures import draw_figures

    draw_figures(snakemake.params.results, snakemake.params.config, snakemake.output[0])
