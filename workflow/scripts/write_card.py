from ncst.core.job import job

with job(snakemake):
    from ncst.audio.write_card import write_card

    params = snakemake.params
    write_card(params.name, params.sets, params.audio, snakemake.output[0])
