"""What a run will cost: python scripts/estimate.py [CONFIG]. Nothing is started."""

from __future__ import annotations

import argparse
import sys

from tglassmlp.config import ConfigError, load
from tglassmlp.cost import describe, estimate, measured_rates


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", default="config.yaml", help="the run's configuration")
    given = parser.parse_args()
    try:
        config = load(list(dict.fromkeys(["config.yaml", given.config])))
        rates, measured = measured_rates()
    except (ConfigError, ValueError) as error:
        print(f"{given.config}: {error}", file=sys.stderr)
        return 1
    print(describe(config, estimate(config, rates), rates, measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
