rule sample_clips:
    input:
        manifests=expand("<results>/manifests/{split}.parquet", split=of_role("id", "ood")),
        shards=inputs.audio(config, *of_role("id", "ood")),
    output:
        "<results>/robustness/clips/clean.parquet",
    log:
        "<logs>/sample_clips.log",
    benchmark:
        "<benchmarks>/sample_clips.jsonl"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        code=code("sample_clips"),
        counts=[
            config["robustness"]["known" if split in of_role("id") else "unknown"] for split in of_role("id", "ood")
        ],
        seed=config["seed"],
    script:
        "../scripts/sample_clips.py"


rule perturb_clips:
    input:
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
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        code=code("perturb_clips", perturbations="perturbation"),
        entry=entry("perturbations", "perturbation"),
        seed=config["seed"],
    script:
        "../scripts/perturb_clips.py"


rule score_robustness:
    input:
        weights=f"<results>/models/{MODEL_RUN}/model.safetensors",
        facts=f"<results>/models/{MODEL_RUN}/model.json",
        frontend=per(inputs.frontend_weights, "model"),
        train=per(inputs.training_scores, "model", "seed"),
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
        gpu=CARDS,
        mem_mb=growing(DEMANDS.scoring_memory),
        runtime=growing(240),
    params:
        code=code("score_robustness", models="model", detectors=config["robustness"]["detectors"]),
        frontend=entry("models", "model", "frontend"),
        entry=per(inputs.frontend, "model"),
        cells=CELLS,
        detectors={name: inputs.facts(config["detectors"][name]) for name in config["robustness"]["detectors"]},
    script:
        "../scripts/score_robustness.py"


rule evaluate_robustness:
    input:
        scores=f"<results>/robustness/{MODEL_RUN}.parquet",
        metrics=f"<results>/metrics/{MODEL_RUN}.json",
        speakers=inputs.speakers(config, *of_role("id", "ood")),
    output:
        f"<results>/robustness/{MODEL_RUN}.json",
    log:
        f"<logs>/evaluate_robustness/{MODEL_RUN}.log",
    benchmark:
        f"<benchmarks>/evaluate_robustness/{MODEL_RUN}.jsonl"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        code=code("evaluate_robustness"),
        cells=CELLS,
        roles={name: config["splits"][name]["role"] for name in of_role("id", "ood")},
        seed=config["seed"],
    script:
        "../scripts/evaluate_robustness.py"
