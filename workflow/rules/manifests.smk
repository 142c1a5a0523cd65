rule write_manifest:
    input:
        shards=per(inputs.split_audio, "split"),
    output:
        "<results>/manifests/{split}.parquet",
    log:
        "<logs>/write_manifest/{split}.log",
    benchmark:
        "<benchmarks>/write_manifest/{split}.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        code=code("write_manifest"),
        entry=entry("splits", "split"),
        seed=config["seed"],
    script:
        "../scripts/write_manifest.py"
