"""Messages of the package in the words of the command line: ``species={"A": 1}`` is ``--species A=1``."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["in_words_of_the_command"]

#: Advice that holds in Python only, and what a user of the command can do instead. Networks have learnt one
#: mixture, so that none can be named on the command line.
_ADVICE: Final = (
    (r"; if it is another, name it \(mixture=\); mixture=None compares no shares", ""),
    (
        r"(Correct the mapping), or name the mixture with mixture=; mixture=None compares nothing",
        r"\1, or choose networks that have learnt this mixture (--networks)",
    ),
    (
        r"Name its mixture with mixture=; mixture=None compares nothing",
        "Choose networks that have learnt its mixture (--networks)",
    ),
    (
        r"To read it as what it is, pass mixture=\w+\(path\)",
        "Choose networks that have learnt this mixture (--networks)",
    ),
)


def in_words_of_the_command(text: str) -> str:
    """Replace arguments of Python in a message by options of the command line.

    Examples
    --------
    >>> in_words_of_the_command('say which, e.g. species={"A": 1, "B": 3}')
    'say which, e.g. --species A=1,B=3'
    """

    def option(match: re.Match[str]) -> str:
        pairs = re.findall(r"['\"]([^'\"]*)['\"]: (\d+)", match[1])
        return "--species " + ",".join(f"{name}={number}" for name, number in pairs)

    text = re.sub(r"species=\{([^}]*)\}", option, text)
    for said, instead in _ADVICE:
        text = re.sub(said, instead, text)
    return text
