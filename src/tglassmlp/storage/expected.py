"""Which mixture a reader expects of a file if nobody has named one: KA2D, until the file says more."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from tglassmlp.mixture import KA2D, Mixture

__all__ = ["EXPECTED", "AssumedMixture"]


class AssumedMixture(Mixture):
    """A mixture that nobody has named: files are held against it, but configurations do not carry it.

    The type tells it from the same mixture named by the caller. A file that names its own mixture, of the
    same potential and other shares, is read as it is.
    """


#: What files are held against if the caller has named no mixture: KA2D.
EXPECTED: Final = AssumedMixture(**asdict(KA2D))
