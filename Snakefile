# tglassmlp: from one config file to the dynamics at the glass transition.
#   snakemake --cores 2                                      the demo (config.yaml)
#   snakemake --cores 16 --configfile config/laptop.yaml      hours on a workstation
#   snakemake --profile workflow/profiles/slurm --configfile config/paper.yaml
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/structures.smk"
include: "workflow/rules/dynamics.smk"
include: "workflow/rules/glassbench.smk"
include: "workflow/rules/files.smk"
include: "workflow/rules/propensities.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/descriptors.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/prediction.smk"
include: "workflow/rules/studies.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/functions/products.smk"
include: "workflow/rules/parts.smk"


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        data_files(),
        figure_files(),


onsuccess:
    print(closing_line(True))


onerror:
    print(closing_line(False))
