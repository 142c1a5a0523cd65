from ncst.core.job import job

with job(snakemake):
    from pathlib import Path

    from ncst import registry
    from ncst.evaluation.score_robustness import score_robustness

    entry = snakemake.params.entry
    device = "cuda" if snakemake.resources.get("gpu") else "cpu"
    module = entry.get("module", snakemake.params.frontend)
    frontend = registry.load("frontends", module)(entry, snakemake.input.get("frontend") or None, device)
    detectors = snakemake.params.detectors
    score_robustness(
        Path(snakemake.input.weights).parent,
        dict(zip(snakemake.params.cells, snakemake.input.cells)),
        frontend,
        {name: (entry, path) for (name, entry), path in zip(detectors.items(), snakemake.input.ood)},
        snakemake.input.train,
        snakemake.output[0],
        device,
    )
