from ncst.core.job import job

with job(snakemake):
    from ncst.evaluation.sample_clips import sample_clips
    from ncst.plan import paths

    params = snakemake.params
    counts = dict(zip(snakemake.input.manifests, params.counts))
    audio = paths.results_of(snakemake.input.shards[0], paths.SHARD) / paths.AUDIO
    sample_clips(counts, audio, snakemake.output[0], params.seed)
