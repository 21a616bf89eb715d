"""A run of isoconfigurational replicas on its way through its frames, and the files it is resumed from.

Every engine keeps the same books (:class:`ReplicaRun`) and draws the same random numbers
(:class:`ReplicaNoise`); what differs is how the replicas are moved. The files of a run:

``<name>.npz``
    the state at the last block: what the engine needs to go on, the step, the random number generators;
``<name>.frame<k>.npz``
    frame k, written once, when it is reached.

A frame written after the last state is written again, with the same numbers, by the resumed run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp.box import DIMENSIONS
from tglassmlp.configuration import Configuration
from tglassmlp.limits import check_whole
from tglassmlp.simulation import checkpoint as checkpoints
from tglassmlp.simulation.dynamics import Trajectory, degrees_of_freedom

__all__ = ["ReplicaNoise", "ReplicaRun", "checked_request", "content_hash", "replica_seed", "replica_starts"]


def replica_seed(seed: int | np.random.SeedSequence, replica: int) -> np.random.SeedSequence:
    """Seed of one replica: the structure's seed with the replica added to its spawn key."""
    parent = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(int(seed))
    return np.random.SeedSequence(entropy=parent.entropy, spawn_key=(*parent.spawn_key, int(replica)))


class ReplicaNoise:
    """Random numbers of one replica: each kind has its own generator, so blocks can be of any length.

    Parameters
    ----------
    seed
        Seed of the replica, :func:`replica_seed`.

    Attributes
    ----------
    velocities
        Generator of the initial velocities.
    normal, gamma
        Generators of the normal and gamma deviates of the stochastic thermostat.
    """

    def __init__(self, seed: np.random.SeedSequence) -> None:
        keys = [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, k)) for k in range(3)]
        self.velocities, self.normal, self.gamma = (np.random.Generator(np.random.PCG64(k)) for k in keys)

    def state(self) -> list[dict[str, Any]]:
        """Where the thermostat's generators are, JSON-like; velocities are only drawn at the start."""
        return [dict(g.bit_generator.state) for g in (self.normal, self.gamma)]

    def restore(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Go on from a saved :meth:`state`."""
        self.normal.bit_generator.state, self.gamma.bit_generator.state = state


def checked_request(steps: ArrayLike, replicas: int) -> tuple[NDArray[np.int64], int]:
    """Frames ``[frame]`` int64 and number of replicas of a request.

    Raises
    ------
    ValueError
        Unless steps are whole numbers that increase strictly from 0 or later and there is a replica.
    """
    frames = np.asarray(steps)
    if frames.ndim != 1 or frames.size == 0 or not np.issubdtype(frames.dtype, np.integer):
        raise ValueError(f"steps must be a list of whole numbers, found {steps!r}")
    if frames[0] < 0 or np.any(np.diff(frames) <= 0):
        raise ValueError(f"steps must increase strictly from 0 or later, found {frames.tolist()}")
    check_whole("replicas", replicas)
    return frames.astype(np.int64), int(replicas)


def replica_starts(
    configuration: Configuration, replicas: int, positions: ArrayLike | None
) -> list[Configuration]:
    """List what replicas start from: the configuration, or their part of ``positions`` ``[replica, N, 2]``.

    Raises
    ------
    ValueError
        If the shape does not fit or a coordinate is not finite.
    """
    if positions is None:
        return [configuration] * replicas
    found = np.asarray(positions, dtype=np.float64)
    shape = (replicas, configuration.n_particles, DIMENSIONS)
    if found.shape != shape:
        raise ValueError(
            f"positions must have shape {list(shape)} [replica, N, {DIMENSIONS}], found {list(found.shape)}"
        )
    return [configuration.with_positions(p) for p in found]


def content_hash(c: Configuration) -> str:
    """SHA-256 of positions and species, for the fingerprint of a run."""
    content = hashlib.sha256(c.positions.tobytes())
    content.update(c.species.tobytes())
    return content.hexdigest()


class ReplicaRun:
    """Frames recorded so far, counters and generators of some replicas, and their restart files.

    Parameters
    ----------
    frames
        ``[frame]`` steps at which a frame is recorded.
    n_particles
        Number of particles N of each replica.
    time_step
        Time between two steps.
    noise
        Random numbers, one per replica.
    fingerprint
        :func:`tglassmlp.provenance.fingerprint` of everything that decides the run's numbers.
    checkpoint
        Path (``.npz``) of the restart file, or None.

    Attributes
    ----------
    displacements
        ``[frame, replica, N, 2]`` float32, unwrapped position minus initial position.
    energies
        ``[frame, 3, replica]`` kinetic, potential and conserved energy of the system.
    reference
        ``[replica]`` conserved energy at the start; the one in ``energies`` counts from it.
    step, done
        Present step and number of frames recorded.
    seconds
        Time spent moving the replicas, in all processes together.
    """

    def __init__(
        self,
        frames: NDArray[np.int64],
        n_particles: int,
        time_step: float,
        noise: Sequence[ReplicaNoise],
        fingerprint: str,
        checkpoint: Path | None,
    ) -> None:
        self.frames, self.n_particles, self.time_step = frames, n_particles, time_step
        self.noise, self.fingerprint, self.checkpoint = list(noise), fingerprint, checkpoint
        shape = (len(frames), len(self.noise), n_particles, DIMENSIONS)
        self.displacements = np.zeros(shape, dtype=np.float32)
        self.energies = np.zeros((len(frames), 3, len(self.noise)))
        self.reference = np.zeros(len(self.noise))
        self.step = self.done = 0
        self.seconds = 0.0

    @property
    def freedom(self) -> float:
        """Degrees of freedom of a replica whose centre of mass is at rest."""
        return degrees_of_freedom(self.n_particles)

    @property
    def finished(self) -> bool:
        """Whether all frames are recorded."""
        return self.done == len(self.frames)

    def record_frame(self, displacements: NDArray, energies: NDArray) -> None:
        """Record the frame of the present step and write it to its file.

        Parameters
        ----------
        displacements
            ``[replica, N, 2]``.
        energies
            ``[3, replica]`` kinetic and potential energy, conserved energy without its reference.

        Raises
        ------
        RuntimeError
            If an energy is not finite.
        """
        self.displacements[self.done], self.energies[self.done] = displacements, energies
        self.energies[self.done, 2] -= self.reference
        if not np.all(np.isfinite(energies)):
            raise RuntimeError(f"energies are not finite at step {self.step}")
        if self.checkpoint is not None:
            frame = {"displacement": self.displacements[self.done], "energies": self.energies[self.done]}
            checkpoints.save(self._frame_file(self.done), frame, {"step": self.step}, self.fingerprint)
        self.done += 1

    def snapshot(self, arrays: Mapping[str, NDArray]) -> tuple[dict[str, NDArray], dict[str, Any]]:
        """State to resume from, for :meth:`write`, now or later: the engine's arrays and the counters."""
        record = {
            "step": self.step,
            "frames_done": self.done,
            "seconds": self.seconds,
            "generators": [noise.state() for noise in self.noise],
        }
        return {**arrays, "reference": self.reference.copy()}, record

    def write(self, snapshot: tuple[dict[str, NDArray], dict[str, Any]]) -> None:
        """Write a :meth:`snapshot` to the restart file, if the run has one."""
        if self.checkpoint is not None:
            checkpoints.save(self.checkpoint, *snapshot, self.fingerprint)

    def resume(self) -> dict[str, NDArray] | None:
        """Take over counters, generators and frames of the restart files.

        Returns
        -------
        dict or None
            The engine's arrays, or None if there is nothing to resume.

        Raises
        ------
        ValueError
            If a file is damaged, missing, or was made by another run. All files are left where they are.
        """
        found = None if self.checkpoint is None else checkpoints.load(self.checkpoint, self.fingerprint)
        if found is None:
            return None
        arrays, record = found
        for k in range(int(record["frames_done"])):
            frame = checkpoints.load(self._frame_file(k), self.fingerprint)
            if frame is None:
                raise ValueError(
                    f"{self._frame_file(k)}: this part of the checkpoint is missing; move away "
                    f"{self.checkpoint} to start this run again from its beginning"
                )
            self.displacements[k], self.energies[k] = frame[0]["displacement"], frame[0]["energies"]
        self.step, self.done = int(record["step"]), int(record["frames_done"])
        self.seconds, self.reference = float(record["seconds"]), arrays.pop("reference")
        for noise, state in zip(self.noise, record["generators"], strict=True):
            noise.restore(state)
        return arrays

    def clean(self) -> None:
        """Remove the restart files."""
        if self.checkpoint is not None:
            checkpoints.remove(self.checkpoint)
            for k in range(len(self.frames)):
                checkpoints.remove(self._frame_file(k))

    def note(self) -> str:
        """Step, temperature and energy of the newest frame, for a progress line."""
        if self.done == 0:
            return ""
        kinetic, potential, _ = self.energies[self.done - 1].mean(axis=1)
        temperature = 2.0 * kinetic / self.freedom
        return f"step {self.step}, T {temperature:.3f}, energy {potential / self.n_particles:.3f}"

    def trajectory(
        self, members: Sequence[int] | None = None, statistics: Mapping[str, float] | None = None
    ) -> Trajectory:
        """Frames of the replicas ``members``, of all of them by default."""
        at = list(range(len(self.noise))) if members is None else list(members)
        n = self.n_particles
        rate = n * len(self.noise) * self.step / max(self.seconds, 1e-9)
        return Trajectory(
            displacements=np.ascontiguousarray(self.displacements[:, at].transpose(1, 0, 2, 3)),
            times=np.asarray(self.frames * self.time_step, dtype=np.float64),
            steps=self.frames,
            kinetic_temperature=2.0 * self.energies[:, 0, at].T / self.freedom,
            potential_energy=self.energies[:, 1, at].T / n,
            conserved_drift=self.energies[:, 2, at].T / n,
            statistics={
                "seconds": self.seconds,
                "particle_steps_per_second": rate,
                **(statistics or {}),
            },
        )

    def _frame_file(self, index: int) -> Path:
        assert self.checkpoint is not None
        return self.checkpoint.with_name(f"{self.checkpoint.stem}.frame{index}.npz")
