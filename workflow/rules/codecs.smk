def users_of(path):
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
        name=lambda wildcards: users_of(f"weights/{wildcards.weights}.safetensors")[1],
        entry=lambda wildcards: users_of(f"weights/{wildcards.weights}.safetensors")[2],
    resources:
        mem="8GB",
        runtime="4h",
    localrule: True
    script:
        "../scripts/fetch_weights.py"
