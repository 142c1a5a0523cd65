rule index_release:
    output:
        clips="<results>/release/clips.parquet",
        utterances="<results>/release/utterances.parquet",
        report="<results>/release/report.json",
    log:
        "<logs>/index_release.log",
    benchmark:
        "<benchmarks>/index_release.jsonl"
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        code=code("index_release"),
        release=config["release"],
        codecs={
            codec: {key: config["codecs"][codec][key] for key in ("class_id", "role")} for codec in config["codecs"]
        },
        sizes={
            source_set: config["sources"][source_set]["size"]
            for source_set, _ in RELEASED
            if config["sources"][source_set]["size"] != "all"
        },
    script:
        "../scripts/index_release.py"


rule list_release:
    input:
        clips="<results>/release/clips.parquet",
        utterances="<results>/release/utterances.parquet",
    output:
        "<results>/sources/{source_set}.parquet",
    log:
        "<logs>/list_release/{source_set}.log",
    benchmark:
        "<benchmarks>/list_release/{source_set}.jsonl"
    wildcard_constraints:
        source_set=any_of(inputs.listed(config)),
    localrule: True
    conda:
        "../../environment.yml"
    params:
        code=code("list_release"),
        options=entry("sources", "source_set"),
        seed=config["seed"],
    script:
        "../scripts/list_release.py"


rule import_release:
    input:
        clips="<results>/release/clips.parquet",
        sources="<results>/sources/{source_set}.parquet",
    output:
        ensure("<results>/audio/{source_set}/{codec}/{shard}.parquet", non_empty=True),
    log:
        "<logs>/import_release/{source_set}/{codec}/{shard}.log",
    benchmark:
        "<benchmarks>/import_release/{source_set}/{codec}/{shard}.jsonl"
    wildcard_constraints:
        source_set=any_pair(RELEASED),
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        code=code("import_release"),
        codec=per(inputs.codec, "codec"),
        repack=config["release"]["copy"],
    script:
        "../scripts/import_release.py"


ruleorder: list_release > sample_sources
ruleorder: import_release > resynthesize > write_real
