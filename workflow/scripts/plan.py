"""Print what the run will make and take."""

from ncst.core.job import job
from ncst.plan.show import show_plan

with job(snakemake):
    show_plan(snakemake.params.config)
