"""Arrays of the files of this stage: propensities of a chunk of structures, labels of one temperature.

A file of propensities holds those of bond breaking, which are the clock, whatever is learnt. Where that is
another label (``propensity.label`` of the configuration), its propensities stand beside them under the names
``label`` and ``label_half``, and files of labels say in their attributes what they hold. Files without that
attribute are of bond breaking. In a file of labels the label is always called ``propensity``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp import labels as known
from tglassmlp.configuration import Configuration
from tglassmlp.dynamics.clock import Clock
from tglassmlp.dynamics.correlations import of_species, scattering_and_displacement
from tglassmlp.dynamics.labels import Labels, label_structures
from tglassmlp.mixture import Mixture
from tglassmlp.storage import Array

__all__ = ["label_arrays", "labels_from", "names_for", "propensity_arrays"]


def propensity_arrays(
    structures: Sequence[Configuration],
    displacements: Sequence[NDArray[np.floating]],
    times: ArrayLike,
    settings: Mapping[str, Any],
    mixture: Mixture,
) -> dict[str, Array]:
    """Propensities, scattering functions and displacements of some structures, by name.

    Parameters
    ----------
    structures, displacements
        Structures and the displacements ``[R, F, N, 2]`` of each; of large systems only the first may have
        dynamics.
    times
        ``[F]`` times of the frames.
    settings
        ``r_in``, ``r_out``, ``wave_number``, and perhaps ``label``.
    mixture
        Of the structures.
    """
    pairs = list(zip(structures, displacements, strict=False))
    shares = [known.BOND_BREAKING.measured(c, d, settings, mixture) for c, d in pairs]
    plain = [scattering_and_displacement(c, d, mixture.n_species, settings["wave_number"]) for c, d in pairs]
    axes, curves = ("structure", "frame", "particle"), ("structure", "species", "frame")
    of_halves = ("structure", "half", "frame", "particle")
    arrays = {"times": Array(np.asarray(times), ("frame",), "tau_LJ")}
    arrays["species"] = Array(np.stack([c.species for c, _ in pairs]), ("structure", "particle"))
    arrays |= {
        "propensity": Array(np.stack([s.mean for s in shares]), axes),
        "half": Array(np.stack([s.half for s in shares]), of_halves),
        "scattering": Array(np.stack([p["scattering"] for p in plain]), curves),
        "displacement2": Array(np.stack([p["displacement2"] for p in plain]), curves, "sigma_11^2"),
    }
    label = known.recorded(settings)
    if not label.is_clock:
        learnt = [label.measured(c, d, settings, mixture) for c, d in pairs]
        arrays["label"] = Array(np.stack([s.mean for s in learnt]), axes, label.unit)
        arrays["label_half"] = Array(np.stack([s.half for s in learnt]), of_halves, label.unit)
    return arrays


def names_for(label: known.Label) -> list[str]:
    """Arrays of files of propensities that the labels are made from."""
    return ["propensity", "half", "species", *([] if label.is_clock else ["label", "label_half"])]


def labels_from(
    found: Mapping[str, NDArray], targets: Sequence[float], central_species: int, label: known.Label
) -> Labels:
    """Labels of one temperature.

    Parameters
    ----------
    found
        The arrays of :func:`names_for`, chunks joined, and ``times``.
    targets, central_species, label
        As for :func:`tglassmlp.dynamics.labels.label_structures`.
    """
    times, species = found["times"], found["species"]
    clock = Clock.of(of_species(found["propensity"], species, central_species), times)
    mean, half = ("propensity", "half") if label.is_clock else ("label", "label_half")
    return label_structures(found[mean], found[half], times, species, targets, central_species, label, clock)


def label_arrays(labels: Labels, label: known.Label) -> dict[str, Array]:
    """Arrays of a file of labels, by name."""
    return {
        "c_b": Array(labels.c_b, ("c_b",)),
        "frame_index": Array(labels.frame_index, ("c_b",)),
        "time": Array(labels.time, ("c_b",), "tau_LJ"),
        "propensity": Array(labels.propensity, ("c_b", "structure", "particle"), label.unit),
        "half": Array(labels.half, ("c_b", "structure", "half", "particle"), label.unit),
    }
