from ncst.core.job import job

with job(snakemake):
    from pathlib import Path

    from ncst.evaluation.sample_clips import sample_clips

    params = snakemake.params
    counts = dict(zip(snakemake.input.manifests, params.counts))
    sample_clips(counts, Path(params.audio), snakemake.output[0], params.seed)
