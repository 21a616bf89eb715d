r"""Replicas as planes of one HOOMD-blue simulation: potential and coordinates.

One system of about a thousand particles cannot fill a GPU. All replicas (of all structures of a chunk) are
therefore laid into one periodic box as planes z = const, further apart than the interaction range and the
neighbour list's buffer, so that they never meet. Forces along z are exactly zero, hence z and v_z stay
exactly what they were, bit for bit; this is asserted whenever coordinates are read.

The pair potential is exact: the Lennard-Jones term is ``hoomd.md.pair.LJ``, the smoothing polynomial is a Mie
potential with exponents n = -2 and m = -4,

.. math::

    \frac{n}{n-m} \Big(\frac{n}{m}\Big)^{\frac{m}{n-m}} \epsilon' \Big[ \Big(\frac{r}{\sigma'}\Big)^2
      - \Big(\frac{r}{\sigma'}\Big)^4 \Big]
    = 4 \epsilon \Big[ C_2 \Big(\frac{r}{\sigma}\Big)^2 + C_4 \Big(\frac{r}{\sigma}\Big)^4 \Big],
    \qquad \sigma'^2 = -\frac{C_2}{C_4} \sigma^2, \quad \epsilon' = \frac{C_2^2}{C_4} \epsilon ,

and the constant C_0 follows from shifting both terms to zero at the cut-off. A table
(``potential="table"``) is the faster alternative on a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import hoomd
import numpy as np
from numpy.typing import NDArray

from tglassmlp import potentials
from tglassmlp.box import wrap
from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.simulation import energies
from tglassmlp.simulation.hoomd.machine import Machine

__all__ = ["Stack", "check", "check_forces", "forces_and_energies", "stacked"]

#: Largest allowed rms difference of HOOMD-blue's forces from our own, as a share of their rms, for each form.
FORCE_TOLERANCE: Final[dict[str, float]] = {"exact": 1e-9, "table": 1e-4}

# what has been compared in this process: mixture, form of the potential, device
_COMPARED: Final[set[tuple[str, str, str]]] = set()

#: Points of the table per pair when ``potential="table"``.
TABLE_POINTS: Final = 8000
#: The table begins at this distance, in units of sigma; V is 1.6e4 epsilon there.
TABLE_START: Final = 0.5
#: Free distance between a plane's interaction range (with buffer) and the next plane.
PLANE_MARGIN: Final = 0.1


def _pair_forces(mixture: Mixture, nlist: Any, potential: str, shift: bool) -> list[Any]:
    """Return forces that add up to V_ab(r); without ``shift`` the energies miss a constant per pair."""
    _, c2, c4 = mixture.smoothing
    pairs = [(a, b) for a in range(mixture.n_species) for b in range(a, mixture.n_species)]
    if potential == "table":
        table = hoomd.md.pair.Table(nlist=nlist)
        for a, b in pairs:
            s, e = float(mixture.sigma_matrix[a, b]), float(mixture.epsilon_matrix[a, b])
            x = np.linspace(TABLE_START, mixture.cutoff, TABLE_POINTS, endpoint=False)
            key = (str(a + 1), str(b + 1))
            table.params[key] = {
                "r_min": TABLE_START * s,
                "U": potentials.energy(x, e, mixture.smoothing),
                "F": potentials.force(x, s, e, mixture.smoothing),
            }
            table.r_cut[key] = mixture.cutoff * s
        return [table]
    if not (c2 < 0.0 < c4):
        raise ValueError(
            f"the exact form needs C2 < 0 < C4, found {c2:.4g} and {c4:.4g} at cut-off {mixture.cutoff}; "
            "use potential='table'"
        )
    mode = "shift" if shift else "none"
    lj = hoomd.md.pair.LJ(nlist=nlist, mode=mode)
    polynomial = hoomd.md.pair.Mie(nlist=nlist, mode=mode)
    for a, b in pairs:
        s, e = float(mixture.sigma_matrix[a, b]), float(mixture.epsilon_matrix[a, b])
        key = (str(a + 1), str(b + 1))
        lj.params[key] = {"epsilon": e, "sigma": s}
        diameter, strength = potentials.mie_polynomial(s, e, mixture.smoothing)
        polynomial.params[key] = {"epsilon": strength, "sigma": diameter, "n": -2.0, "m": -4.0}
        lj.r_cut[key] = polynomial.r_cut[key] = mixture.cutoff * s
    return [lj, polynomial]


class Stack:
    """Planes of one HOOMD-blue simulation; arrays are ``[plane, particle, ...]`` in the caller's order."""

    def __init__(
        self,
        start: NDArray[np.float64],
        species: NDArray[np.int32],
        box_length: float,
        mixture: Mixture,
        machine: Machine,
        integrator: Any,
        timestep: int = 0,
        shift: bool = False,
    ) -> None:
        self.planes, self.n_particles = species.shape
        self.box_length, self.machine = box_length, machine
        reach = mixture.largest_cutoff + machine.buffer
        if box_length < 2.0 * reach:
            raise ValueError(
                f"box_length {box_length:g} is shorter than twice the list radius {reach:g} "
                f"(cut-off {mixture.largest_cutoff:g} + buffer {machine.buffer:g})"
            )
        spacing = reach + PLANE_MARGIN
        self.height = max(self.planes, 2.2) * spacing
        #: z of every plane; never the edge of the box
        self.z = -0.5 * self.height + (np.arange(self.planes) + 0.5) * spacing
        self.species = species.copy()
        # particles that are near each other lie near each other in memory; HOOMD-blue's own sorter, which
        # would mix the planes, is switched off, so that its indices stay ours
        at = wrap(start, box_length)
        stripe = np.floor((at[..., 0] / box_length + 0.5) * max(1, int(box_length / 2.5)))
        along = np.where(stripe % 2 == 0, at[..., 1], -at[..., 1])
        self.order = np.stack([np.lexsort((along[p], stripe[p])) for p in range(self.planes)])
        device = hoomd.device.GPU if machine.device == "gpu" else hoomd.device.CPU
        self.simulation = hoomd.Simulation(device=device(notice_level=0), seed=1)
        self.simulation.timestep = int(timestep)
        self.simulation.operations.tuners.clear()
        self.types = [str(s + 1) for s in range(mixture.n_species)]
        nlist = hoomd.md.nlist.Cell(buffer=machine.buffer, deterministic=True)
        self.forces = _pair_forces(mixture, nlist, machine.potential, shift)
        integrator.methods.append(hoomd.md.methods.ConstantVolume(filter=hoomd.filter.All()))
        integrator.forces.extend(self.forces)
        self.integrator = integrator
        self.simulation.operations.integrator = integrator

    def _sorted(self, values: NDArray) -> NDArray:
        return np.take_along_axis(values, self.order.reshape(self.order.shape + (1,) * (values.ndim - 2)), 1)

    def _unsorted(self, values: NDArray) -> NDArray:
        result = np.empty_like(values)
        index = self.order.reshape(self.order.shape + (1,) * (values.ndim - 2))
        np.put_along_axis(result, np.broadcast_to(index, values.shape), values, 1)
        return result

    def set(self, position: NDArray, velocity: NDArray, image: NDArray) -> None:
        """Set positions in the box, velocities, images ``[plane, particle, 2]``; renew lists and forces."""
        snapshot = hoomd.Snapshot(self.simulation.device.communicator)
        snapshot.configuration.box = [self.box_length, self.box_length, self.height, 0, 0, 0]
        particles = snapshot.particles
        particles.N = self.planes * self.n_particles
        particles.types = self.types
        shape = (self.planes, self.n_particles, 3)
        full = np.zeros(shape)
        full[..., :2], full[..., 2] = self._sorted(position), self.z[:, None]
        particles.position[:] = full.reshape(-1, 3)
        full[..., :2], full[..., 2] = self._sorted(velocity), 0.0
        particles.velocity[:] = full.reshape(-1, 3)
        whole = np.zeros(shape, dtype=np.int32)
        whole[..., :2] = self._sorted(image)
        particles.image[:] = whole.reshape(-1, 3)
        particles.typeid[:] = self._sorted(self.species).ravel() - 1
        if self.simulation.state is None:
            self.simulation.create_state_from_snapshot(snapshot)
        else:
            self.simulation.state.set_snapshot(snapshot)

    def get(self) -> tuple[NDArray, NDArray, NDArray]:
        """Positions in the box, velocities, images ``[plane, particle, 2]``.

        Raises
        ------
        RuntimeError
            If a particle has left its plane, which cannot happen unless planes interact.
        """
        with self.simulation.state.cpu_local_snapshot as local:
            shape = (self.planes, self.n_particles)
            tags = np.array(local.particles.tag)
            position = np.array(local.particles.position).reshape(*shape, 3)
            velocity = np.array(local.particles.velocity).reshape(*shape, 3)
            image = np.array(local.particles.image).reshape(*shape, 3)
        if not np.array_equal(tags, np.arange(tags.size)):
            raise RuntimeError("HOOMD-blue has reordered the particles although its sorter is off")
        off = (position[..., 2] != self.z[:, None]) | (velocity[..., 2] != 0.0) | (image[..., 2] != 0)
        if np.any(off):
            p, i = np.argwhere(off)[0]
            away = position[p, i, 2] - self.z[p]
            raise RuntimeError(
                f"step {self.simulation.timestep}: {np.count_nonzero(off)} particles have left their planes, "
                f"first particle {self.order[p, i]} of plane {p}: z - z0 = {away:.3g}, "
                f"v_z = {velocity[p, i, 2]:.3g}; both must be exactly zero"
            )
        return (
            self._unsorted(position[..., :2]),
            self._unsorted(velocity[..., :2]),
            self._unsorted(image[..., :2]),
        )

    def force_arrays(self) -> tuple[NDArray, NDArray]:
        """Return the present forces ``[plane, particle, 3]`` and energies ``[plane, particle]``."""
        shape = (self.planes, self.n_particles)
        force = sum(np.array(f.forces) for f in self.forces)
        energy = sum(np.array(f.energies) for f in self.forces)
        return (
            self._unsorted(np.reshape(force, (*shape, 3))),
            self._unsorted(np.reshape(energy, shape)),
        )


