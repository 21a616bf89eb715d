"""Correlations of trajectories against time: scattering, displacement, split-half ceiling; their table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.correlation import correlation

if TYPE_CHECKING:
    # loaded where the table is made: reading a data set must not need it
    import pandas as pd

__all__ = [
    "of_species",
    "scattering_and_displacement",
    "split_half_ceiling",
    "standard_error",
    "summarise_curves",
]


def of_species(values: ArrayLike, species: ArrayLike, wanted: int) -> NDArray[np.float64]:
    """Values of the particles of one species, structure by structure.

    Swap Monte Carlo exchanges species: which particles are of a species differs between structures, their
    number does not.

    Parameters
    ----------
    values
        ``[structure, ..., particle]``.
    species
        ``[structure, particle]``.
    wanted
        The species.

    Returns
    -------
    numpy.ndarray
        ``[structure, ..., N_wanted]``, in ascending particle index.

    Raises
    ------
    ValueError
        If shapes do not fit, no particle is of the species, or the structures have different numbers of them.
    """
    v, kinds = np.asarray(values, dtype=float), np.asarray(species)
    if v.ndim < 2 or kinds.shape != (v.shape[0], v.shape[-1]):
        raise ValueError(f"species must have shape {(v.shape[0], v.shape[-1])}, found {kinds.shape}")
    numbers = (kinds == wanted).sum(axis=1)
    if numbers.min(initial=numbers.max(initial=0)) == 0:
        raise ValueError(f"no particle is of species {wanted}")
    if np.any(numbers != numbers[0]):
        raise ValueError(
            f"structures have different numbers of particles of species {wanted}: "
            f"{sorted(set(numbers.tolist()))}"
        )
    return np.stack([v[s][..., kinds[s] == wanted] for s in range(v.shape[0])])


def scattering_and_displacement(
    initial: Configuration,
    displacements: NDArray[np.floating],
    n_species: int,
    wave_number: float = 2.0 * np.pi,
    directions: int = 8,
) -> Mapping[str, NDArray[np.float64]]:
    r"""Self-intermediate scattering function and mean squared displacement of every species.

    .. math::

        F_s(q, t) = \frac{1}{N_a} \sum_{i \in a} \left\langle \cos(q \, \hat{e} \cdot \Delta r_i(t))
        \right\rangle , \qquad \Delta^2(t) = \frac{1}{N_a} \sum_{i \in a} \left\langle |\Delta r_i(t)|^2
        \right\rangle ,

    averaged over replicas and over a ring of directions (the first peak of the structure factor of the KA2D
    mixture lies near q = 2 pi). The displacement of the centre of mass is taken out.

    Parameters
    ----------
    initial
        The structure (its species).
    displacements
        ``[R, F, N, 2]`` unwrapped displacements.
    n_species
        Number of species S.
    wave_number, directions
        The radius of the ring, and how many directions of half a circle.

    Returns
    -------
    Mapping
        ``scattering`` and ``displacement2``, each ``[S, F]``.
    """
    angles = np.pi * np.arange(directions) / directions
    unit = np.stack([np.cos(angles), np.sin(angles)])
    frames = displacements.shape[1]
    scattering = np.zeros((n_species, frames))
    displacement2 = np.zeros((n_species, frames))
    members = [initial.of_species(s + 1) for s in range(n_species)]
    for replica in displacements:
        d = replica.astype(np.float64)
        d -= d.mean(axis=1, keepdims=True)
        for s, index in enumerate(members):
            if index.size:
                own = d[:, index]
                displacement2[s] += np.einsum("fnx,fnx->f", own, own) / index.size
                scattering[s] += np.cos(wave_number * (own @ unit)).mean(axis=(1, 2))
    replicas = displacements.shape[0]
    return {"scattering": scattering / replicas, "displacement2": displacement2 / replicas}


def split_half_ceiling(half: ArrayLike) -> float:
    r"""Ceiling of the Pearson correlation that any prediction from the structure can reach.

    The correlation r between propensities from two halves of the replicas gives, by the Spearman-Brown
    formula, the reliability :math:`2r / (1 + r)` of their mean; a perfect prediction correlates with
    that mean as its square root,

    .. math::

        \rho_\mathrm{max} = \sqrt{\frac{2 r}{1 + r}} .

    Parameters
    ----------
    half
        ``[2, ...]`` propensities of the two halves, all particles pooled.

    Returns
    -------
    float
        The ceiling; 0 when the halves are not positively correlated, NaN when one of them is constant.

    Raises
    ------
    ValueError
        If the first axis does not have length 2.
    """
    h = np.asarray(half, dtype=float)
    if h.shape[0] != 2:
        raise ValueError(f"half must have two halves on its first axis, found shape {h.shape}")
    r = correlation(*(x.ravel() for x in h))
    if np.isnan(r):
        return r
    return float(np.sqrt(2 * r / (1 + r))) if r > 0 else 0.0


def standard_error(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Estimate the standard error of the mean over the first axis; NaN for one value."""
    n = values.shape[0]
    if n < 2:
        return np.full(values.shape[1:], np.nan)
    spread: NDArray[np.float64] = values.std(axis=0, ddof=1) / np.sqrt(n)
    return spread


def summarise_curves(
    temperature: float,
    times: ArrayLike,
    species: ArrayLike,
    propensity: ArrayLike,
    half: ArrayLike,
    scattering: ArrayLike,
    displacement2: ArrayLike,
) -> pd.DataFrame:
    """Mean curves of one temperature with errors over structures, one row per species and frame.

    Parameters
    ----------
    temperature
        For the first column.
    times, species
        ``[frame]`` and ``[structure, particle]``.
    propensity, half
        ``[structure, frame, particle]`` and ``[structure, 2, frame, particle]``.
    scattering, displacement2
        ``[structure, species, frame]``.

    Returns
    -------
    pandas.DataFrame
        Columns temperature, species, frame, time, c_b, error, scattering, scattering_error, displacement2,
        displacement2_error, ceiling (largest Pearson correlation that finite replicas allow; see
        :func:`split_half_ceiling`). Errors are NaN for a single structure.
    """
    import pandas as pd

    t, kinds = np.asarray(times, dtype=float), np.asarray(species)
    c, h = np.asarray(propensity, dtype=float), np.asarray(half, dtype=float)
    tables = []
    for s in range(1, int(kinds.max()) + 1):
        if not (kinds == s).any():
            continue
        halves = of_species(h, kinds, s)
        columns: dict[str, Any] = {
            "temperature": temperature,
            "species": s,
            "frame": np.arange(t.size),
            "time": t,
        }
        for name, error, values in (
            ("c_b", "error", of_species(c, kinds, s).mean(axis=2)),
            ("scattering", "scattering_error", np.asarray(scattering)[:, s - 1]),
            ("displacement2", "displacement2_error", np.asarray(displacement2)[:, s - 1]),
        ):
            columns[name] = values.mean(axis=0)
            columns[error] = standard_error(values)
        columns["ceiling"] = [split_half_ceiling(np.moveaxis(halves[:, :, f], 1, 0)) for f in range(t.size)]
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)
