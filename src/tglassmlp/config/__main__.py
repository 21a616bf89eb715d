"""``python -m tglassmlp.config``: print the JSON schema of the configuration (``make schema``)."""

import sys

from tglassmlp.config.schema import schema_text

if __name__ == "__main__":
    sys.stdout.write(schema_text())
