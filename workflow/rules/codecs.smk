rule fetch_weights:
    output:
        "weights/{codec}.safetensors",
    log:
        "<logs>/fetch_weights/{codec}.log",
    params:
        entry=entry("codecs", "codec"),
    resources:
        mem="8GB",
        runtime="4h",
    localrule: True
    script:
        "../scripts/fetch_weights.py"
