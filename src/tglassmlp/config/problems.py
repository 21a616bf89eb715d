"""A configuration that cannot be run, and how that is said."""

from __future__ import annotations

from collections.abc import Sequence

from tglassmlp.settings.messages import Problem

__all__ = [
    "ConfigError",
    "refusal",
]


class ConfigError(ValueError):
    """A configuration that cannot be run; the message has one line per problem."""


def refusal(problems: Sequence[Problem]) -> ConfigError:
    """Return the error that names all problems, each once."""
    unique = dict.fromkeys(f"  {p.path}: found {p.found}; allowed: {p.allowed}" for p in problems)
    count = "1 problem" if len(unique) == 1 else f"{len(unique)} problems"
    return ConfigError("\n".join([f"this configuration cannot be run ({count}):", *unique]))
