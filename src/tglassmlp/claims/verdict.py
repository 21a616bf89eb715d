"""A claim of the paper, and the arithmetic of its verdict.

A verdict compares a number with its error: ``agrees`` or ``disagrees`` beyond two standard errors. Within
them it is ``undecided`` if the effect in question would have been seen, and ``cannot be shown at this scale``
if two standard errors exceed that effect, or if the run gives no number at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

__all__ = ["FOREIGN", "UNSEEN", "Claim", "judge", "within"]

UNSEEN: Final = "cannot be shown at this scale"

#: Verdict on a number of another system.
FOREIGN: Final = "not compared"


@dataclass(frozen=True)
class Claim:
    """One claim of the paper: figure, sentence, our number and the verdict.

    ``general``: a statement about any liquid or about the method; otherwise a number of the paper's system.
    """

    figure: str
    claim: str
    ours: str
    verdict: str
    general: bool = True


def judge(value: float, error: float, expected: float = 0.0, visible: float | None = None) -> str:
    """Verdict on "value is greater than expected".

    Parameters
    ----------
    value, error
        Our number and its standard error (NaN: not known, which decides nothing).
    expected
        What it is compared with.
    visible
        Size of the effect in question: with two standard errors above it nothing can be shown.
    """
    if not np.isfinite(value):
        return UNSEEN
    if not np.isfinite(error):
        return "undecided"
    difference = value - expected
    if abs(difference) > 2 * error:
        return "agrees" if difference > 0 else "disagrees"
    return UNSEEN if visible is not None and 2 * error > visible else "undecided"


def within(value: float, error: float, limit: float) -> str:
    """Verdict on "|value| is less than the limit"."""
    if not np.isfinite(error):
        return "undecided"
    if abs(value) - 2 * error > limit:
        return "disagrees"
    if abs(value) + 2 * error < limit:
        return "agrees"
    return UNSEEN if 2 * error > limit else "undecided"
