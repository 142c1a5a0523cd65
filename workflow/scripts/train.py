from ncst.core.job import job

if __name__ == "__main__":  # several GPUs: their processes import this file
    with job(snakemake):
        from pathlib import Path

        from ncst.plan import paths
        from ncst.tracing.train import Machine, train

        gpus = int(snakemake.resources.get("gpu") or 0)
        train(
            snakemake.params.entry,
            snakemake.wildcards.model,
            int(snakemake.wildcards.seed),
            (snakemake.input.train, snakemake.input.dev),
            paths.results_of(snakemake.input.features[0], paths.FEATURE_FILE),
            Path(snakemake.output.weights).parent,
            snakemake.params.parameters,
            Machine("cuda", (snakemake.threads - 1) // gpus, gpus) if gpus else Machine(),
        )
