#!/usr/bin/env bash
# Installs the package itself into the conda environment that Snakemake has made from workflow.yaml.
set -euo pipefail
python -m pip install --no-deps .
