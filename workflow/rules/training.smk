def frontend_of(model):
    return config["models"][model]["frontend"]


def frontend_weights(wildcards):
    """Input function: the weight file of the job's front-end, if it has one."""
    return plan.frontend_weights(config, wildcards.frontend) or []


rule compute_features:
    input:
        code=code("frontends", "frontend"),
        weights=frontend_weights,
        audio="<results>/audio/{source_set}/{codec}/{shard}.parquet",
    output:
        features="<results>/features/{frontend}/{source_set}/{codec}/{shard}.npy",
        fingerprint="<results>/features/{frontend}/{source_set}/{codec}/{shard}.json",
    log:
        "<logs>/compute_features/{frontend}/{source_set}/{codec}/{shard}.log",
    benchmark:
        "<benchmarks>/compute_features/{frontend}/{source_set}/{codec}/{shard}.jsonl"
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
        code=code("models", "model"),
        train="<results>/manifests/train.parquet",
        dev="<results>/manifests/dev.parquet",
        features=lambda wildcards: features(frontend_of(wildcards.model), "train", "dev"),
    output:
        weights="<results>/models/{model}/seed-{seed}/model.safetensors",
        facts="<results>/models/{model}/seed-{seed}/model.json",
        curves="<results>/models/{model}/seed-{seed}/curves.csv",
    log:
        "<logs>/train/{model}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/train/{model}/seed-{seed}.jsonl"
    threads: config["train_threads"]
    resources:
        gpu=config["gpu"],
        mem="12GB",
        runtime="24h",
    params:
        entry=entry("models", "model"),
        frontend=lambda wildcards: config["frontends"][frontend_of(wildcards.model)],
        names=lambda wildcards: plan.class_names(config),
    script:
        "../scripts/train.py"
