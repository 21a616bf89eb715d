#!/usr/bin/env python
"""Copy the page of claims of the finished run of a configuration into docs/, with small figures."""

import sys

from tglassmlp.config import load
from tglassmlp.observables.reproduction import publish

if __name__ == "__main__":
    run = load(sys.argv[1:] or ["config.yaml"]).run
    try:
        size = publish(f"results/{run}", "docs/reproduction.md")
    except FileNotFoundError as error:
        sys.exit(f"{error}: finish the run first")
    print(f"docs/reproduction.md and docs/reproduction/ from run {run}: {size / 1e6:.1f} MB")
