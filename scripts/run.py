"""Start or continue a run: python scripts/run.py CONFIG [arguments of Snakemake].

Makes sure that no other run works on the same results, ends what a killed one left behind, removes its lock,
and becomes Snakemake. Whatever happened before, this is the command to repeat.
"""

from __future__ import annotations

import argparse
import sys

from command_line import add_words, understood

from tglassmlp.config import ConfigError
from tglassmlp.launch import Busy, claim, ensure_cache, snakemake


def say(text: str) -> None:
    print(text, file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_words(parser)
    given = parser.parse_args()
    try:
        command = understood(given.config, given.arguments)
        claim(command.config.run, command.folder, say=say)
        ensure_cache(command.folder, say)
    except (ConfigError, Busy, OSError) as error:
        say(str(error))
        return 1
    snakemake(command.snakemake())
    return 0


if __name__ == "__main__":
    sys.exit(main())
