"""Print what the run will make and take."""

from ncst._plan_text import show_plan
from ncst.core.job import job

with job(snakemake):
    show_plan(snakemake.params.config)
