"""Read every file of a run with all checks: python scripts/verify.py [CONFIG] [--below MEGABYTES]."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tglassmlp.config import ConfigError, load
from tglassmlp.verify import damaged


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", default="config.yaml", help="the run's configuration")
    parser.add_argument(
        "--below", type=float, default=float("inf"), help="pass over larger files (megabytes)"
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing where nothing is wrong")
    given = parser.parse_args()
    try:
        config = load(list(dict.fromkeys(["config.yaml", given.config])))
    except ConfigError as error:
        print(f"{given.config}: {error}", file=sys.stderr)
        return 1
    run = Path("results") / config.run
    found = list(damaged(run, config, 1e6 * given.below))
    bad = [text for _, text in found if text is not None]
    for text in bad:
        print(text, file=sys.stderr)
    if bad or not given.quiet:
        print(f"{run}: {len(found)} files read, {len(bad)} damaged")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
