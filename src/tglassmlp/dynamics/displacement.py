r"""Displacement propensity: how far each particle of a structure moves, on average over its replicas.

.. math:: \Delta_i(t) = \left\langle |\mathbf{r}_i(t) - \mathbf{r}_i(0)| \right\rangle_{\rm replicas}

The positions are the thermal, unwrapped ones. They are neither taken relative to the cage of a particle's
neighbours nor those of inherent structures: the displacements hold the vibrations in the cage and, in two
dimensions, the long-wavelength fluctuations of an elastic medium. The centre of mass is at rest in all
engines of this package, and its motion is taken out of the trajectories of other programs when they are read;
nothing is subtracted here. The propensity for motion is due to A. Widmer-Cooper, P. Harrowell and H.
Fynewever, Phys. Rev. Lett. 93, 135701 (2004), who average the squared displacement instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.dynamics.propensity import Propensity
from tglassmlp.mixture import Mixture

__all__ = ["displacement_propensity", "label"]


def displacement_propensity(displacements: NDArray[np.floating]) -> Propensity:
    """Displacement propensity of every particle at every frame.

    Parameters
    ----------
    displacements
        ``[R, F, N, 2]`` unwrapped displacements of R replicas from the common structure.

    Returns
    -------
    Propensity
        Mean lengths ``[F, N]`` in units of sigma_11, and those of the even and of the odd replicas. A single
        replica stands for both halves.

    Raises
    ------
    ValueError
        If the shape is another one, there is no replica, or a value is not finite.
    """
    d = np.asarray(displacements)
    if d.ndim != 4 or d.shape[0] < 1 or d.shape[-1] != 2:
        raise ValueError(f"displacements must have shape [R, F, N, 2] with R >= 1, found {d.shape}")
    if not np.all(np.isfinite(d)):
        raise ValueError("displacements hold values that are not finite")
    total = np.zeros((2, *d.shape[1:3]))
    for r, replica in enumerate(d):  # one at a time: large systems fill the memory otherwise
        total[r % 2] += np.sqrt((replica.astype(np.float64) ** 2).sum(axis=-1))
    even, odd = (len(d) + 1) // 2, len(d) // 2
    mean = total.sum(axis=0) / len(d)
    half = np.stack([total[0] / even, total[1] / odd]) if odd else np.stack([mean, mean])
    return Propensity(mean, half)


def label(
    initial: Configuration, displacements: NDArray[np.floating], settings: Mapping[str, Any], mixture: Mixture
) -> Propensity:
    """Displacement propensity as a label; structure, settings and mixture do not enter."""
    return displacement_propensity(displacements)
