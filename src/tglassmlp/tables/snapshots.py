"""What the snapshots and the movie show: configurations and their propensity fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import wrap
from tglassmlp.methods import DYNAMICS
from tglassmlp.paths import File
from tglassmlp.state_point import find, is_same
from tglassmlp.storage import Array, read_configurations
from tglassmlp.tables.fields import read_fields
from tglassmlp.tables.times import Times

__all__ = ["snapshot_arrays", "snapshots"]


def snapshot_arrays(
    structure_files: Sequence[File],
    field_files: Mapping[str, File],
    structure: int,
    c_b: Sequence[float] | None,
    central_species: int = 1,
) -> dict[str, Any]:
    """Gather one configuration and its propensity fields, for snapshots.

    Parameters
    ----------
    structure_files
        Thermal configurations, chunks in order.
    field_files
        Panel name -> label, prediction or baseline file; a name ``<title>@<method>`` picks a method of a
        baseline file.
    structure
        Number of the structure.
    c_b
        Wanted values; those that a file lacks are left out; all by default.
    central_species
        Species that the fields belong to.

    Returns
    -------
    dict
        ``positions [N, 2]`` (wrapped), ``species [N]``, ``box_length``, ``central [n]`` indices and
        ``fields``: title -> (c_b ``[k]``, propensity ``[k, n]``, mean over converged networks).

    Raises
    ------
    ValueError
        If the structure is not in the files.
    """
    number = structure
    for path in structure_files:
        configurations = read_configurations(path)
        if number < len(configurations):
            configuration = configurations[number]
            break
        number -= len(configurations)
    else:
        raise ValueError(f"structure {structure} is not in {', '.join(map(str, structure_files))}")
    fields: dict[str, tuple[NDArray, NDArray]] = {}
    for name, path in field_files.items():
        title, _, method = name.partition("@")
        for held in read_fields(path):
            if (method and held.method != method) or structure >= held.values.shape[2]:
                continue
            keep = [k for k, c in enumerate(held.c_b) if c_b is None or find(c_b, c) is not None]
            means = []
            for k in keep:
                usable = held.usable(k)  # if none has converged all are shown, with their mean in the title
                chosen = usable if usable.size else np.arange(held.values.shape[1])
                means.append(np.asarray(held.values[k, chosen, structure], dtype=np.float64).mean(axis=0))
            values = np.array(means)
            if keep and np.isfinite(values).all():
                fields[title] = (held.c_b[keep], values)
            break
    return {
        "positions": wrap(configuration.positions, configuration.box_length),
        "species": configuration.species,
        "box_length": configuration.box_length,
        "central": configuration.of_species(central_species),
        "fields": fields,
    }


def snapshots(
    methods: Mapping[str, Any], evolution: Mapping[str, Any], relaxation: File, central_species: int = 1
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Gather everything that the snapshots and the movie show.

    Parameters
    ----------
    methods
        ``structure_files, field_files, structure, ensemble, temperature, c_b``: one state point, several
        methods (:func:`snapshot_arrays`). Of the wanted C_B, the first one that all files with dynamics hold
        is shown: a list from the most to the least wanted.
    evolution
        The same with one field file and every C_B.
    relaxation
        ``relaxation.json``, for times.

    Returns
    -------
    arrays, attributes
        For :func:`tglassmlp.storage.write_arrays`.
    """
    arrays: dict[str, Array] = {}
    attributes: dict[str, Any] = {}
    for group, wanted in (("methods", methods), ("evolution", evolution)):
        shown = snapshot_arrays(
            wanted["structure_files"], wanted["field_files"], wanted["structure"], None, central_species
        )
        named: dict[str, Any] = {}
        if group == "methods":
            c_b = _common_c_b(shown["fields"], wanted["c_b"])
            titles, values = _at_c_b(shown["fields"], c_b)
            named = {"c_b": c_b, "titles": titles}
        else:
            if not shown["fields"]:
                raise ValueError(f"nothing is predicted at T = {wanted['temperature']}: no snapshots to show")
            known, values = next(iter(shown["fields"].values()))
            times = Times(relaxation)
            moments = [times.columns(wanted["temperature"], float(c))["time"] for c in known]
            arrays["evolution_c_b"] = Array(known, ("state",), "1", "requested mean propensity")
            arrays["evolution_time"] = Array(np.array(moments), ("state",), "LJ times", "by superposition")
        arrays[f"{group}_positions"] = Array(shown["positions"], ("particle", "axis"), "sigma_11", "thermal")
        arrays[f"{group}_species"] = Array(shown["species"], ("particle",))
        arrays[f"{group}_central"] = Array(shown["central"], ("central",), "1", "indices of particles")
        arrays[f"{group}_fields"] = Array(
            values.reshape(-1, shown["central"].size), ("panel", "central"), "1", "propensity"
        )
        attributes[group] = {
            "temperature": float(wanted["temperature"]),
            "ensemble": wanted["ensemble"],
            "structure": int(wanted["structure"]),
            "box_length": float(shown["box_length"]),
        } | named
    return arrays, attributes


def _common_c_b(fields: Mapping[str, tuple[NDArray, NDArray]], wanted: Sequence[float]) -> float:
    """First of the wanted C_B that dynamics has, else its smallest; the first one without dynamics."""
    measured = [c for title, (c, _) in fields.items() if title == DYNAMICS.title]
    otherwise = float(np.min(measured[0])) if measured else float(wanted[0])
    return next((c for c in wanted if all(find(known, c) is not None for known in measured)), otherwise)


def _at_c_b(fields: Mapping[str, tuple[NDArray, NDArray]], c_b: float) -> tuple[list[str], NDArray]:
    """Titles and fields of those that hold one C_B."""
    titles, stack = [], []
    for title, (known, values) in fields.items():
        for x, value in zip(known, values, strict=True):
            if is_same(x, c_b):
                titles.append(title)
                stack.append(value)
    return titles, np.array(stack)
