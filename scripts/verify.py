"""Read every file of a run with all checks: python scripts/verify.py [--below MEGABYTES] [CONFIG].

Arguments of Snakemake that change the run may follow the configuration.
"""

from __future__ import annotations

import argparse
import math
import sys

from command_line import add_words, understood

from tglassmlp.config import ConfigError
from tglassmlp.verify import damaged


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--below", type=float, default=float("inf"), help="pass over larger files (megabytes)"
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing where nothing is wrong")
    add_words(parser)
    given = parser.parse_args()
    try:
        command = understood(given.config, given.arguments)
    except ConfigError as error:
        print(f"{given.config or 'config.yaml'}: {error}", file=sys.stderr)
        return 1
    run = command.results
    if not run.is_dir():
        if given.quiet:  # after a dry run
            return 0
        print(
            f"{run}: there is no such run, so that nothing was read; a run is made by `make run`",
            file=sys.stderr,
        )
        return 1
    found = list(damaged(run, command.config, 1e6 * given.below))
    if not found and math.isinf(given.below):
        print(f"{run}: holds no data file of a run, so that nothing was read", file=sys.stderr)
        return 1
    bad = [text for _, text in found if text is not None]
    for text in bad:
        print(text, file=sys.stderr)
    if bad or not given.quiet:
        print(f"{run}: {len(found)} files read, {len(bad)} damaged")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
