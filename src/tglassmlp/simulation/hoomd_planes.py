r"""Replicas as planes of one HOOMD-blue simulation: device, potential, coordinates, thermostats.

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

import math
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import hoomd
import numpy as np
from numpy.typing import NDArray

from tglassmlp import potentials
from tglassmlp.configuration import Configuration, wrap
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.simulation import energies
from tglassmlp.simulation.molecular_dynamics import DynamicsSettings
from tglassmlp.simulation.replica_run import ReplicaNoise

__all__ = ["Machine", "Stack", "Thermostat", "check", "forces_and_energies", "maxwell", "stacked"]

#: Oldest version of HOOMD-blue with the calls used here.
OLDEST_VERSION: Final = 4
if int(hoomd.version.version.split(".")[0]) < OLDEST_VERSION or not hoomd.version.md_built:
    raise ImportError(
        f"engine 'hoomd' needs HOOMD-blue {OLDEST_VERSION} or later with its md package, found "
        f"{hoomd.version.version} ({'with' if hoomd.version.md_built else 'without'} md); "
        "conda-forge has it: conda env create -f envs/hoomd.yaml"
    )
import hoomd.md  # noqa: E402 - absent in builds without it

#: Points of the table per pair when ``potential="table"``.
TABLE_POINTS: Final = 8000
#: The table begins at this distance, in units of sigma; V is 1.6e4 epsilon there.
TABLE_START: Final = 0.5
#: Free distance between a plane's interaction range (with buffer) and the next plane.
PLANE_MARGIN: Final = 0.1
#: Device memory a particle needs (coordinates, forces, neighbour and cell lists), generously, in bytes.
BYTES_PER_PARTICLE: Final = 4000
#: Particles in one simulation when the device's memory is not known.
DEFAULT_PARTICLES: Final = 2_000_000

_STARTED: Final = time.time()


@dataclass(frozen=True)
class Machine:
    """Where and how HOOMD-blue runs; the physics does not depend on it.

    Parameters
    ----------
    device
        ``cpu``, ``gpu``, or ``auto``: a GPU if HOOMD-blue finds one.
    planes
        Planes per simulation; by default as many as half of the free device memory holds.
    potential
        ``exact`` or ``table`` (relative error of forces about 2e-6, about 1.5 times as fast on a CPU).
    buffer
        Margin of the neighbour list; only speed depends on it.
    end
        Time (seconds since 1970) at which the job will be killed, or None.

    Raises
    ------
    ValueError
        For a value out of range.
    """

    device: Literal["auto", "cpu", "gpu"] = "auto"
    planes: int | None = None
    potential: Literal["exact", "table"] = "exact"
    buffer: float = 0.4
    end: float | None = None

    def __post_init__(self) -> None:
        if self.device not in ("auto", "cpu", "gpu"):
            raise ValueError(f"device must be auto, cpu or gpu, found {self.device!r}")
        if self.planes is not None and (int(self.planes) != self.planes or self.planes < 1):
            raise ValueError(f"planes must be a whole number of at least 1, found {self.planes}")
        if self.potential not in ("exact", "table"):
            raise ValueError(f"potential must be exact or table, found {self.potential!r}")
        if not (math.isfinite(self.buffer) and self.buffer > 0):
            raise ValueError(f"buffer must be a positive number, found {self.buffer}")

    @classmethod
    def from_environment(cls) -> Machine:
        """Read ``TGLASSMLP_HOOMD_DEVICE``, ``_PLANES``, ``_POTENTIAL`` and the end of the job.

        The end comes from ``TGLASSMLP_WALL_SECONDS`` (counted from the start of the process) or from
        ``SLURM_JOB_END_TIME``, which Slurm sets from the rule's ``runtime``.
        """
        planes = os.environ.get("TGLASSMLP_HOOMD_PLANES")
        wall, slurm = os.environ.get("TGLASSMLP_WALL_SECONDS"), os.environ.get("SLURM_JOB_END_TIME")
        end = _STARTED + float(wall) if wall else float(slurm) if slurm else None
        device: Any = os.environ.get("TGLASSMLP_HOOMD_DEVICE", "auto")
        potential: Any = os.environ.get("TGLASSMLP_HOOMD_POTENTIAL", "exact")
        return cls(device, int(planes) if planes else None, potential, end=end)

    def resolved(self) -> Machine:
        """Return the same with ``auto`` replaced by what is there.

        Raises
        ------
        RuntimeError
            If a GPU is asked for and HOOMD-blue finds none.
        """
        available = hoomd.device.GPU.is_available()
        if self.device == "auto":
            return replace(self, device="gpu" if available else "cpu")
        if self.device == "gpu" and not available:
            raise RuntimeError(
                "a GPU was asked for, but HOOMD-blue finds none "
                f"({'; '.join(hoomd.device.GPU.get_unavailable_device_reasons()) or 'no device'}; "
                f"this build is {'for' if hoomd.version.gpu_enabled else 'without'} GPUs)"
            )
        return self

    def planes_per_simulation(self, n_particles: int, replicas: int) -> int:
        """Planes of ``n_particles`` particles that go into one simulation.

        On a CPU the replicas of one structure: more in one simulation are not faster there.
        """
        if self.planes is not None:
            return self.planes
        if self.device == "cpu":
            return replicas
        memory = _free_device_memory()
        most = DEFAULT_PARTICLES if memory is None else int(0.5 * memory / BYTES_PER_PARTICLE)
        return max(1, most // n_particles)


def _free_device_memory() -> int | None:
    """Free memory of the GPU in bytes, or None if nothing here can tell."""
    if shutil.which("nvidia-smi") is None:
        return None
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    try:
        found = subprocess.run(
            ["nvidia-smi", f"--id={visible}", "--query-gpu=memory.free", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        return int(found.stdout.split()[0]) * 2**20
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None


# --------------------------------------------------------------------------------------------------
# Potential and stacked planes
# --------------------------------------------------------------------------------------------------


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


def _array_module(machine: Machine) -> tuple[Any, str]:
    """Array library and name of the local snapshot that reach velocities without a copy to the host."""
    if machine.device == "gpu":
        try:
            import cupy  # type: ignore[import-not-found, unused-ignore]

            return cupy, "gpu_local_snapshot"
        except ImportError:
            pass
    return np, "cpu_local_snapshot"


class Thermostat(hoomd.custom.Action):
    """Rescales the velocities of every plane on its own; on the way asks whether the run should stop."""

    def __init__(
        self,
        stack: Stack,
        temperature: float,
        settings: DynamicsSettings,
        noise: Sequence[ReplicaNoise],
        look: Callable[[int], None] = lambda timestep: None,
    ) -> None:
        super().__init__()
        self.stack, self.settings, self.noise, self.look = stack, settings, noise, look
        self.temperature = temperature
        self.freedom = 2.0 * stack.n_particles - 2.0
        self.target = 0.5 * self.freedom * temperature
        #: Nose-Hoover friction and energy given to the system, per plane.
        self.friction, self.work = np.zeros((2, stack.planes))
        self.xp, self.local = _array_module(stack.machine)
        self.normal = self.gamma = np.zeros((stack.planes, 0))
        self.used = 0
        self.seen = False
        stack.simulation.operations.updaters.append(
            hoomd.update.CustomUpdater(
                action=self, trigger=hoomd.trigger.Periodic(int(settings.thermostat_interval))
            )
        )

    def act(self, timestep: int) -> None:
        """Rescale the velocities of all planes (called by HOOMD-blue).

        Raises
        ------
        RuntimeError
            If the temperature of a plane explodes.
        """
        self.look(timestep)
        if self.settings.thermostat == "none":
            return
        stack, xp = self.stack, self.xp
        with getattr(stack.simulation.state, self.local) as local:
            velocity = xp.asarray(local.particles.velocity)
            before = energies = self._kinetic(velocity)
            kick = 0.0
            if self.settings.thermostat_velocities == "half_step":
                # HOOMD-blue keeps velocities at the full step; all masses are 1
                kick = 0.5 * self.settings.time_step * xp.asarray(local.particles.net_force)[:, :2]
                velocity[:, :2] -= kick
                energies = self._kinetic(velocity)
            if not np.all((energies > 0.0) & (energies < 10.0 * self.target)):
                raise RuntimeError(
                    f"the kinetic temperature of a replica left (0, 10) x {self.temperature} near step "
                    f"{timestep}: the integration has failed (time step too large, or a start far from "
                    "equilibrium)"
                )
            factor = self._factor(energies)
            velocity[:, :2] *= xp.repeat(xp.asarray(factor), stack.n_particles)[:, None]
            velocity[:, :2] += kick
            after = self._kinetic(velocity)
        if not self.seen:
            # once: what was written must have arrived in HOOMD-blue's own memory
            with stack.simulation.state.cpu_local_snapshot as local:
                written = 0.5 * (np.asarray(local.particles.velocity) ** 2).sum(axis=1)
            arrived = written.reshape(stack.planes, -1).sum(axis=1)
            if not np.allclose(arrived, after, rtol=1e-9):
                raise RuntimeError("velocities written by the thermostat did not reach HOOMD-blue")
            self.seen = True
        self.work += after - before

    def _kinetic(self, velocity: Any) -> NDArray[np.float64]:
        """Kinetic energies ``[plane]`` of velocities ``[plane x particle, 3]``."""
        xp, stack = self.xp, self.stack
        energies = 0.5 * (velocity[:, :2] ** 2).reshape(stack.planes, -1).sum(axis=1)
        return energies if xp is np else xp.asnumpy(energies)

    def _factor(self, kinetic: NDArray[np.float64]) -> NDArray[np.float64]:
        """Factors of the velocities ``[plane]``, as the native engine computes them."""
        settings = self.settings
        elapsed = settings.thermostat_interval * settings.time_step
        rate = 1.0 / settings.thermostat_time
        if settings.thermostat == "nose_hoover":
            # split symmetrically: half a step of the friction, the velocities, another half
            drive = 0.5 * elapsed * rate * rate
            self.friction = self.friction + drive * (kinetic / self.target - 1.0)
            factor: NDArray[np.float64] = np.exp(-self.friction * elapsed)
            self.friction = self.friction + drive * (kinetic * factor * factor / self.target - 1.0)
            return factor
        # Bussi, Donadio, Parrinello, J. Chem. Phys. 126, 014101 (2007), Eq. (A7)
        normal, gamma = self.normal[:, self.used], self.gamma[:, self.used]
        self.used += 1
        keep = np.exp(-elapsed * rate)
        share = (1.0 - keep) * self.target / (self.freedom * kinetic)
        square = keep + share * (2.0 * gamma + normal * normal) + 2.0 * normal * np.sqrt(keep * share)
        return np.where(normal + np.sqrt(keep / share) < 0.0, -1.0, 1.0) * np.sqrt(square)

    def run(self, n_steps: int) -> None:
        """Move all planes by ``n_steps``; the random numbers of the way are drawn before it begins."""
        if self.settings.thermostat == "bussi":
            first, every = self.stack.simulation.timestep, self.settings.thermostat_interval
            count = -(-(first + n_steps) // every) + (-first // every)
            shape = 0.5 * (self.freedom - 1.0)
            self.normal = np.stack([n.normal.standard_normal(count) for n in self.noise])
            self.gamma = np.stack([n.gamma.standard_gamma(shape, count) for n in self.noise])
            self.used = 0
        self.stack.simulation.run(n_steps)


def maxwell(noise: Sequence[ReplicaNoise], temperature: float, n_particles: int) -> NDArray[np.float64]:
    """Maxwell velocities of zero total momentum ``[plane, particle, 2]``, as the native engine draws them."""
    drawn = np.stack([n.velocities.standard_normal((n_particles, 2)) for n in noise])
    velocities = math.sqrt(temperature) * drawn
    return velocities - velocities.mean(axis=1, keepdims=True)


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
