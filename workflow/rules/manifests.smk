rule write_manifest:
    input:
        shards=per(inputs.audio, "split"),
    output:
        "<results>/manifests/{split}.parquet",
    log:
        "<logs>/write_manifest/{split}.log",
    conda:
        "../../environment.yml"
    resources:
        mem="2GB",
        runtime="30m",
    params:
        code=code("write_manifest"),
        entry=entry("splits", "split"),
        audio=folder("audio"),
        seed=config["seed"],
    script:
        "../scripts/write_manifest.py"
