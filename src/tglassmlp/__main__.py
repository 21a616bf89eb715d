"""The command ``tglassmlp``, also said as ``python -m tglassmlp``."""

import sys

from tglassmlp.command.parser import main

if __name__ == "__main__":
    sys.exit(main())
