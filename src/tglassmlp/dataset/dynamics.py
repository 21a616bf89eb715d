"""Isoconfigurational dynamics of one structure, as a data set holds it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dynamics"]


@dataclass(frozen=True)
class Dynamics:
    """Isoconfigurational dynamics of one structure, over all its frames.

    Parameters
    ----------
    steps, times
        ``[F]`` time steps and times (tau_LJ) of the frames, the first 0.
    replicas
        Replicas of the even and of the odd half.
    neighbours
        ``[N]`` initial neighbours n0 of every particle.
    left
        ``[2, F, N]`` initial neighbours left, summed over the even and over the odd replicas.
    displacement_half
        ``[2, F, N]`` mean length of the displacement of the even and of the odd replicas, to a few per cent.
    displacement2, scattering
        ``[species, F]`` mean squared displacement and self-intermediate scattering function.
    kinetic_temperature, potential_energy
        ``[F]`` means over the replicas; the energy is per particle.
    joints
        Times at which velocities were resampled, where dynamics was extended.
    """

    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    replicas: tuple[int, int]
    neighbours: NDArray[np.int64]
    left: NDArray[np.int64]
    displacement_half: NDArray[np.float64]
    displacement2: NDArray[np.float64]
    scattering: NDArray[np.float64]
    kinetic_temperature: NDArray[np.float64]
    potential_energy: NDArray[np.float64]
    joints: tuple[float, ...] = ()

    def __repr__(self) -> str:
        return (
            f"<Dynamics of {self.neighbours.size} particles: {self.times.size} frames to "
            f"t = {self.times.max(initial=0.0):g}, {sum(self.replicas)} replicas>"
        )

    @cached_property
    def propensity(self) -> NDArray[np.float64]:
        """Bond-breaking propensity ``[F, N]``, mean over all replicas: 1 arrested, 0 relaxed."""
        return self.left.sum(axis=0) / (sum(self.replicas) * self.neighbours)

    @cached_property
    def half(self) -> NDArray[np.float64]:
        """Bond-breaking propensity ``[2, F, N]`` of the even and of the odd replicas."""
        return self.left / (np.array(self.replicas)[:, None, None] * self.neighbours)

    @cached_property
    def displacement(self) -> NDArray[np.float64]:
        """Displacement propensity ``[F, N]``: mean length of the displacement over all replicas."""
        share = np.array(self.replicas) / sum(self.replicas)
        return np.einsum("h,hfn->fn", share, self.displacement_half)

    def until(self, step: int) -> Dynamics:
        """Frames up to and including time step ``step``."""
        keep = self.steps <= step
        return replace(
            self,
            steps=self.steps[keep],
            times=self.times[keep],
            left=self.left[:, keep],
            displacement_half=self.displacement_half[:, keep],
            displacement2=self.displacement2[:, keep],
            scattering=self.scattering[:, keep],
            kinetic_temperature=self.kinetic_temperature[keep],
            potential_energy=self.potential_energy[keep],
            joints=tuple(t for t in self.joints if t < self.times[keep][-1]),
        )
