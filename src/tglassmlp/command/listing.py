"""``tglassmlp networks``: which networks come with the package, and what they were made for."""

from __future__ import annotations

from tglassmlp.network.library import names
from tglassmlp.network.networks import load_networks

__all__ = ["list_networks"]


def list_networks() -> None:
    """Print the name of each of them, and below it what its file says."""
    for name in names():
        print(name)
        for title, text in load_networks(name).summary():
            print("    " + " ".join(part for part in (title, text) if part))
