"""What a run will cost: python scripts/estimate.py [CONFIG] [arguments of Snakemake]. Nothing is started."""

from __future__ import annotations

import argparse
import sys

from command_line import add_words, understood

from tglassmlp.config import ConfigError
from tglassmlp.cost import describe, estimate, measured_rates


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_words(parser)
    given = parser.parse_args()
    try:
        config = understood(given.config, given.arguments).config
        rates, measured = measured_rates()
    except (ConfigError, ValueError) as error:
        print(f"{given.config or 'config.yaml'}: {error}", file=sys.stderr)
        return 1
    print(describe(config, estimate(config, rates), rates, measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
