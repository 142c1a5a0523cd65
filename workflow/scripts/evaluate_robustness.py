from ncst.core.job import job

with job(snakemake):
    from ncst.evaluation.evaluate_robustness import evaluate_robustness
    from ncst.formats.manifests import read_speakers

    evaluate_robustness(
        snakemake.input.scores,
        snakemake.input.metrics,
        {name: name for name in snakemake.params.cells},
        {name: {"title": name, "role": role} for name, role in snakemake.params.roles.items()},
        snakemake.output[0],
        draw=snakemake.params.seed,
        speakers=read_speakers(snakemake.input.speakers),
    )
