rule write_manifest:
    input:
        shards=per(inputs.audio, "split"),
    output:
        "<results>/manifests/{split}.parquet",
    log:
        "<logs>/write_manifest/{split}.log",
    benchmark:
        "<benchmarks>/write_manifest/{split}.jsonl"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        code=code("write_manifest"),
        entry=entry("splits", "split"),
        audio=folder("audio"),
        seed=config["seed"],
    script:
        "../scripts/write_manifest.py"
