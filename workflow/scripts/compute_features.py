from ncst.core.job import job

with job(snakemake):
    from ncst import registry
    from ncst.tracing.compute_features import compute_features

    entry = snakemake.params.entry
    device = "cuda" if snakemake.resources.get("gpu") else "cpu"
    module = entry.get("module", snakemake.wildcards.frontend)
    frontend = registry.load("frontends", module)(entry, snakemake.input.get("weights") or None, device)
    compute_features(snakemake.input.audio, frontend, snakemake.output.features, readers=snakemake.threads)
