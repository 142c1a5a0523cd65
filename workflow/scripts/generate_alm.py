from ncst.core.job import job

with job(snakemake):
    from ncst.audio.generate_alm import generate_alm

    generate_alm(
        snakemake.wildcards.alm,
        snakemake.params.entry,
        snakemake.input.weights,
        snakemake.params.codec,
        snakemake.input.codec,
        snakemake.output[0],
        seed=snakemake.params.seed,
        device="cuda" if snakemake.resources.get("gpu") else "cpu",
    )
