"""What is done, running, stopped and failed in a run: python scripts/status.py [CONFIG].

Arguments of Snakemake that change the run may follow the configuration. Asks Snakemake which files the run
consists of, and the run's own folder what its jobs are doing. Changes nothing, and can be used while the run
goes on, after it, and after a crash.
"""

from __future__ import annotations

import argparse
import sys

from command_line import add_words, understood

from tglassmlp.config import ConfigError
from tglassmlp.launch import ensure_cache
from tglassmlp.status import describe, planned_files, survey


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_words(parser)
    given = parser.parse_args()
    try:
        command = understood(given.config, given.arguments)
        ensure_cache(command.folder, lambda text: print(text, file=sys.stderr))
        files = planned_files(command.meaning, snakefile=command.snakefile)
    except (ConfigError, RuntimeError) as error:
        print(f"{given.config or 'config.yaml'}: {error}", file=sys.stderr)
        return 1
    print(describe(command.results, survey(command.results, files)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
