rule write_manifest:
    input:
        shards=lambda wildcards: audio(plan.pairs(config, wildcards.split)),
    output:
        "<results>/manifests/{split}.parquet",
    log:
        "<logs>/write_manifest/{split}.log",
    resources:
        mem="2GB",
        runtime="30m",
    params:
        entry=entry("splits", "split"),
        audio=f"{RESULTS}/audio",
    script:
        "../scripts/write_manifest.py"
