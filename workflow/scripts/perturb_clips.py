from ncst.core.job import job

with job(snakemake):
    from ncst.evaluation.perturb_clips import perturb_clips

    perturb_clips(
        snakemake.input.clips,
        snakemake.wildcards.perturbation,
        snakemake.params.entry,
        snakemake.output[0],
        snakemake.params.seed,
    )
