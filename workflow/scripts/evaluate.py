from ncst.core.job import job

with job(snakemake):
    from pathlib import Path

    from ncst.evaluation.evaluate import evaluate
    from ncst.evaluation.run_folders import ScoredRun
    from ncst.formats.manifests import read_speakers

    names, params = snakemake.wildcards, snakemake.params
    speakers = read_speakers(snakemake.input.speakers)
    evaluate(
        ScoredRun(names.model, names.model, int(names.seed), Path(params.scores), Path(params.ood), speakers=speakers),
        {name: {"title": name, "role": role} for name, role in params.roles.items()},
        params.detectors,
        snakemake.output[0],
        draw=params.seed,
    )
