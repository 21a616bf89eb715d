#!/usr/bin/env bash
# Snakemake runs this in an environment it has made from cuda.yaml (--software-deployment-method conda), from
# the folder it was started in. Editable: a copy would go on running the old code after the next git pull.
set -euo pipefail
python -m pip install --no-deps --no-build-isolation --editable .
