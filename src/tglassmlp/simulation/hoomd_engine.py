r"""HOOMD-blue as an engine: replicas stacked as planes of one three-dimensional simulation.

One system of about a thousand particles cannot fill a GPU. All replicas (of all structures of a chunk) are
therefore laid into one periodic box as planes z = const, further apart than the interaction range and the
neighbour list's buffer, so that they never meet. Forces along z are exactly zero, hence z and v_z stay
exactly what they were, bit for bit; this is asserted at every frame.

The pair potential is exact: the Lennard-Jones term is ``hoomd.md.pair.LJ``, the smoothing polynomial is a Mie
potential with exponents n = -2 and m = -4,

.. math::

    \frac{n}{n-m} \Big(\frac{n}{m}\Big)^{\frac{m}{n-m}} \epsilon' \Big[ \Big(\frac{r}{\sigma'}\Big)^2
      - \Big(\frac{r}{\sigma'}\Big)^4 \Big]
    = 4 \epsilon \Big[ C_2 \Big(\frac{r}{\sigma}\Big)^2 + C_4 \Big(\frac{r}{\sigma}\Big)^4 \Big],
    \qquad \sigma'^2 = -\frac{C_2}{C_4} \sigma^2, \quad \epsilon' = \frac{C_2^2}{C_4} \epsilon ,

and the constant C_0 follows from shifting both terms to zero at the cut-off. A table
(``potential="table"``) is the faster alternative on a CPU.

HOOMD-blue integrates at constant energy (velocity Verlet); velocities, thermostats and their random numbers
are ours, replica by replica, and those of the native engine: the same seed gives the same velocities. Runs
repeat bit for bit on one kind of CPU, also after an interruption, but a replica's last digits, and hence
after a while its path, depend on the planes it shares a simulation with.

Versions 4 and later of HOOMD-blue are used through calls that did not change since 4.0.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import hoomd
import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration, wrap
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.provenance import fingerprint, stage_version
from tglassmlp.simulation import checkpoint as checkpoints
from tglassmlp.simulation import kernels
from tglassmlp.simulation.engine import Trajectory
from tglassmlp.simulation.molecular_dynamics import DynamicsSettings, _Noise, replica_seed
from tglassmlp.simulation.swap_monte_carlo import Chain

__all__ = [
    "ENGINE",
    "HoomdEngine",
    "Interrupted",
    "Machine",
    "forces_and_energies",
    "hybrid_swap",
    "inherent_structures",
]

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
#: Particle-steps between two states a run can be resumed from, on a CPU and on a GPU.
BLOCK_WORK: Final[dict[str, float]] = {"cpu": 2e7, "gpu": 3e9}
#: Seconds before the end of the job's time at which a run stops and saves itself.
WALL_MARGIN: Final = 60.0
#: Share of exchanges when no displacement may be tried: the largest number below 1.
SWAPS_ONLY: Final = float(np.nextafter(1.0, 0.0))

_STARTED: Final = time.time()
_DEFAULTS: Final = DynamicsSettings()


class Interrupted(RuntimeError):
    """A run stopped on request (SIGTERM, end of the job's time) after saving its state."""


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
    c0, c2, c4 = mixture.smoothing
    pairs = [(a, b) for a in range(mixture.n_species) for b in range(a, mixture.n_species)]
    if potential == "table":
        table = hoomd.md.pair.Table(nlist=nlist)
        for a, b in pairs:
            s, e = float(mixture.sigma_matrix[a, b]), float(mixture.epsilon_matrix[a, b])
            x = np.linspace(TABLE_START, mixture.cutoff, TABLE_POINTS, endpoint=False)
            key = (str(a + 1), str(b + 1))
            table.params[key] = {
                "r_min": TABLE_START * s,
                "U": 4 * e * (x**-12 - x**-6 + c0 + c2 * x**2 + c4 * x**4),
                "F": 4 * e / s * (12 * x**-13 - 6 * x**-7 - 2 * c2 * x - 4 * c4 * x**3),
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
        polynomial.params[key] = {
            "epsilon": e * c2 * c2 / c4,
            "sigma": s * math.sqrt(-c2 / c4),
            "n": -2.0,
            "m": -4.0,
        }
        lj.r_cut[key] = polynomial.r_cut[key] = mixture.cutoff * s
    return [lj, polynomial]


class _Stack:
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


def _check(configurations: Sequence[Configuration], mixture: Mixture, machine: Machine) -> None:
    """Raise ValueError for configurations that cannot share a simulation."""
    first = configurations[0]
    for c in configurations:
        c.check_mixture(mixture.n_species, mixture.largest_cutoff + machine.buffer)
        kernels.check_overlaps(c, mixture)
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


class _Thermostat(hoomd.custom.Action):
    """Rescales the velocities of every plane on its own; on the way asks whether the run should stop."""

    def __init__(
        self,
        stack: _Stack,
        temperature: float,
        settings: DynamicsSettings,
        noise: Sequence[_Noise],
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
        stack.simulation.operations.updaters.append(
            hoomd.update.CustomUpdater(
                action=self, trigger=hoomd.trigger.Periodic(int(settings.thermostat_interval))
            )
        )

    def act(self, timestep: int) -> None:
        self.look(timestep)
        if self.settings.thermostat == "none":
            return
        stack, xp = self.stack, self.xp
        with getattr(stack.simulation.state, self.local) as local:
            velocity = xp.asarray(local.particles.velocity).reshape(stack.planes, stack.n_particles, 3)
            kinetic = 0.5 * (velocity[..., :2] ** 2).sum(axis=(1, 2))
            energies = kinetic if xp is np else xp.asnumpy(kinetic)
            if not np.all((energies > 0.0) & (energies < 10.0 * self.target)):
                raise RuntimeError(
                    f"the kinetic temperature of a replica left (0, 10) x {self.temperature} near step "
                    f"{timestep}: the integration has failed (time step too large, or a start far from "
                    "equilibrium)"
                )
            factor = self._factor(energies)
            velocity[..., :2] *= xp.asarray(factor)[:, None, None]
        self.work += energies * (factor * factor - 1.0)

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


def _maxwell(noise: Sequence[_Noise], temperature: float, n_particles: int) -> NDArray[np.float64]:
    """Maxwell velocities of zero total momentum ``[plane, particle, 2]``, as the native engine draws them."""
    drawn = np.stack([n.velocities.standard_normal((n_particles, 2)) for n in noise])
    velocities = math.sqrt(temperature) * drawn
    return velocities - velocities.mean(axis=1, keepdims=True)


# --------------------------------------------------------------------------------------------------
# Trajectories
# --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plane:
    """One replica of one structure."""

    structure: int
    replica: int
    configuration: Configuration
    seed: np.random.SeedSequence


class _Run:
    """One simulation on its way through the frames."""

    def __init__(
        self,
        planes: Sequence[_Plane],
        temperature: float,
        frames: NDArray[np.int64],
        mixture: Mixture,
        settings: DynamicsSettings,
        machine: Machine,
        checkpoint: Path | None,
    ) -> None:
        self.planes, self.temperature, self.frames = list(planes), float(temperature), frames
        self.mixture, self.settings, self.machine = mixture, settings, machine
        self.checkpoint = checkpoint
        first = planes[0].configuration
        n = first.n_particles
        self.n_particles, self.box_length = n, first.box_length
        self.freedom = 2.0 * n - 2.0
        self.species = np.stack([p.configuration.species for p in planes])
        self.start = np.stack([p.configuration.wrapped() for p in planes])
        self.noise = [_Noise(p.seed) for p in planes]
        count = len(planes)
        self.reference = np.zeros(count)
        self.displacements = np.zeros((len(frames), count, n, 2), dtype=np.float32)
        #: kinetic, potential and conserved energy per frame and plane
        self.energies = np.zeros((len(frames), 3, count))
        self.step = self.done = 0
        self.seconds = 0.0
        self.block = max(1, round(BLOCK_WORK[machine.device] / (n * count)))
        self.saved: tuple[dict[str, NDArray], dict[str, Any]] | None = None
        self.stop = ""
        self.fingerprint = self._identity()

    def _identity(self) -> str:
        settings = asdict(self.settings)
        for name in ("skin", "block_seconds", "precision"):
            settings.pop(name, None)
        planes = []
        for p in self.planes:
            content = hashlib.sha256(p.configuration.positions.tobytes())
            content.update(p.configuration.species.tobytes())
            planes.append(
                [content.hexdigest(), p.replica, str(p.seed.entropy), list(map(int, p.seed.spawn_key))]
            )
        return fingerprint(
            {
                "planes": planes,
                "box_length": self.box_length,
                "temperature": self.temperature,
                "frames": self.frames.tolist(),
                "mixture": asdict(self.mixture),
                "settings": settings,
                "engine": "hoomd",
                "potential": self.machine.potential,
                "stage_version": stage_version("dynamics"),
            }
        )

    # -- restart files ------------------------------------------------------------------------------

    def _frame_file(self, index: int) -> Path:
        assert self.checkpoint is not None
        return self.checkpoint.with_name(f"{self.checkpoint.stem}.frame{index}.npz")

    def _remember(self, arrays: tuple[NDArray, NDArray, NDArray]) -> None:
        """Keep the present state, from which the run can go on."""
        thermostat = self.thermostat
        names = ("position", "velocity", "image")
        self.saved = (
            {
                **dict(zip(names, arrays, strict=True)),
                "friction": thermostat.friction.copy(),
                "work": thermostat.work.copy(),
                "reference": self.reference.copy(),
            },
            {
                "step": self.step,
                "frames_done": self.done,
                "seconds": self.seconds,
                "generators": [noise.state() for noise in self.noise],
            },
        )

    def _save(self) -> None:
        if self.checkpoint is not None and self.saved is not None:
            checkpoints.save(self.checkpoint, *self.saved, self.fingerprint)

    def _resume(self) -> dict[str, NDArray] | None:
        if self.checkpoint is None:
            return None
        found = checkpoints.load(self.checkpoint, self.fingerprint)
        if found is None:
            return None
        arrays, record = found
        for k in range(int(record["frames_done"])):
            frame = checkpoints.load(self._frame_file(k), self.fingerprint)
            if frame is None:
                raise ValueError(
                    f"{self._frame_file(k)}: this part of the checkpoint is missing; move or delete "
                    f"{self.checkpoint} to start this run again from its beginning"
                )
            self.displacements[k], self.energies[k] = frame[0]["displacement"], frame[0]["energies"]
        self.step, self.done = int(record["step"]), int(record["frames_done"])
        self.seconds = float(record["seconds"])
        self.reference = arrays["reference"]
        for noise, state in zip(self.noise, record["generators"], strict=True):
            noise.restore(state)
        return arrays

    def clean(self) -> None:
        """Remove the restart files."""
        if self.checkpoint is not None:
            checkpoints.remove(self.checkpoint)
            for k in range(len(self.frames)):
                checkpoints.remove(self._frame_file(k))

    # -- running ------------------------------------------------------------------------------------

    def _look(self, timestep: int) -> None:
        """Stop if a signal came or the job's time is nearly over.

        Raises
        ------
        Interrupted
            After which the state of the last block is saved.
        """
        end = self.machine.end
        if (
            not self.stop
            and end is not None
            and self.checkpoint is not None
            and time.time() > end - WALL_MARGIN
        ):
            self.stop = "the job's time is nearly over"
        if self.stop:
            raise Interrupted(f"stopped at step {timestep} of {self.frames[-1]}: {self.stop}")

    def _measure(self, position: NDArray, velocity: NDArray) -> NDArray:
        """Kinetic, potential, and conserved energy without its reference ``[3, plane]``."""
        kinetic = 0.5 * (velocity**2).sum(axis=(1, 2))
        potential = np.array(
            [
                kernels.total_energy(
                    Configuration(position[p], self.species[p], self.box_length), self.mixture
                )
                for p in range(len(self.planes))
            ]
        )
        return np.stack([kinetic, potential, kinetic + potential])

    def _record(self, arrays: tuple[NDArray, NDArray, NDArray]) -> None:
        """Store the frame at the present step."""
        position, velocity, image = arrays
        self.displacements[self.done] = position - self.start + image * self.box_length
        self.energies[self.done] = self._measure(position, velocity)
        self.energies[self.done, 2] -= self.thermostat.work + self.reference
        if not np.all(np.isfinite(self.energies[self.done])):
            raise RuntimeError(f"energies are not finite at step {self.step}")
        if self.checkpoint is not None:
            checkpoints.save(
                self._frame_file(self.done),
                {"displacement": self.displacements[self.done], "energies": self.energies[self.done]},
                {"step": self.step},
                self.fingerprint,
            )
        self.done += 1

    def _note(self) -> str:
        if self.done == 0:
            return ""
        kinetic, potential, _ = self.energies[self.done - 1].mean(axis=1)
        temperature = 2 * kinetic / self.freedom
        return f"step {self.step}, T {temperature:.3f}, energy {potential / self.n_particles:.3f}"

    def complete(self, progress: Callable[[float, str], None] | None) -> None:
        """Run to the last frame, from the checkpoint if there is one.

        Raises
        ------
        Interrupted
            On SIGTERM or near the end of the job's time; the message says where the state is.
        """
        size = self.n_particles * len(self.planes)
        found = self._resume()
        if found is not None and progress is not None:
            progress(float(size * self.step), "resumed")
        if self.done == len(self.frames):
            return
        if found is None:
            velocity = _maxwell(self.noise, self.temperature, self.n_particles)
            arrays = (self.start, velocity, np.zeros(self.start.shape, dtype=np.int32))
            self.reference = self._measure(self.start, velocity)[2]
        else:
            arrays = (found["position"], found["velocity"], found["image"])
        integrator = hoomd.md.Integrator(dt=self.settings.time_step)
        stack = _Stack(
            self.start, self.species, self.box_length, self.mixture, self.machine, integrator, self.step
        )
        stack.set(*arrays)
        self.thermostat = _Thermostat(stack, self.temperature, self.settings, self.noise, self._look)
        if found is not None:
            self.thermostat.friction, self.thermostat.work = found["friction"], found["work"]
        self._remember(arrays)
        written = time.monotonic()
        try:
            with self._listening():
                if self.frames[self.done] == self.step:
                    self._record(arrays)
                while self.done < len(self.frames):
                    stop = min(int(self.frames[self.done]), (self.step // self.block + 1) * self.block)
                    moved, began = stop - self.step, time.monotonic()
                    self.thermostat.run(moved)
                    self.seconds += time.monotonic() - began
                    self.step = stop
                    if progress is not None:
                        progress(float(size * moved), self._note())
                    arrays = stack.get()
                    if stop == self.frames[self.done]:
                        self._record(arrays)
                    if stop % self.block == 0:
                        # what is resumed here begins with a new list and new forces, so this does too
                        stack.set(*arrays)
                        self._remember(arrays)
                        if time.monotonic() - written >= self.settings.block_seconds:
                            self._save()
                            written = time.monotonic()
        except (Interrupted, KeyboardInterrupt) as stopped:
            if self.checkpoint is None or self.saved is None:
                raise
            self._save()
            if isinstance(stopped, KeyboardInterrupt):
                raise
            raise Interrupted(
                f"{stopped}; the state at step {self.saved[1]['step']} is in {self.checkpoint}, "
                "the same command goes on from there"
            ) from None
        self._remember(arrays)
        self._save()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Turn SIGTERM into a stop at the next step the thermostat acts at."""
        if threading.current_thread() is not threading.main_thread() or self.checkpoint is None:
            yield
            return

        def noted(number: int, frame: Any) -> None:
            self.stop = signal.Signals(number).name

        before = signal.signal(signal.SIGTERM, noted)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def trajectory(self, members: Sequence[int]) -> Trajectory:
        """Frames of some of the planes."""
        n, at = self.n_particles, list(members)
        return Trajectory(
            displacements=np.ascontiguousarray(self.displacements[:, at].transpose(1, 0, 2, 3)),
            times=np.asarray(self.frames * self.settings.time_step, dtype=np.float64),
            steps=self.frames,
            kinetic_temperature=2.0 * self.energies[:, 0, at].T / self.freedom,
            potential_energy=self.energies[:, 1, at].T / n,
            conserved_drift=self.energies[:, 2, at].T / n,
            statistics={
                "seconds": self.seconds,
                "particle_steps_per_second": n * len(self.planes) * self.step / max(self.seconds, 1e-9),
                "planes": float(len(self.planes)),
            },
        )


class HoomdEngine:
    """HOOMD-blue on CPU or GPU, with replicas as planes of one simulation.

    Parameters
    ----------
    machine
        Device, planes per simulation, form of the potential, end of the job; from the environment
        (:meth:`Machine.from_environment`) when a run starts if it is None.

    Examples
    --------
    >>> import tglassmlp as tg  # doctest: +SKIP
    >>> tg.isoconfigurational_dynamics(c, 0.5, [0.0, 1.0], 8, seed=1, engine="hoomd")  # doctest: +SKIP
    """

    name = "hoomd"

    def __init__(self, machine: Machine | None = None) -> None:
        self.machine = machine

    def trajectory(
        self,
        configuration: Configuration,
        temperature: float,
        steps: Sequence[int] | NDArray[np.int64],
        replicas: int,
        seed: np.random.SeedSequence,
        *,
        mixture: Mixture = KA2D,
        settings: DynamicsSettings = _DEFAULTS,
        checkpoint: Path | None = None,
        progress: Callable[[float, str], None] | None = None,
        threads: int = 1,
        keep_checkpoint: bool = False,
    ) -> Trajectory:
        """Run all replicas of one structure; as for the native engine.

        ``settings.precision`` and ``settings.skin`` have no meaning here: HOOMD-blue computes in double
        precision. ``threads`` is not used.
        """
        return self._all(
            [configuration], temperature, steps, replicas, [seed], mixture, settings,
            None if checkpoint is None else Path(checkpoint), progress, keep_checkpoint,
        )[0]  # fmt: skip

    def run_structures(
        self,
        configurations: Sequence[Configuration],
        numbers: Sequence[int],
        temperature: float,
        steps: Sequence[int] | NDArray[np.int64],
        replicas: int,
        seeds: Sequence[np.random.SeedSequence],
        *,
        mixture: Mixture = KA2D,
        settings: DynamicsSettings = _DEFAULTS,
        state: str | Path | None = None,
        progress: Callable[[float, str], None] | None = None,
        threads: int = 1,
    ) -> list[Trajectory]:
        """Run the replicas of several structures, as many of them in one simulation as fit.

        Parameters are those of :func:`tglassmlp.simulation.molecular_dynamics.run_structures`.

        Raises
        ------
        ValueError
            For unusable input, or a damaged or foreign checkpoint.
        RuntimeError
            If the integration fails or a particle leaves its plane.
        Interrupted
            On SIGTERM or near the end of the job's time, with the state saved.
        """
        checkpoint = None if state is None else Path(state) / f"structures{numbers[0]}to{numbers[-1]}.npz"
        try:
            return self._all(
                configurations, temperature, steps, replicas, seeds, mixture, settings, checkpoint, progress,
                keep_checkpoint=True,
            )  # fmt: skip
        except (ValueError, RuntimeError) as error:
            raise type(error)(f"T = {temperature:g}, structures {list(numbers)}: {error}") from error

    def _all(
        self,
        configurations: Sequence[Configuration],
        temperature: float,
        steps: Sequence[int] | NDArray[np.int64],
        replicas: int,
        seeds: Sequence[np.random.SeedSequence],
        mixture: Mixture,
        settings: DynamicsSettings,
        checkpoint: Path | None,
        progress: Callable[[float, str], None] | None,
        keep_checkpoint: bool,
    ) -> list[Trajectory]:
        frames = np.asarray(steps)
        if frames.ndim != 1 or frames.size == 0 or not np.issubdtype(frames.dtype, np.integer):
            raise ValueError(f"steps must be a list of whole numbers, found {steps}")
        if frames[0] < 0 or np.any(np.diff(frames) <= 0):
            raise ValueError(f"steps must increase strictly from 0 or later, found {frames.tolist()}")
        if int(replicas) != replicas or replicas < 1:
            raise ValueError(f"replicas must be a whole number of at least 1, found {replicas}")
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature must be a positive number, found {temperature}")
        machine = (self.machine or Machine.from_environment()).resolved()
        first = configurations[0]
        _check(configurations, mixture, machine)
        if first.n_particles < 2:
            raise ValueError("dynamics at zero total momentum needs at least 2 particles, found 1")
        planes = [
            _Plane(s, r, c, replica_seed(seed, r))
            for s, (c, seed) in enumerate(zip(configurations, seeds, strict=True))
            for r in range(int(replicas))
        ]
        most = machine.planes_per_simulation(first.n_particles, int(replicas))
        parts: list[list[Trajectory]] = [[] for _ in configurations]
        runs = []
        for k, begin in enumerate(range(0, len(planes), most)):
            members = planes[begin : begin + most]
            run = _Run(
                members, temperature, frames.astype(np.int64), mixture, settings, machine,
                None if checkpoint is None else checkpoint.with_name(f"{checkpoint.stem}.stack{k}.npz"),
            )  # fmt: skip
            run.complete(progress)
            runs.append(run)
            for s in sorted({p.structure for p in members}):
                parts[s].append(run.trajectory([i for i, p in enumerate(members) if p.structure == s]))
        if not keep_checkpoint:
            for run in runs:
                run.clean()
        return [_joined(p) for p in parts]


def _joined(parts: Sequence[Trajectory]) -> Trajectory:
    """One trajectory from those of some of its replicas each."""
    if len(parts) == 1:
        return parts[0]
    seconds = sum(p.statistics["seconds"] for p in parts)
    rates = [p.statistics["particle_steps_per_second"] for p in parts]
    return Trajectory(
        np.concatenate([p.displacements for p in parts]),
        parts[0].times,
        parts[0].steps,
        np.concatenate([p.kinetic_temperature for p in parts]),
        np.concatenate([p.potential_energy for p in parts]),
        np.concatenate([p.conserved_drift for p in parts]),
        {
            "seconds": seconds,
            "particle_steps_per_second": float(np.mean(rates)),
            "planes": parts[0].statistics["planes"],
        },
    )


ENGINE: Final = HoomdEngine()


# --------------------------------------------------------------------------------------------------
# Forces, minimisation, hybrid swap Monte Carlo: all configurations at once
# --------------------------------------------------------------------------------------------------


def _stacked(
    configurations: Sequence[Configuration],
    mixture: Mixture,
    machine: Machine,
    integrator: Any,
    shift: bool,
) -> _Stack:
    """Stack configurations at rest."""
    _check(configurations, mixture, machine)
    start = np.stack([c.wrapped() for c in configurations])
    species = np.stack([c.species for c in configurations])
    stack = _Stack(start, species, configurations[0].box_length, mixture, machine, integrator, shift=shift)
    stack.set(start, np.zeros_like(start), np.zeros(start.shape, dtype=np.int32))
    return stack


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
    stack = _stacked(configurations, mixture, machine, hoomd.md.Integrator(dt=0.001), shift=True)
    stack.simulation.run(0)
    return stack.force_arrays()


def inherent_structures(
    configurations: Sequence[Configuration],
    *,
    force_tolerance: float = 1e-6,
    maximum_steps: int = 200_000,
    mixture: Mixture = KA2D,
    machine: Machine | None = None,
) -> list[Configuration]:
    """Inherent structures of several configurations at once, by the FIRE minimiser of HOOMD-blue.

    FIRE steers its step and damping by the power of all planes together, so that the path to a minimum (not
    the minimum's quality) depends on the planes beside it.

    Parameters
    ----------
    configurations
        Configurations with equal boxes and numbers of particles.
    force_tolerance
        Largest force on any particle of the result.
    maximum_steps
        Steps after which the search is given up.
    mixture, machine
        Pair potential; device and form of the potential.

    Returns
    -------
    list of Configuration
        Positions unwrapped, continuing those given.

    Raises
    ------
    RuntimeError
        If a configuration has not reached the tolerance.
    """
    machine = (machine or Machine.from_environment()).resolved()
    tiny = 1e-3 * force_tolerance
    fire = hoomd.md.minimize.FIRE(dt=0.02, force_tol=tiny, angmom_tol=1.0, energy_tol=1e-300)
    stack = _stacked(configurations, mixture, machine, fire, shift=True)
    start = np.stack([c.wrapped() for c in configurations])
    done, largest = 0, np.full(len(configurations), np.inf)
    while done < maximum_steps:
        stack.simulation.run(min(500, maximum_steps - done))
        done += 500
        largest = np.sqrt((stack.force_arrays()[0] ** 2).sum(axis=-1)).max(axis=1)
        if np.all(largest < force_tolerance):
            position, _, image = stack.get()
            moved = position - start + image * configurations[0].box_length
            return [c.with_positions(c.positions + moved[p]) for p, c in enumerate(configurations)]
    worst = int(np.argmax(largest))
    raise RuntimeError(
        f"configuration {worst}: largest force {largest[worst]:.3g} after {done} steps, "
        f"asked for {force_tolerance:g}"
    )


def hybrid_swap(
    configurations: Sequence[Configuration],
    temperature: float,
    blocks: int,
    seeds: Sequence[np.random.SeedSequence],
    *,
    md_steps: int = 100,
    swap_sweeps: int = 1,
    mixture: Mixture = KA2D,
    settings: DynamicsSettings = _DEFAULTS,
    machine: Machine | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> tuple[list[Configuration], dict[str, NDArray[np.float64]]]:
    """Hybrid swap Monte Carlo and molecular dynamics of several configurations at once.

    Blocks of molecular dynamics alternate with blocks of attempts to exchange the species of two particles
    (the compiled kernel of :mod:`~tglassmlp.simulation.swap_monte_carlo`, one chain per configuration).
    Scheme: L. Berthier et al., J. Stat. Mech. 064004 (2019). Exchanges happen between two calls of
    HOOMD-blue, not inside one: forces and neighbour lists are made for the species of their particles and
    have to be renewed.

    Parameters
    ----------
    configurations
        Configurations with equal boxes and numbers of particles.
    temperature
        Temperature of thermostat and exchanges.
    blocks
        Number of blocks of dynamics, each followed by a block of exchanges.
    seeds
        One seed per configuration.
    md_steps
        Time steps per block.
    swap_sweeps
        Attempted exchanges per block and particle.
    mixture, settings, machine
        Pair potential; integration; device.
    progress
        Called with the particle-steps done since the last call and a note.

    Returns
    -------
    tuple
        Final configurations (unwrapped, particles in their order, species changed) and a record: ``energy``
        ``[block, configuration]`` per particle after the exchanges, ``swap_acceptance`` likewise.

    Raises
    ------
    ValueError
        For unusable input.
    RuntimeError
        If the integration fails or a particle leaves its plane.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be a positive number, found {temperature}")
    for name, value in (("blocks", blocks), ("md_steps", md_steps), ("swap_sweeps", swap_sweeps)):
        if int(value) != value or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, found {value}")
    machine = (machine or Machine.from_environment()).resolved()
    integrator = hoomd.md.Integrator(dt=settings.time_step)
    stack = _stacked(configurations, mixture, machine, integrator, shift=False)
    noise = [_Noise(seed) for seed in seeds]
    count, n, box = stack.planes, stack.n_particles, stack.box_length
    start = np.stack([c.wrapped() for c in configurations])
    thermostat = _Thermostat(stack, temperature, settings, noise)
    stack.set(start, _maxwell(noise, temperature, n), np.zeros(start.shape, dtype=np.int32))
    energy, acceptance = np.zeros((2, blocks, count))
    for block in range(blocks):
        thermostat.run(md_steps)
        position, velocity, image = stack.get()
        for p, seed in enumerate(seeds):
            # key 3: 0 to 2 are the velocities and the thermostat's numbers
            key = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 3, block))
            present = Configuration(position[p], stack.species[p], box)
            chain = Chain(present, temperature, key, mixture, swap_fraction=SWAPS_ONLY)
            chain.run(swap_sweeps)
            stack.species[p] = chain.configuration().species
            energy[block, p] = chain.energy
            acceptance[block, p] = chain.counters[3] / max(1, chain.counters[2])
        stack.set(position, velocity, image)
        if progress is not None:
            progress(float(count * n * md_steps), f"block {block + 1}, energy {energy[block].mean():.3f}")
    moved = position - start + image * box
    final = [
        Configuration(c.positions + moved[p], stack.species[p], box) for p, c in enumerate(configurations)
    ]
    return final, {"energy": energy, "swap_acceptance": acceptance}
