from ncst.core.job import job

with job(snakemake):
    from pathlib import Path

    from ncst.evaluation.evaluate import evaluate
    from ncst.evaluation.run_folders import ScoredRun

    names, params = snakemake.wildcards, snakemake.params
    evaluate(
        ScoredRun(names.model, params.title, int(names.seed), Path(params.scores), Path(params.ood)),
        params.splits,
        params.detectors,
        snakemake.output[0],
        titles=params.titles,
        draw=params.seed,
    )
