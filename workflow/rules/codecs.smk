rule fetch_weights:
    output:
        "weights/{weights}.safetensors",
    log:
        "<logs>/fetch_weights/{weights}.log",
    benchmark:
        "<benchmarks>/fetch_weights/{weights}.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    resources:
        mem="8GB",
        runtime="4h",
    params:
        user=per(inputs.weights_user, "weights"),
    script:
        "../scripts/fetch_weights.py"


rule train_compact:
    input:
        speech=per(inputs.people),
        recipe="config/compact.yaml",
    output:
        "<results>/compact/{network}.safetensors",
    log:
        "<logs>/train_compact/{network}.log",
    benchmark:
        "<benchmarks>/train_compact/{network}.jsonl"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        code=code("train_compact"),
    script:
        "../scripts/train_compact.py"
