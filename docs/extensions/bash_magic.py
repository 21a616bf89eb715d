"""``%%bash`` whose output is one piece: IPython's own sends fragments, which a page shows with breaks."""

import subprocess
import sys

from IPython.core.getipython import get_ipython


def bash(line: str, cell: str) -> None:
    """Run a cell with bash and print what it says; a command that fails is an error."""
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", cell],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    sys.stdout.write(done.stdout)
    if done.returncode and line.strip() != "--may-fail":
        raise RuntimeError(f"exit status {done.returncode}")


get_ipython().register_magic_function(bash, "cell", "bash")
