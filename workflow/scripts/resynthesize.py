from ncst.core.job import job

if __name__ == "__main__":  # several workers: their processes import this file
    with job(snakemake):
        from ncst.audio.resynthesize import resynthesize

        name = snakemake.wildcards.codec
        resynthesize(
            snakemake.input.real,
            name,
            snakemake.params.codec,
            snakemake.input.weights or None,
            snakemake.output[0],
            seed=snakemake.params.seed,
            device="cuda" if snakemake.resources.get("gpu") else "cpu",
            max_failed=snakemake.params.max_failed,
            workers=snakemake.config["codecs"][name].get("workers"),  # changes no clip, so it is in no job's params
            threads=snakemake.threads,
        )
