rule speak_corpus:
    input:
        sentences=[located(f"resources/demo/sentences_{language}.txt") for language in ("en", "zh")],
    output:
        directory("<results>/demo/{corpus}"),
    log:
        "<logs>/speak_corpus/{corpus}.log",
    benchmark:
        "<benchmarks>/speak_corpus/{corpus}.jsonl"
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code("speak_corpus"),
        demo=entry("corpora", "corpus", "demo"),
        seed=config["seed"],
    script:
        "../scripts/speak_corpus.py"


rule fetch_corpus:
    output:
        directory("<downloads>/{published}"),
    log:
        "<logs>/fetch_corpus/{published}.log",
    benchmark:
        "<benchmarks>/fetch_corpus/{published}.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    resources:
        mem="1GB",
        runtime="1d",
    params:
        download=lambda wildcards: config[PUBLISHED[wildcards.published]][wildcards.published]["download"],
        family=lambda wildcards: PUBLISHED[wildcards.published],
    script:
        "../scripts/fetch_corpus.py"


rule index_corpus:
    input:
        made=per(inputs.made_root, "corpus"),
    output:
        "<results>/corpora/{corpus}.parquet",
    log:
        "<logs>/index_corpus/{corpus}.log",
    benchmark:
        "<benchmarks>/index_corpus/{corpus}.jsonl"
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        code=code("index_corpus", corpora="corpus"),
        entry=entry("corpora", "corpus"),
        root=entry("roots", "corpus"),
        min_duration=config["min_duration"],
        max_duration=config["max_duration"],
    script:
        "../scripts/index_corpus.py"


rule sample_sources:
    input:
        per(inputs.indexes, "source_set"),
    output:
        "<results>/sources/{source_set}.parquet",
    log:
        "<logs>/sample_sources/{source_set}.log",
    benchmark:
        "<benchmarks>/sample_sources/{source_set}.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        code=code("sample_sources"),
        sources=per(inputs.pool, "source_set"),
        seed=config["seed"],
    script:
        "../scripts/sample_sources.py"
