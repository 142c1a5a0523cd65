rule fetch_alm:
    output:
        directory("weights/{alm}"),
    log:
        "<logs>/fetch_alm/{alm}.log",
    benchmark:
        "<benchmarks>/fetch_alm/{alm}.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    resources:
        mem="2GB",
        runtime="8h",
    params:
        entry=entry("alms", "alm"),
    script:
        "../scripts/fetch_alm.py"


rule generate_alm:
    input:
        weights=per(inputs.weights, "alm", family="alms"),
        codec=per(inputs.back_end_weights, "alm"),
        prompts=per(inputs.prompts, "alm"),
    output:
        directory("<results>/alms/{alm}"),
    log:
        "<logs>/generate_alm/{alm}.log",
    benchmark:
        "<benchmarks>/generate_alm/{alm}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=CARDS,
        mem_mb=growing(DEMANDS.alm_memory, "alm"),
        runtime=growing(DEMANDS.alm_time, "alm"),
    params:
        code=code("generate_alm", alms="alm"),
        entry=entry("alms", "alm"),
        codec=per(inputs.back_end, "alm"),
        seed=config["seed"],
    script:
        "../scripts/generate_alm.py"
