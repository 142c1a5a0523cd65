rule fetch_alm:
    output:
        directory("weights/{alm}"),
    log:
        "<logs>/fetch_alm/{alm}.log",
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
        code=code("alms", "alm"),
        codec_code=lambda wildcards: code_of("codecs", entries.module_of(config, "codecs", back_end(wildcards))),
        weights=lambda wildcards: entries.weight_file(config, wildcards.alm, "alms"),
        codec=lambda wildcards: entries.weight_file(config, back_end(wildcards)),
        prompts=lambda wildcards: [located(file) for file in [config["alms"][wildcards.alm].get("prompts")] if file],
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
        gpu=config["gpu"],
        mem="24GB",
        runtime="24h",
    params:
        entry=entry("alms", "alm"),
        codec=lambda wildcards: entries.codec_entry(config, back_end(wildcards)),
        seed=config["seed"],
    script:
        "../scripts/generate_alm.py"
