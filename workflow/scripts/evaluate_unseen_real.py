from ncst.core.job import job

with job(snakemake):
    from ncst.evaluation.evaluate_unseen_real import evaluate_unseen_real
    from ncst.formats.manifests import read_speakers

    params = snakemake.params
    evaluate_unseen_real(
        dict(zip(params.splits, snakemake.input.scores)),
        dict(zip(params.splits, snakemake.input.measures)),
        snakemake.output[0],
        draw=params.seed,
        speakers=read_speakers(snakemake.input.speakers),
    )