def check(configurations: Sequence[Configuration], mixture: Mixture, machine: Machine) -> None:
    """Raise ValueError for configurations that cannot share a simulation."""
    first = configurations[0]
    for c in configurations:
        c.check_mixture(mixture.n_species, mixture.largest_cutoff + machine.buffer)
        energies.check_overlaps(c, mixture)
        if (c.n_particles, c.box_length) != (first.n_particles, first.box_length):
            raise ValueError(
                "systems that share a simulation must have equal boxes and numbers of particles, found "
                f"{c.n_particles} in {c.box_length:g} and {first.n_particles} in {first.box_length:g}"
            )


def stacked(
    configurations: Sequence[Configuration],
    mixture: Mixture,
    machine: Machine,
    integrator: Any,
    shift: bool,
) -> Stack:
    """Stack configurations at rest."""
    check(configurations, mixture, machine)
    start = np.stack([c.wrapped() for c in configurations])
    species = np.stack([c.species for c in configurations])
    stack = Stack(start, species, configurations[0].box_length, mixture, machine, integrator, shift=shift)
    stack.set(start, np.zeros_like(start), np.zeros(start.shape, dtype=np.int32))
    return stack


@takes_mixture(assume=False)
def forces_and_energies(
    configurations: Sequence[Configuration],
    *,
    mixture: Mixture = KA2D,
    machine: Machine | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute forces and energies of stacked configurations with HOOMD-blue.

    Returns
    -------
    tuple
        Forces ``[configuration, particle, 3]`` (the last component must be exactly zero) and energies
        ``[configuration, particle]``, half of every pair's energy each.
    """
    machine = (machine or Machine.from_environment()).resolved()
    stack = stacked(configurations, mixture, machine, hoomd.md.Integrator(dt=0.001), shift=True)
    stack.simulation.run(0)
    return stack.force_arrays()


def check_forces(c: Configuration, mixture: Mixture, machine: Machine) -> None:
    """Compare the forces on one configuration with those of our own kernels, once in a process.

    A version of HOOMD-blue that has not been run with this package cannot change the meaning of a potential
    unnoticed.

    Raises
    ------
    RuntimeError
        If the forces differ by more than :data:`FORCE_TOLERANCE`.
    """
    key = (repr(mixture), machine.potential, machine.device)
    if key in _COMPARED:
        return
    found = forces_and_energies([c], mixture=mixture, machine=machine)[0][0]
    own = energies.forces(c, mixture)
    difference = float(np.sqrt(np.mean((found[:, :2] - own) ** 2) / max(float(np.mean(own**2)), 1e-300)))
    if not difference <= FORCE_TOLERANCE[machine.potential] or np.any(found[:, 2] != 0.0):
        raise RuntimeError(
            f"forces of HOOMD-blue {hoomd.version.version} on {machine.device} differ from those of this "
            f"package by {difference:.3g} of their rms, allowed {FORCE_TOLERANCE[machine.potential]:g} (and "
            f"by {float(np.abs(found[:, 2]).max()):.3g} along z, allowed 0); docs/engines.md lists the "
            "versions that were run"
        )
    _COMPARED.add(key)
