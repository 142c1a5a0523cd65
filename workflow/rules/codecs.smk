def user_of(path):
    """Return (family, name, entry) of the first registry entry whose official weights are the file *path*."""
    return next(
        (family, name, entry)
        for family in ("codecs", "frontends")
        for name, entry in config[family].items()
        if (entry.get("weights") or {}).get("official", {}).get("file") == path
    )


rule fetch_weights:
    output:
        "weights/{weights}.safetensors",
    log:
        "<logs>/fetch_weights/{weights}.log",
    params:
        user=lambda wildcards: user_of(f"weights/{wildcards.weights}.safetensors"),
    resources:
        mem="8GB",
        runtime="4h",
    localrule: True
    script:
        "../scripts/fetch_weights.py"


def speech_of(wildcards):
    """Input function: the speech that compact networks learn from, every configured corpus."""
    return [f"<results>/demo/{name}" if config["roots"][name] == "demo" else config["roots"][name] for name in CORPORA]


rule train_compact:
    input:
        speech=speech_of,
        recipe="config/compact.yaml",
    output:
        "<results>/compact/{network}.safetensors",
    log:
        "<logs>/train_compact/{network}.log",
    benchmark:
        "<benchmarks>/train_compact/{network}.jsonl"
    threads: 1
    resources:
        mem="4GB",
        runtime="4h",
    script:
        "../scripts/train_compact.py"
