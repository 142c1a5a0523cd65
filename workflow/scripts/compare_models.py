from ncst.core.job import job

with job(snakemake):
    from ncst.evaluation.compare_models import compare_models
    from ncst.formats.manifests import read_speakers

    params = snakemake.params
    speakers = read_speakers(snakemake.input.speakers)
    names = {name: name for name in params.models}
    compare_models(
        params.results, names, snakemake.output[0], params.seeds, params.splits, draw=params.seed, speakers=speakers
    )
