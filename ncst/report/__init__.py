"""The report: one self-contained page, and single figures for Snakemake's own report."""
