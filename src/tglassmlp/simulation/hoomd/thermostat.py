"""The thermostats of :mod:`tglassmlp.simulation.thermostats` as an action of HOOMD-blue, plane by plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import hoomd
import numpy as np
from numpy.typing import NDArray

from tglassmlp.simulation import thermostats
from tglassmlp.simulation.dynamics import DynamicsSettings, degrees_of_freedom
from tglassmlp.simulation.hoomd.machine import Machine
from tglassmlp.simulation.hoomd.planes import Stack
from tglassmlp.simulation.replica_run import ReplicaNoise

__all__ = ["Thermostat"]


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
        self.freedom = degrees_of_freedom(stack.n_particles)
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
            if not np.all((energies > 0.0) & (energies < thermostats.HOTTEST * self.target)):
                raise thermostats.explosion(self.temperature, timestep)
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
        factor: NDArray[np.float64]
        if settings.thermostat == "nose_hoover":
            factor, self.friction = thermostats.nose_hoover(
                kinetic, self.target, elapsed, rate, self.friction
            )
            return factor
        normal, gamma = self.normal[:, self.used], self.gamma[:, self.used]
        self.used += 1
        keep = thermostats.kept(elapsed, rate)
        factor = thermostats.bussi(kinetic, self.target, self.freedom, keep, normal, gamma)
        return factor

    def run(self, n_steps: int) -> None:
        """Move all planes by ``n_steps``; the random numbers of the way are drawn before it begins."""
        if self.settings.thermostat == "bussi":
            first, every = self.stack.simulation.timestep, self.settings.thermostat_interval
            count = thermostats.applications(first, n_steps, every)
            self.normal, self.gamma = thermostats.deviates(self.noise, count, self.freedom)
            self.used = 0
        self.stack.simulation.run(n_steps)
