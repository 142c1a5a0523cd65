rule detect:
    input:
        train=per(inputs.training_scores, "model", "seed"),
        dev=f"<results>/scores/{MODEL_RUN}/dev.parquet",
        splits=expand(
            f"<results>/scores/{MODEL_RUN}/{{split}}.parquet",
            split=of_role("id", "ood", "unlabelled"),
            allow_missing=True,
        ),
    output:
        f"<results>/ood/{MODEL_RUN}/{{detector}}.parquet",
    log:
        f"<logs>/detect/{MODEL_RUN}/{{detector}}.log",
    benchmark:
        f"<benchmarks>/detect/{MODEL_RUN}/{{detector}}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code=code("detect", detectors="detector"),
        entry=entry("detectors", "detector"),
    script:
        "../scripts/detect.py"


rule evaluate:
    input:
        scores=expand(
            f"<results>/scores/{MODEL_RUN}/{{split}}.parquet",
            split=of_role("dev", "id", "single", "ood", "unlabelled"),
            allow_missing=True,
        ),
        ood=expand(f"<results>/ood/{MODEL_RUN}/{{detector}}.parquet", detector=DETECTORS, allow_missing=True),
        speakers=inputs.speakers(config, *of_role("dev", "id", "single", "ood", "unlabelled")),
    output:
        f"<results>/metrics/{MODEL_RUN}.json",
    log:
        f"<logs>/evaluate/{MODEL_RUN}.log",
    benchmark:
        f"<benchmarks>/evaluate/{MODEL_RUN}.jsonl"
    wildcard_constraints:
        model=any_of(name for name in config["models"] if name not in TRACERS),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code=code("evaluate"),
        roles={name: config["splits"][name]["role"] for name in of_role("dev", "id", "single", "ood", "unlabelled")},
        detectors=DETECTORS,
        seed=config["seed"],
        scores=folder("scores", MODEL_RUN),
        ood=folder("ood", MODEL_RUN),
    script:
        "../scripts/evaluate.py"


rule map_embeddings:
    input:
        expand(
            f"<results>/scores/{MODEL_RUN}/{{split}}.parquet", split=of_role("id", "single", "ood"), allow_missing=True
        ),
    output:
        f"<results>/maps/{MODEL_RUN}.parquet",
    log:
        f"<logs>/map_embeddings/{MODEL_RUN}.log",
    benchmark:
        f"<benchmarks>/map_embeddings/{MODEL_RUN}.jsonl"
    wildcard_constraints:
        model=any_of(name for name in config["models"] if name not in TRACERS),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code=code("map_embeddings"),
        splits=of_role("id", "single", "ood"),
        seed=config["seed"],
        scores=folder("scores", MODEL_RUN),
    script:
        "../scripts/map_embeddings.py"


rule evaluate_taxonomy:
    input:
        per(inputs.tested_scores, "model", "seed"),
        speakers=per(inputs.tested_speakers, "model"),
    output:
        f"<results>/metrics/{MODEL_RUN}.json",
    log:
        f"<logs>/evaluate_taxonomy/{MODEL_RUN}.log",
    benchmark:
        f"<benchmarks>/evaluate_taxonomy/{MODEL_RUN}.jsonl"
    wildcard_constraints:
        model=any_of(TRACERS),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code=code("evaluate_taxonomy"),
        splits=per(selection.tested_splits, "model"),
        parameters=per(inputs.tested_parameters, "model"),
        seed=config["seed"],
        scores=folder("scores", MODEL_RUN),
    script:
        "../scripts/evaluate_taxonomy.py"


rule compare_models:
    input:
        scores=expand("<results>/scores/{run}/{split}.parquet", run=SOURCE_RUNS, split=of_role("id", "single", "ood")),
        ood=expand("<results>/ood/{run}/{detector}.parquet", run=SOURCE_RUNS, detector=DETECTORS),
        speakers=inputs.speakers(config, *of_role("id", "single", "ood")),
    output:
        "<results>/comparisons/models.json",
    log:
        "<logs>/compare_models.log",
    benchmark:
        "<benchmarks>/compare_models.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        code=code("compare_models"),
        results=folder(),
        models=SOURCE_TRACERS,
        seeds=config["seeds"],
        splits=of_role("id", "single", "ood"),
        seed=config["seed"],
    script:
        "../scripts/compare_models.py"
