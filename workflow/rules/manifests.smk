rule write_manifest:
    input:
        shards=lambda wildcards: audio(plan.pairs(config, wildcards.split)),
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
        entry=entry("splits", "split"),
        audio=lambda wildcards: f"{RESULTS}/audio",
    script:
        "../scripts/write_manifest.py"
