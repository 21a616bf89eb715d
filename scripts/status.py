"""What is done, running, stopped and failed in a run: python scripts/status.py [CONFIG].

Asks Snakemake which files the run consists of, and the run's own folder what its jobs are doing. Changes
nothing, and can be used while the run goes on, after it, and after a crash.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tglassmlp.config import ConfigError, read_yaml
from tglassmlp.status import describe, planned_files, survey


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", default="config.yaml", help="the run's configuration")
    arguments = parser.parse_args()
    try:
        run = Path("results") / str(read_yaml(arguments.config)["run"])
        files = planned_files(arguments.config)
    except (ConfigError, KeyError, RuntimeError) as error:
        print(f"{arguments.config}: {error}", file=sys.stderr)
        return 1
    print(describe(run, survey(run, files)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
