"""The longest job that a site allows: jobs that need longer are cut there and tried again as often as needed.

``TGLASSMLP_JOB_MINUTES`` says how many minutes a job may ask for. A job that Slurm ends at its limit goes on
from its last checkpoint in the next attempt, so that a cap costs at most one block of work per attempt. It
belongs to the machine and not to the run: it changes no number and makes nothing again.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Final

__all__ = ["ATTEMPTS", "VARIABLE", "longest_job", "retries", "within_limit"]

#: Environment variable with the longest time that a job may ask for, in minutes.
VARIABLE: Final = "TGLASSMLP_JOB_MINUTES"

#: Attempts beyond those that the time itself needs, for what else may end a job.
ATTEMPTS: Final = 3

#: Shortest limit: a job needs minutes to start, and Slurm counts in minutes.
_SHORTEST: Final = 5


def longest_job() -> int | None:
    """Minutes that a job may ask for; None if the site has said nothing.

    Raises
    ------
    ValueError
        If the variable is set to anything but a whole number of at least 5.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text) < _SHORTEST:
        raise ValueError(
            f"{VARIABLE} must be a whole number of minutes, at least {_SHORTEST} (a day is 1440), "
            f"found {text!r}"
        )
    return int(text)


def within_limit(minutes: int) -> int:
    """Minutes that a job asks for, cut to the longest that the site allows.

    Examples
    --------
    >>> within_limit(90)
    90
    """
    most = longest_job()
    return minutes if most is None else min(minutes, most)


def retries(minutes: Iterable[int]) -> int:
    """How often the jobs of a rule are tried again, from the minutes that each of them needs.

    0 if the site has set no limit: the number of the profile (``retries``) then holds.
    """
    most = longest_job()
    longest = max(minutes, default=0)
    if most is None or longest <= most:
        return 0
    return math.ceil(longest / most) - 1 + ATTEMPTS
