"""Drawing a figure of the registry into its files, and writing the numbers drawn."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tglassmlp.figures.loading import load_tables
from tglassmlp.figures.registry import FIGURES
from tglassmlp.provenance import collect
from tglassmlp.storage import atomic_path, write_table

if TYPE_CHECKING:
    from tglassmlp.figures.style import Drawn

__all__ = ["draw", "render", "save"]


def draw(name: str, tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw one figure from its tables.

    Raises
    ------
    ValueError
        If there is no such figure.
    """
    from tglassmlp.figures.style import style

    if name not in FIGURES:
        raise ValueError(f"unknown figure {name!r}, known: {', '.join(FIGURES)}")
    module, function = FIGURES[name].function.split(":")
    with style():
        return getattr(importlib.import_module(module, "tglassmlp.figures"), function)(tables, meta)


def render(
    name: str,
    files: Mapping[str, Sequence[str | PathLike[str]]],
    meta: Mapping[str, Any],
    outputs: Sequence[str | PathLike[str]],
    data: str | PathLike[str],
) -> None:
    """Draw one figure into its files, and write the numbers drawn as Parquet and CSV.

    Parameters
    ----------
    name
        In :data:`tglassmlp.figures.registry.FIGURES`.
    files
        Table name -> files.
    meta
        Run's name and scale, see :func:`tglassmlp.figures.metadata.describe`.
    outputs
        Images; the suffix gives the format.
    data
        Parquet file.
    """
    save(name, draw(name, load_tables(files), meta), meta, outputs, data)


def save(
    name: str,
    drawn: Drawn,
    meta: Mapping[str, Any],
    outputs: Sequence[str | PathLike[str]],
    data: str | PathLike[str],
) -> None:
    """Write a drawn figure and its numbers; parameters as :func:`render`."""
    from tglassmlp.figures.style import style

    # subsetting fonts for PDF remarks on the font's date
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    record = collect("figures", figure=name, run=meta["run"], meta=dict(meta))
    text = json.dumps({**{k: record[k] for k in ("version", "commit", "run")}, "mixture": meta["mixture"]})
    for path in map(Path, outputs):
        fields = {
            "png": {"Software": "tglassmlp", "Comment": text},
            "pdf": {"Creator": "tglassmlp", "Subject": text, "CreationDate": None},
            "svg": {"Creator": "tglassmlp", "Date": None},
        }
        with style(), atomic_path(path) as temporary:
            drawn.figure.savefig(
                temporary, dpi=meta["dpi"], format=path.suffix[1:], metadata=fields.get(path.suffix[1:])
            )
    write_table(data, drawn.data, record)
