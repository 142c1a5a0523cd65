METRICS = [f"<results>/metrics/{run}.json" for run in inputs.runs(config, MODELS)]
MAPS = [f"<results>/maps/{run}.parquet" for run in SOURCE_RUNS]

FINDINGS = {
    "robustness": [f"<results>/robustness/{run}.json" for run in SOURCE_RUNS if CELLS],
    "shortcuts": ["<results>/robustness/shortcuts.json"] if CELLS and SOURCE_RUNS else [],
    "unseen_real": [f"<results>/unseen_real/{run}.json" for run in SOURCE_RUNS if REAL],
}


rule write_tables:
    input:
        **FINDINGS,
        metrics=METRICS,
        paired="<results>/comparisons/models.json" if len(SOURCE_TRACERS) > 1 else [],
    output:
        report(
            directory("<results>/tables"),
            patterns=["{name}.csv"],
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{name}"},
        ),
    log:
        "<logs>/write_tables.log",
    benchmark:
        "<benchmarks>/write_tables.jsonl"
    localrule: True
    conda:
        "../../environment.yml"
    params:
        code=code("write_tables"),
        titles=inputs.titles(config),
    script:
        "../scripts/write_tables.py"


rule draw_figures:
    input:
        **FINDINGS,
        metrics=METRICS,
        maps=MAPS,
        tables="<results>/tables",
    output:
        report(
            directory("<results>/report/figures"),
            patterns=["{chart}/{choice}.svg"],
            caption="../report/figure.rst",
            category="Figures",
            subcategory="{chart}",
            labels={"choice": "{choice}"},
        ),
    log:
        "<logs>/draw_figures.log",
    benchmark:
        "<benchmarks>/draw_figures.jsonl"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code=code("draw_figures"),
        results=folder(),
        config=inputs.shown(config),
    script:
        "../scripts/draw_figures.py"


rule write_page:
    input:
        **FINDINGS,
        metrics=METRICS,
        maps=MAPS,
        tables="<results>/tables",
        manifests=expand("<results>/manifests/{split}.parquet", split=SPLITS),
        sources=expand("<results>/sources/{source_set}.parquet", source_set=SOURCES),
        corpora=expand("<results>/corpora/{corpus}.parquet", corpus=CORPORA),
    output:
        report("<results>/report/index.html", caption="../report/page.rst", category="Page"),
    log:
        "<logs>/write_page.log",
    benchmark:
        "<benchmarks>/write_page.jsonl"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code=code("write_page"),
        results=folder(),
        config=inputs.shown(config),
    script:
        "../scripts/write_page.py"


rule plan:
    log:
        "<logs>/plan.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        config={key: value for key, value in config.items() if key != "folders"},
    script:
        "../scripts/plan.py"
