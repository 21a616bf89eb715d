"""The one way in: read, lay over each other, check."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tglassmlp.config.checks import contradictions
from tglassmlp.config.layers import laid_over_each_other, plain_mapping
from tglassmlp.config.problems import ConfigError, refusal
from tglassmlp.config.reading import assigned, read_yaml
from tglassmlp.config.run import Config
from tglassmlp.settings.messages import described

__all__ = [
    "load",
    "load_run",
]


def load(source: str | os.PathLike[str] | Mapping[str, Any] | Iterable[str | os.PathLike[str]]) -> Config:
    """Check a configuration and return it typed.

    Parameters
    ----------
    source
        A YAML file, a mapping, or several YAML files, of which later ones are laid over earlier ones:
        settings are merged key by key, lists, mappings with free keys and mixtures are replaced whole.

    Raises
    ------
    ConfigError
        One line per problem: key path, what was found, what is allowed.
    """
    if isinstance(source, Mapping):
        try:
            content = plain_mapping(source)
        except RecursionError:
            raise ConfigError("a configuration holds itself, or is nested too deeply") from None
    elif isinstance(source, (str, os.PathLike)):
        content = read_yaml(source)
    else:
        content = laid_over_each_other(read_yaml(path) for path in source)
    return _checked(content)


def load_run(
    files: Iterable[str | os.PathLike[str]] = (),
    assignments: Iterable[str] = (),
    *,
    repository: str | os.PathLike[str],
    folder: str | os.PathLike[str] = ".",
    complete: bool = False,
) -> Config:
    """Read the configuration of a run, in the same way however it is started or asked about.

    Parameters
    ----------
    files
        YAML files given on the command line, later ones laid over earlier ones. They may name only the keys
        that differ from ``config.yaml``.
    assignments
        Keys given on the command line as ``key=value``, the value in YAML; laid over everything else.
    repository
        Folder of the Snakefile, whose ``config.yaml`` is what all others are laid over.
    folder
        Where the run's ``results`` are; if it has a ``config.yaml`` of its own, that comes next.
    complete
        Leave out both ``config.yaml`` (Snakemake's ``--replace-workflow-config``).

    Raises
    ------
    ConfigError
        One line per problem: key path, what was found, what is allowed.
    """
    base = Path(repository) / "config.yaml"
    own = Path(folder) / "config.yaml"
    below: list[str | os.PathLike[str]] = []
    if not complete:
        below += [base] if base.is_file() else []
        below += [own] if own.is_file() and not (below and own.samefile(base)) else []
    layers = [read_yaml(path) for path in [*below, *files] or [base]]
    return _checked(laid_over_each_other([*layers, assigned(assignments)]))


def _checked(content: Any) -> Config:
    try:
        config = Config.model_validate(content)
    except ValidationError as error:
        raise refusal([described(e, Config) for e in error.errors(include_url=False)]) from None
    problems = list(contradictions(config))
    if problems:
        raise refusal(problems)
    return config
