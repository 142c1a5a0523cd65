from ncst.core.job import job

with job(snakemake):
    from pathlib import Path

    from ncst.evaluation.evaluate_taxonomy import evaluate_taxonomy
    from ncst.evaluation.run_folders import ScoredRun

    names, params = snakemake.wildcards, snakemake.params
    evaluate_taxonomy(
        ScoredRun(names.model, names.model, int(names.seed), Path(params.scores)),
        {name: name for name in params.splits},
        params.parameters,
        snakemake.output[0],
        draw=params.seed,
    )
