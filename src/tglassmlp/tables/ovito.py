"""Structures with everything known about their particles, for viewers such as OVITO."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.paths import File
from tglassmlp.storage import read_arrays, read_configurations
from tglassmlp.tables.fields import read_fields, structures_held

__all__ = ["particle_properties"]


def particle_properties(
    structure_files: Sequence[File],
    predictions: File,
    descriptor_files: Sequence[File],
    labels: Sequence[File],
    structures: Sequence[int],
    central_species: int = 1,
    descriptors: Sequence[str] = ("density/all/L2", "energy/all/L2", "perimeter/all/L0", "variance/all/L2"),
) -> tuple[list[Configuration], list[dict[str, NDArray[np.float32]]]]:
    """Return configurations and per-particle quantities for :func:`tglassmlp.storage.write_configurations`.

    Quantities of the central species are NaN on other particles. ``propensity_cb0_5`` is the prediction at
    C_B = 0.5 (mean over the networks that reach it, left out if there are none), ``measured_cb0_5`` that of
    molecular dynamics, ``descriptor_energy_all_L2`` a descriptor. Names have no dot: OVITO would change it.

    Parameters
    ----------
    structure_files, descriptor_files
        Chunks in order.
    predictions
        Prediction file.
    labels
        Label file, or nothing.
    structures
        Numbers of the structures wanted.
    central_species
        Species that fields and descriptors belong to.
    descriptors
        Names of the descriptors wanted; those that the files lack are left out.
    """
    configurations = [c for path in structure_files for c in read_configurations(path)]
    chosen = structures_held(structures, len(configurations))
    names = [str(n) for n in read_arrays(descriptor_files[0], ["names"])["names"]]
    columns = {n: names.index(n) for n in descriptors if n in names}
    values = np.concatenate([read_arrays(p, ["values"], finite=False)["values"] for p in descriptor_files])
    predicted = read_fields(predictions)[0]
    measured = [read_fields(path)[0] for path in labels]
    properties: list[dict[str, NDArray[np.float32]]] = []
    for s in chosen:
        central = configurations[s].of_species(central_species)
        own: dict[str, NDArray] = {}
        for k, c_b in enumerate(predicted.c_b):
            if not predicted.usable(k).size:
                continue
            own[_name("propensity_cb", c_b)] = predicted.values[k, predicted.usable(k), s].mean(axis=0)
        for fields in measured:
            for k, c_b in enumerate(fields.c_b):
                own[_name("measured_cb", c_b)] = fields.values[k, 0, s]
        for name, column in columns.items():
            own["descriptor_" + name.replace("/", "_").replace(".", "_")] = values[s, :, column]
        every: dict[str, NDArray[np.float32]] = {}
        for name, known in own.items():
            every[name] = np.full(configurations[s].n_particles, np.nan, dtype=np.float32)
            every[name][central] = known
        properties.append(every)
    return [configurations[s] for s in chosen], properties


def _name(prefix: str, c_b: float) -> str:
    return prefix + f"{c_b:g}".replace(".", "_")
