from ncst.core.job import job

with job(snakemake):
    from pathlib import Path

    from ncst.evaluation.evaluate_taxonomy import evaluate_taxonomy
    from ncst.evaluation.run_folders import ScoredRun
    from ncst.formats.manifests import read_speakers

    names, params = snakemake.wildcards, snakemake.params
    speakers = read_speakers(snakemake.input.speakers)
    evaluate_taxonomy(
        ScoredRun(names.model, names.model, int(names.seed), Path(params.scores), speakers=speakers),
        {name: name for name in params.splits},
        params.parameters,
        snakemake.output[0],
        draw=params.seed,
    )
