rule write_manifest:
    input:
        shards=lambda wildcards: audio(selection.pairs(config, wildcards.split)),
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
        seed=config["seed"],
    script:
        "../scripts/write_manifest.py"
