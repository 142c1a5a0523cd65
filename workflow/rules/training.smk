rule compute_features:
    input:
        code=code("frontends", "frontend"),
        weights=lambda wildcards: entries.weight_file(config, wildcards.frontend, "frontends") or [],
        audio="<results>/audio/{source_set}/{codec}/{shard}.parquet",
    output:
        features="<results>/features/{frontend}/{source_set}/{codec}/{shard}.npy",
        fingerprint="<results>/features/{frontend}/{source_set}/{codec}/{shard}.json",
    log:
        "<logs>/compute_features/{frontend}/{source_set}/{codec}/{shard}.log",
    benchmark:
        "<benchmarks>/compute_features/{frontend}/{source_set}/{codec}/{shard}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=config["gpu"],
        mem="6GB",
        runtime="2h",
    params:
        entry=entry("frontends", "frontend"),
    script:
        "../scripts/compute_features.py"


rule train:
    input:
        code=code_of_model,
        train=lambda wildcards: manifests_of(wildcards.model)[0],
        dev=lambda wildcards: manifests_of(wildcards.model)[1],
        features=lambda wildcards: features(
            frontend_of(wildcards.model), *selection.training_splits(config, wildcards.model)
        ),
        augmentation=augmentation_of,
        checkpoint=lambda wildcards: entries.model_entry(config, wildcards.model).get("checkpoint") or [],
    output:
        weights="<results>/models/{model}/seed-{seed}/model.safetensors",
        facts="<results>/models/{model}/seed-{seed}/model.json",
        curves="<results>/models/{model}/seed-{seed}/curves.csv",
    log:
        "<logs>/train/{model}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/train/{model}/seed-{seed}.jsonl"
    conda:
        "../../environment.yml"
    threads: config["train_threads"]
    resources:
        gpu=config["gpu"],
        mem="12GB",
        runtime="24h",
    params:
        entry=lambda wildcards: entries.model_entry(config, wildcards.model),
        parameters=lambda wildcards: parameters_of(wildcards.model, selection.training_splits),
        results=lambda wildcards: RESULTS,
    script:
        "../scripts/train.py"
