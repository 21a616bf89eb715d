#!/usr/bin/env python
"""Copy the page of claims of the finished run of a configuration into docs/, with small figures."""

import sys

from command_line import understood

from tglassmlp.claims.publish import publish
from tglassmlp.config import ConfigError

if __name__ == "__main__":
    try:
        command = understood(*sys.argv[1:2] or [None], sys.argv[2:])
        size = publish(command.results, "docs/reproduction.md")
    except ConfigError as error:
        sys.exit(str(error))
    except FileNotFoundError as error:
        sys.exit(f"{error}: finish the run first")
    print(f"docs/reproduction.md and docs/reproduction/ from run {command.config.run}: {size / 1e6:.1f} MB")
