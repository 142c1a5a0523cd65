rule compute_features:
    input:
        weights=per(inputs.weights, "frontend", family="frontends"),
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
    threads: lambda job: 4 if inputs.cards(config, job.frontend, "frontends") else 1
    resources:
        gpu=per(inputs.cards, "frontend", family="frontends"),
        mem_mb=growing(DEMANDS.frontend_memory, "frontend"),
        runtime=growing(DEMANDS.frontend_time, "frontend", "source_set"),
    params:
        code=code("compute_features", frontends="frontend"),
        entry=entry("frontends", "frontend"),
    script:
        "../scripts/compute_features.py"


rule train:
    input:
        train=per(inputs.training_manifest, "model"),
        dev=per(inputs.development_manifest, "model"),
        features=per(inputs.training_features, "model"),
        augmentation=per(inputs.augmentation, "model"),
        checkpoint=per(inputs.checkpoint, "model"),
    output:
        weights=f"<results>/models/{MODEL_RUN}/model.safetensors",
        facts=f"<results>/models/{MODEL_RUN}/model.json",
        curves=f"<results>/models/{MODEL_RUN}/curves.csv",
    log:
        f"<logs>/train/{MODEL_RUN}.log",
    benchmark:
        f"<benchmarks>/train/{MODEL_RUN}.jsonl"
    conda:
        "../../environment.yml"
    threads: config["train_threads"]
    resources:
        gpu=config["gpu"],
        mem_mb=growing(DEMANDS.training_memory, "model"),
        runtime=growing(DEMANDS.training_time, "model"),
    params:
        code=code("train", models="model"),
        entry=per(inputs.model, "model"),
        parameters=per(inputs.learnt_parameters, "model"),
    script:
        "../scripts/train.py"


rule score:
    input:
        weights=f"<results>/models/{MODEL_RUN}/model.safetensors",
        facts=f"<results>/models/{MODEL_RUN}/model.json",
        manifest="<results>/manifests/{split}.parquet",
        features=per(inputs.scored_features, "model", "split"),
    output:
        f"<results>/scores/{MODEL_RUN}/{{split}}.parquet",
    log:
        f"<logs>/score/{MODEL_RUN}/{{split}}.log",
    benchmark:
        f"<benchmarks>/score/{MODEL_RUN}/{{split}}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=CARDS,
        mem_mb=growing(DEMANDS.scoring_memory),
        runtime=growing(DEMANDS.scoring_time),
    params:
        code=code("score", models="model"),
    script:
        "../scripts/score.py"
