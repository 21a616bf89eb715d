"""Fixed-point units of a structure: the range of an integer type spans the box, and twenty thermal speeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tglassmlp.box import DIMENSIONS, bring_near, minimum_image, wrap
from tglassmlp.configuration import Configuration
from tglassmlp.mixture import Mixture
from tglassmlp.potentials import fused_force_constants, lennard_jones_force
from tglassmlp.provenance import fingerprint, stage_version
from tglassmlp.simulation.dynamics import DynamicsSettings, degrees_of_freedom
from tglassmlp.simulation.replica_run import content_hash

__all__ = [
    "PRECISIONS",
    "FixedPointModel",
    "fixed_point",
    "fixed_point_model",
    "half_step_before",
    "recorded",
    "refuse_overlaps",
    "run_fingerprint",
]

#: Integer type, float type and lane widths (widest first) of each precision.
PRECISIONS: Final[dict[str, tuple[type, type, tuple[int, ...]]]] = {
    "mixed": (np.int32, np.float32, (16, 8)),
    "double": (np.int64, np.float64, (8,)),
}


@dataclass(frozen=True)
class FixedPointModel:
    """A structure in whole numbers: its particles, the units, the tables of its forces.

    ``position_unit`` and ``velocity_unit`` are what one unit of position and velocity is worth; ``start``
    ``[N, 2]`` are the positions, ``table`` is that of :class:`~.forces.Motion`, ``skin`` the margin of the
    pair list.
    """

    configuration: Configuration
    mixture: Mixture
    settings: DynamicsSettings
    temperature: float
    position_unit: float
    velocity_unit: float
    skin: float
    start: NDArray[Any]
    table: NDArray[Any]

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the velocities."""
        return degrees_of_freedom(self.configuration.n_particles)

    @property
    def target(self) -> float:
        """Mean kinetic energy."""
        return 0.5 * self.freedom * self.temperature

    @property
    def largest_force(self) -> float:
        """Largest force that fixed point can hold."""
        bits = np.dtype(PRECISIONS[self.settings.precision][0]).itemsize * 8
        return 2.0 ** (bits - 1) * self.velocity_unit / self.settings.time_step


