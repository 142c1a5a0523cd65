from ncst.core.job import job

with job(snakemake):
    from ncst.audio.generate_alm import generate

    generate(
        snakemake.wildcards.alm,
        snakemake.params.entry,
        snakemake.input.weights,
        snakemake.params.codec,
        snakemake.input.codec,
        snakemake.output[0],
        seed=snakemake.params.seed,
        device="cuda" if snakemake.resources.get("gpu") else "cpu",
    )
