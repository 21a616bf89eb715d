"""Figures of the paper, drawn from small tables only; no physics happens here.

:mod:`tglassmlp.figures.registry` lists them. Importing this package does not load matplotlib.
"""

import importlib.util
import os

#: Names of backends that come with other packages.
_FOREIGN = {"inline": "matplotlib_inline", "ipympl": "ipympl", "widget": "ipympl"}


def _mend_backend() -> None:
    """Draw without display where ``MPLBACKEND`` names a backend that is not installed.

    A notebook hands ``MPLBACKEND`` on to the programs that it starts, and matplotlib cannot even be imported
    with one that it does not find.
    """
    name = os.environ.get("MPLBACKEND", "")
    module = name.removeprefix("module://") if name.startswith("module://") else _FOREIGN.get(name.lower())
    if module is None:
        return
    try:
        missing = importlib.util.find_spec(module) is None
    except (ImportError, ValueError):
        missing = True
    if missing:
        os.environ["MPLBACKEND"] = "Agg"


_mend_backend()