def fixed_point_model(
    configuration: Configuration, temperature: float, mixture: Mixture, settings: DynamicsSettings
) -> FixedPointModel:
    """Choose the units of a structure and make its tables.

    Raises
    ------
    ValueError
        For a temperature that is not positive, a mixture that does not fit, a single particle, or overlaps.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be a positive number, found {temperature}")
    configuration.check_mixture(mixture.n_species, mixture.largest_cutoff + 0.05)
    if configuration.n_particles < 2:
        raise ValueError("dynamics at zero total momentum needs at least 2 particles, found 1")
    integer, floating, _ = PRECISIONS[settings.precision]
    bits = 8 * np.dtype(integer).itemsize
    box = configuration.box_length
    q = box / 2.0**bits
    # the largest speed is 20 thermal ones, rounded up to a power of two
    range_bits = max(1, math.ceil(math.log2(20.0 * math.sqrt(temperature))))
    unit = 2.0 ** (range_bits + 1 - bits)
    dt = settings.time_step
    s = mixture.n_species
    table = np.zeros(3 + 2 * s * s)
    table[:3] = mixture.cutoff**2, *fused_force_constants(mixture.smoothing)
    sigma2 = mixture.sigma_matrix**2
    table[3::2] = (q * q / sigma2).ravel()
    table[4::2] = (24.0 * mixture.epsilon_matrix / sigma2 * (q * dt / unit)).ravel()
    skin = min(settings.skin, 0.5 * box - mixture.largest_cutoff - 1e-6 * box)
    model = FixedPointModel(
        configuration,
        mixture,
        settings,
        float(temperature),
        q,
        unit,
        skin,
        fixed_point(configuration, integer),
        table.astype(floating),
    )
    refuse_overlaps(model, configuration)
    return model


def fixed_point(c: Configuration, integer: type) -> NDArray[Any]:
    """Positions ``[N, 2]`` in units of the box over the range of the integer type."""
    bits = 8 * np.dtype(integer).itemsize
    near, _ = bring_near(c.positions, c.box_length)
    # 2^bits itself does not fit: the upper edge of the box is its lower edge
    whole = np.rint(wrap(near / c.box_length, 1.0) * 2.0**bits)
    whole[whole >= 2.0 ** (bits - 1)] = -(2.0 ** (bits - 1))
    return whole.astype(integer)


def refuse_overlaps(model: FixedPointModel, c: Configuration) -> None:
    """Raise ValueError if two particles are so close that their force does not fit."""
    m = model.mixture
    near, _ = bring_near(c.positions, c.box_length)
    tree = cKDTree(wrap(near, c.box_length, 0.0), boxsize=c.box_length)
    pairs = tree.query_pairs(0.9 * float(m.sigma_matrix.max()), output_type="ndarray")
    if len(pairs) == 0:
        return
    separation = minimum_image(near[pairs[:, 0]] - near[pairs[:, 1]], c.box_length)
    r = np.sqrt((separation**2).sum(axis=1))
    a, b = c.species[pairs[:, 0]] - 1, c.species[pairs[:, 1]] - 1
    with np.errstate(divide="ignore", over="ignore"):
        force = lennard_jones_force(r, m.sigma_matrix[a, b], m.epsilon_matrix[a, b])
    limit = 0.25 * model.largest_force
    worst = int(np.argmax(force))
    if not force[worst] < limit:
        raise ValueError(
            f"particles {pairs[worst, 0]} and {pairs[worst, 1]} overlap: distance {r[worst]:.4g}, force "
            f"{force[worst]:.4g}, allowed are forces below {limit:.4g}; relax the configuration first"
        )


def half_step_before(velocities: NDArray[np.float64], force: NDArray[Any], unit: float) -> NDArray[np.int64]:
    """Velocities half a step before the positions, of exactly zero sum.

    Parameters
    ----------
    velocities
        ``[replica, N, 2]`` velocities at the time of the positions.
    force
        ``[replica, N, 2]`` forces times the time step, in units of velocity.
    unit
        What one unit of velocity is worth.
    """
    before = np.rint(velocities / unit - 0.5 * force).astype(np.int64)
    replicas, n, _ = before.shape
    rest = before.sum(axis=1)
    for r in range(replicas):
        for c in range(DIMENSIONS):
            whole, part = divmod(int(rest[r, c]), n)
            before[r, :, c] -= whole
            before[r, :part, c] -= 1
    return before


def recorded(
    model: FixedPointModel,
    start: NDArray[Any],
    position: NDArray[Any],
    image: NDArray[Any],
    kinetic: NDArray[np.float64],
    potential: NDArray[np.float64],
    work: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Make of some replicas what a frame keeps.

    Parameters
    ----------
    model
        Units and settings.
    start, position, image
        ``[replica, N, 2]`` positions at the start and now, in fixed point, and crossings of the box.
    kinetic
        ``[2, replica]`` kinetic energies at the full step and at the half step before.
    potential, work
        ``[replica]`` potential energy, and energy that the thermostat has given.

    Returns
    -------
    tuple
        Displacements ``[replica, N, 2]``; kinetic, potential and conserved energy ``[3, replica]``, the last
        one without its reference.
    """
    within = position.astype(np.float64) - start.astype(np.float64)
    moved = image * model.configuration.box_length + within * model.position_unit
    thermal = int(model.settings.thermostat_velocities == "half_step")
    return moved, np.stack([kinetic[thermal], potential, kinetic[0] + potential - work])


def run_fingerprint(
    model: FixedPointModel,
    frames: NDArray[np.int64],
    starts: Sequence[Configuration],
    seed: np.random.SeedSequence,
    engine: str,
) -> str:
    """Fingerprint of all that decides the numbers of the replicas of a structure."""
    settings = asdict(model.settings)
    for name in ("skin", "block_seconds"):
        del settings[name]
    identity = {
        "structure": content_hash(model.configuration),
        "box_length": model.configuration.box_length,
        "temperature": model.temperature,
        "frames": frames.tolist(),
        "replicas": len(starts),
        "seed": [str(seed.entropy), list(map(int, seed.spawn_key))],
        "mixture": asdict(model.mixture),
        "settings": settings,
        "engine": engine,
        "stage_version": stage_version(model.settings.stage),
    }
    if any(c is not model.configuration for c in starts):
        identity["starts"] = [content_hash(c) for c in starts]
    return fingerprint(identity)
