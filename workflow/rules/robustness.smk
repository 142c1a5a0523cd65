rule sample_clips:
    input:
        manifests=expand("<results>/manifests/{split}.parquet", split=of_role("id", "ood")),
        shards=lambda wildcards: audio(
            dict.fromkeys(pair for split in of_role("id", "ood") for pair in selection.pairs(config, split))
        ),
    output:
        "<results>/robustness/clips/clean.parquet",
    log:
        "<logs>/sample_clips.log",
    conda:
        "../../environment.yml"
    resources:
        mem="2GB",
        runtime="1h",
    params:
        counts=[
            config["robustness"]["known" if split in of_role("id") else "unknown"] for split in of_role("id", "ood")
        ],
        audio=lambda wildcards: f"{RESULTS}/audio",
        seed=config["seed"],
    script:
        "../scripts/sample_clips.py"


rule perturb_clips:
    input:
        code=code("perturbations", "perturbation"),
        clips="<results>/robustness/clips/clean.parquet",
    output:
        "<results>/robustness/clips/{perturbation}.parquet",
    log:
        "<logs>/perturb_clips/{perturbation}.log",
    benchmark:
        "<benchmarks>/perturb_clips/{perturbation}.jsonl"
    conda:
        "../../environment.yml"
    resources:
        mem="2GB",
        runtime="1h",
    params:
        entry=entry("perturbations", "perturbation"),
        seed=config["seed"],
    script:
        "../scripts/perturb_clips.py"


rule score_robustness:
    input:
        code=lambda wildcards: code_of(
            "frontends", entries.module_of(config, "frontends", frontend_of(wildcards.model))
        ),
        weights=f"<results>/models/{MODEL_RUN}/model.safetensors",
        facts=f"<results>/models/{MODEL_RUN}/model.json",
        frontend=lambda wildcards: entries.weight_file(config, frontend_of(wildcards.model), "frontends") or [],
        train=training_scores,
        ood=expand(
            f"<results>/ood/{MODEL_RUN}/{{detector}}.parquet",
            detector=config["robustness"]["detectors"],
            allow_missing=True,
        ),
        cells=expand("<results>/robustness/clips/{cell}.parquet", cell=CELLS),
    output:
        f"<results>/robustness/{MODEL_RUN}.parquet",
    log:
        f"<logs>/score_robustness/{MODEL_RUN}.log",
    benchmark:
        f"<benchmarks>/score_robustness/{MODEL_RUN}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=config["gpu"],
        mem="8GB",
        runtime="4h",
    params:
        frontend=lambda wildcards: frontend_of(wildcards.model),
        entry=lambda wildcards: config["frontends"][frontend_of(wildcards.model)],
        cells=list(CELLS),
        detectors={name: config["detectors"][name] for name in config["robustness"]["detectors"]},
    script:
        "../scripts/score_robustness.py"


rule evaluate_robustness:
    input:
        scores=f"<results>/robustness/{MODEL_RUN}.parquet",
        metrics=f"<results>/metrics/{MODEL_RUN}.json",
    output:
        f"<results>/robustness/{MODEL_RUN}.json",
    log:
        f"<logs>/evaluate_robustness/{MODEL_RUN}.log",
    conda:
        "../../environment.yml"
    resources:
        mem="2GB",
        runtime="1h",
    params:
        cells=CELLS,
        splits={name: config["splits"][name] for name in of_role("id", "ood")},
        seed=config["seed"],
    script:
        "../scripts/evaluate_robustness.py"


rule measure_clips:
    input:
        manifest="<results>/manifests/{split}.parquet",
        shards=lambda wildcards: audio(selection.pairs(config, wildcards.split)),
    output:
        "<results>/measures/{split}.parquet",
    log:
        "<logs>/measure_clips/{split}.log",
    benchmark:
        "<benchmarks>/measure_clips/{split}.jsonl"
    conda:
        "../../environment.yml"
    threads: config["train_threads"]
    resources:
        mem="4GB",
        runtime="2h",
    params:
        audio=lambda wildcards: f"{RESULTS}/audio",
        limit=lambda wildcards: None if wildcards.split in REAL else config["robustness"]["shortcuts"],
        seed=config["seed"],
    script:
        "../scripts/measure_clips.py"


rule audit_shortcuts:
    input:
        train="<results>/measures/train.parquet",
        test=expand("<results>/measures/{split}.parquet", split=of_role("id")),
    output:
        "<results>/robustness/shortcuts.json",
    log:
        "<logs>/audit_shortcuts.log",
    conda:
        "../../environment.yml"
    resources:
        mem="2GB",
        runtime="1h",
    params:
        seed=config["seed"],
    script:
        "../scripts/audit_shortcuts.py"


rule evaluate_unseen_real:
    input:
        scores=expand(f"<results>/scores/{MODEL_RUN}/{{split}}.parquet", split=REAL, allow_missing=True),
        measures=expand("<results>/measures/{split}.parquet", split=REAL),
    output:
        f"<results>/unseen_real/{MODEL_RUN}.json",
    log:
        f"<logs>/evaluate_unseen_real/{MODEL_RUN}.log",
    conda:
        "../../environment.yml"
    resources:
        mem="2GB",
        runtime="1h",
    params:
        splits=REAL,
        corpora={name: entry["title"] for name, entry in config["corpora"].items()},
        title=lambda wildcards: config["models"][wildcards.model]["title"],
        seed=config["seed"],
    script:
        "../scripts/evaluate_unseen_real.py"
