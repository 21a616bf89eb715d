#!/usr/bin/env bash
# Snakemake runs this in an environment it has made from hoomd.yaml (--software-deployment-method conda), from the
# folder it was started in: the package itself belongs into that environment too.
set -euo pipefail
python -m pip install --no-deps --no-build-isolation --editable .
