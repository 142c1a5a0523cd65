rule write_real:
    input:
        sources="<results>/sources/{source_set}.parquet",
    output:
        ensure("<results>/audio/{source_set}/real/{shard}.parquet", non_empty=True),
    log:
        "<logs>/write_real/{source_set}/{shard}.log",
    benchmark:
        "<benchmarks>/write_real/{source_set}/{shard}.jsonl"
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code=code("write_real"),
        entry=inputs.codec(config, "real"),
        min_duration=config["min_duration"],
        max_duration=config["max_duration"],
    script:
        "../scripts/write_real.py"


rule resynthesize:
    input:
        weights=per(inputs.weights, "codec"),
        real="<results>/audio/{source_set}/real/{shard}.parquet",
    output:
        ensure("<results>/audio/{source_set}/{codec}/{shard}.parquet", non_empty=True),
    log:
        "<logs>/resynthesize/{source_set}/{codec}/{shard}.log",
    benchmark:
        "<benchmarks>/resynthesize/{source_set}/{codec}/{shard}.jsonl"
    wildcard_constraints:
        codec=any_of(name for name in config["codecs"] if name != "real"),
    conda:
        "../../environment.yml"
    threads: per(inputs.threads, "codec")
    resources:
        gpu=per(inputs.cards, "codec"),
        mem_mb=growing(DEMANDS.codec_memory, "codec"),
        runtime=growing(DEMANDS.codec_time, "codec", "source_set"),
    params:
        code=code("resynthesize", codecs="codec"),
        codec=per(inputs.codec, "codec"),
        seed=config["seed"],
        max_failed=config["max_failed"],
    script:
        "../scripts/resynthesize.py"


rule write_card:
    input:
        inputs.every_shard(config),
    output:
        "<results>/audio/README.md",
    log:
        "<logs>/write_card.log",
    benchmark:
        "<benchmarks>/write_card.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        code=code("write_card"),
        name=config["name"],
        sets=inputs.audio_sets(config),
        audio=folder("audio"),
    script:
        "../scripts/write_card.py"
