from ncst.core.job import job

with job(snakemake):
    from ncst.fetch.archives import fetch_corpus

    family, name, config = snakemake.params.family, snakemake.wildcards.published, snakemake.config
    fetch_corpus(
        f"{family}.{name}",
        config[family][name],
        snakemake.output[0],
        accepted=config["accept"],
        keep_archives=config["keep_archives"],
    )
