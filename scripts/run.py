"""Start or continue a run: python scripts/run.py CONFIG [arguments of Snakemake].

Makes sure that no other run works on the same results, ends what a killed one left behind, removes its lock,
and becomes Snakemake. Whatever happened before, this is the command to repeat.
"""

from __future__ import annotations

import argparse
import sys

from tglassmlp.config import ConfigError, load
from tglassmlp.launch import Busy, claim, snakemake


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="the run's configuration")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of Snakemake")
    given = parser.parse_args()
    layer = [] if given.config == "config.yaml" else ["--configfile", given.config]
    try:
        run = load(list(dict.fromkeys(["config.yaml", given.config]))).run
        claim(run, say=lambda text: print(text, file=sys.stderr))
    except (ConfigError, Busy, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    snakemake([*layer, *given.arguments])
    return 0


if __name__ == "__main__":
    sys.exit(main())
