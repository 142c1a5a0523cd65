rule measure_clips:
    input:
        manifest="<results>/manifests/{split}.parquet",
        shards=per(inputs.split_audio, "split"),
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
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        code=code("measure_clips"),
        limit=per(inputs.measured, "split"),
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
    benchmark:
        "<benchmarks>/audit_shortcuts.jsonl"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        code=code("audit_shortcuts"),
        seed=config["seed"],
    script:
        "../scripts/audit_shortcuts.py"


rule evaluate_unseen_real:
    input:
        scores=expand(f"<results>/scores/{MODEL_RUN}/{{split}}.parquet", split=REAL, allow_missing=True),
        measures=expand("<results>/measures/{split}.parquet", split=REAL),
        speakers=inputs.speakers(config, *REAL),
    output:
        f"<results>/unseen_real/{MODEL_RUN}.json",
    log:
        f"<logs>/evaluate_unseen_real/{MODEL_RUN}.log",
    benchmark:
        f"<benchmarks>/evaluate_unseen_real/{MODEL_RUN}.jsonl"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        code=code("evaluate_unseen_real"),
        splits=REAL,
        seed=config["seed"],
    script:
        "../scripts/evaluate_unseen_real.py"
