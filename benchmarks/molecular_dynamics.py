"""Particle-steps per second of isoconfigurational dynamics, beside a plain Numba loop and LAMMPS.

All numbers are per second of processor time on one core, from the same
configurations. LAMMPS is used if there is an ``lmp`` (or ``lammps``) on the path, or where the variable
``LAMMPS`` points: with its exact potential as a table, and with plain ``lj/cut/opt``, which leaves out the
smoothing and is only there for speed.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np
from benchmarks.scale import MIXTURE, sized
from scipy.spatial import cKDTree

from tglassmlp import KA2D, Configuration, swap_monte_carlo
from tglassmlp.configuration import wrap
from tglassmlp.simulation.dynamics import DynamicsSettings
from tglassmlp.simulation.native.stepper import ReplicaStepper

TIME_STEP = 0.01
COLD, WARM = 0.231, 0.40  # arrested; relaxed after 1 tau
TAU = {COLD: sized(1.0e4, 10.0), WARM: sized(1300.0, 1.3)}
LAMMPS_STEPS = sized(5000, 50)
ARRESTED_STEPS = round(TAU[COLD] / 100 / TIME_STEP)


def equilibrated(temperature: float, sweeps: int) -> Configuration:
    """Swap Monte Carlo from a disordered lattice."""
    rng = np.random.default_rng(1)
    species = rng.permutation(MIXTURE.species())
    side = int(np.ceil(np.sqrt(len(species))))
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)[: len(species)]
    start = Configuration((grid + 0.5) * MIXTURE.box_length / side, species, MIXTURE.box_length)
    melt = swap_monte_carlo(start, 1.0, 200, seed=1, mixture=MIXTURE)[0]
    return swap_monte_carlo(melt, temperature, sized(sweeps, 50), seed=2, mixture=MIXTURE)[0]


class Native:
    """Replicas of one structure, advanced and timed."""

    def __init__(self, c: Configuration, temperature: float, replicas: int, **settings: Any) -> None:
        self.run = ReplicaStepper(c, temperature, replicas, 1, settings=DynamicsSettings(**settings))
        self.work = c.n_particles * replicas
        self.advance(20)

    def advance(self, n_steps: int) -> float:
        """Million particle-steps per second of processor time."""
        began = time.process_time()
        self.run.advance(n_steps)
        return self.work * n_steps / (time.process_time() - began) / 1e6

    def rate(self, n_steps: int, repeats: int = 5) -> float:
        return float(np.median([self.advance(sized(n_steps, 20)) for _ in range(sized(repeats, 1))]))


# -- the plain way: one replica, one Verlet list, float64 --------------------------------------------


@nb.njit
def _plain_forces(x, box, pairs, sigma, epsilon, smoothing, cutoff, kind):
    f = np.zeros_like(x)
    _, c2, c4 = smoothing
    for p in range(pairs.shape[0]):
        i, j = pairs[p]
        dx, dy = x[i, 0] - x[j, 0], x[i, 1] - x[j, 1]
        dx -= box * np.rint(dx / box)
        dy -= box * np.rint(dy / box)
        s2 = sigma[kind[i], kind[j]] ** 2
        u = (dx * dx + dy * dy) / s2
        if u < cutoff * cutoff:
            w = 1.0 / u
            w3 = w * w * w
            g = 8.0 * epsilon[kind[i], kind[j]] / s2 * (w3 * w * (6.0 * w3 - 3.0) - c2 - 2.0 * c4 * u)
            f[i, 0] += g * dx
            f[i, 1] += g * dy
            f[j, 0] -= g * dx
            f[j, 1] -= g * dy
    return f


@nb.njit
def _plain_steps(x, v, reference, box, pairs, sigma, epsilon, smoothing, cutoff, kind, dt, n_steps, skin):
    f = _plain_forces(x, box, pairs, sigma, epsilon, smoothing, cutoff, kind)
    for step in range(n_steps):
        farthest = 0.0
        for i in range(x.shape[0]):
            for c in range(2):
                v[i, c] += 0.5 * dt * f[i, c]
                x[i, c] += dt * v[i, c]
            farthest = max(farthest, (x[i, 0] - reference[i, 0]) ** 2 + (x[i, 1] - reference[i, 1]) ** 2)
        f = _plain_forces(x, box, pairs, sigma, epsilon, smoothing, cutoff, kind)
        for i in range(x.shape[0]):
            for c in range(2):
                v[i, c] += 0.5 * dt * f[i, c]
        if farthest > 0.25 * skin * skin:
            return step + 1
    return n_steps


def plain(c: Configuration, temperature: float, n_steps: int, skin: float = 0.4) -> float:
    """Million particle-steps per second of a single-replica loop without any of our devices."""
    rng = np.random.default_rng(0)
    x, box = c.positions.copy(), c.box_length
    v = np.sqrt(temperature) * rng.standard_normal(x.shape)
    kind = c.species - 1
    sigma, epsilon = KA2D.sigma_matrix, KA2D.epsilon_matrix
    reach = KA2D.cutoff * sigma + skin

    def listed() -> np.ndarray:
        tree = cKDTree(np.mod(wrap(x, box), box) % box, boxsize=box)
        pairs = tree.query_pairs(reach.max(), output_type="ndarray")
        d = x[pairs[:, 0]] - x[pairs[:, 1]]
        d -= box * np.round(d / box)
        keep = (d**2).sum(axis=1) < reach[kind[pairs[:, 0]], kind[pairs[:, 1]]] ** 2
        pairs = pairs[keep]
        return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]

    def advance(n: int) -> float:
        spent = 0.0
        while n > 0:
            pairs, reference = listed(), x.copy()
            began = time.process_time()
            n -= _plain_steps(
                x, v, reference, box, pairs, sigma, epsilon, KA2D.smoothing, KA2D.cutoff, kind, TIME_STEP, n,
                skin,
            )  # fmt: skip
            spent += time.process_time() - began
        return spent  # the list, built by SciPy, is not counted against it

    advance(20)
    n_steps = sized(n_steps, 20)
    return float(np.median([c.n_particles * n_steps / advance(n_steps) / 1e6 for _ in range(3)]))


# -- LAMMPS ------------------------------------------------------------------------------------------


def lammps() -> str | None:
    """Path of a LAMMPS executable, or None."""
    return os.environ.get("LAMMPS") or shutil.which("lmp") or shutil.which("lammps")


def _table(path: Path, points: int = 4000) -> None:
    """Tables of V and -dV/dr of all pairs, from r = 0.5 sigma."""
    c0, c2, c4 = KA2D.smoothing
    with open(path, "w") as file:
        for a in range(KA2D.n_species):
            for b in range(a, KA2D.n_species):
                s, e = KA2D.sigma_matrix[a, b], KA2D.epsilon_matrix[a, b]
                r = np.linspace(0.5 * s, KA2D.cutoff * s, points)
                x = r / s
                energy = 4 * e * (x**-12 - x**-6 + c0 + c2 * x**2 + c4 * x**4)
                force = 4 * e / s * (12 * x**-13 - 6 * x**-7 - 2 * c2 * x - 4 * c4 * x**3)
                file.write(f"PAIR{a + 1}{b + 1}\nN {points} R {r[0]:.15g} {r[-1]:.15g}\n\n")
                rows = zip(range(1, points + 1), r, energy, force, strict=True)
                file.writelines(f"{k} {w:.15g} {x:.15g} {y:.15g}\n" for k, w, x, y in rows)
                file.write("\n")


def lammps_rate(c: Configuration, temperature: float, style: str, n_steps: int) -> float:
    """Million particle-steps per second of processor time in LAMMPS, constant N, V, T, one process."""
    executable = lammps()
    assert executable is not None
    species = range(1, KA2D.n_species + 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _table(folder / "pairs.table")
        x = np.mod(c.wrapped(), c.box_length)
        lines = [
            "KA2D\n", f"{c.n_particles} atoms", f"{KA2D.n_species} atom types", f"0 {c.box_length} xlo xhi",
            f"0 {c.box_length} ylo yhi", "-0.1 0.1 zlo zhi\n", "Masses\n", *(f"{a} 1.0" for a in species),
            "\nAtoms # atomic\n",
            *(f"{k + 1} {c.species[k]} {x[k, 0]:.15g} {x[k, 1]:.15g} 0.0" for k in range(len(x))),
        ]  # fmt: skip
        (folder / "start.data").write_text("\n".join(lines) + "\n")
        pairs = [(a, b) for a in species for b in species if a <= b]
        sigma, epsilon = KA2D.sigma_matrix, KA2D.epsilon_matrix
        if style == "table":
            coefficients = ["pair_style table linear 4000"]
            coefficients += [
                f"pair_coeff {a} {b} pairs.table PAIR{a}{b} {KA2D.cutoff * sigma[a - 1, b - 1]}"
                for a, b in pairs
            ]
        else:
            coefficients = [f"pair_style {style} 2.5"]
            coefficients += [
                f"pair_coeff {a} {b} {epsilon[a - 1, b - 1]} {sigma[a - 1, b - 1]} "
                f"{KA2D.cutoff * sigma[a - 1, b - 1]}"
                for a, b in pairs
            ]
        script = [
            "units lj", "dimension 2", "boundary p p p", "atom_style atomic", "read_data start.data",
            *coefficients, "neighbor 0.3 bin", "neigh_modify every 1 delay 0 check yes",
            f"velocity all create {temperature} 1 mom yes rot no",
            f"fix 1 all nvt temp {temperature} {temperature} 1.0", "fix 2 all enforce2d",
            f"timestep {TIME_STEP}", f"thermo {n_steps}", f"run {n_steps // 5}", f"run {n_steps}",
        ]  # fmt: skip
        (folder / "in.run").write_text("\n".join(script) + "\n")
        done = subprocess.run(
            [executable, "-in", "in.run", "-log", "none"],
            cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    loops = re.findall(r"Loop time of ([0-9.eE+-]+) on", done.stdout)
    shares = re.findall(r"([0-9.]+)% CPU use", done.stdout)
    if done.returncode != 0 or len(loops) != 2:
        raise RuntimeError(f"LAMMPS failed: {done.stdout[-1000:]} {done.stderr[-1000:]}")
    return c.n_particles * n_steps / (float(loops[1]) * float(shares[1]) / 100.0) / 1e6


# -- the table -----------------------------------------------------------------------------------------


def row(
    name: str, value: float, unit: str = "M particle-steps/s", cores: int = 1, **peer: Any
) -> dict[str, Any]:
    ratio = value / peer["peer_value"] if peer.get("peer_value") else None
    return {"name": name, "value": value, "unit": unit, "cores": cores, **peer, "ratio": ratio}


def rows() -> Iterator[dict[str, Any]]:
    cold, warm = equilibrated(COLD, 8000), equilibrated(WARM, 2000)
    arrested = Native(cold, COLD, 16).rate(ARRESTED_STEPS // 5)
    relaxed_run = Native(warm, WARM, 16)
    relaxed_run.advance(round(TAU[WARM] / TIME_STEP))
    relaxed = relaxed_run.rate(2000)
    first, later = (
        f"dynamics, 16 replicas, T = {COLD}, first tau/100",
        f"dynamics, 16 replicas, T = {WARM}, after 1 tau",
    )
    peers = [("plain Numba loop, one replica", lambda c, t: plain(c, t, 2000))]
    if lammps():
        for style in ("table", "lj/cut/opt"):
            peers.append(
                (f"LAMMPS {style}", lambda c, t, style=style: lammps_rate(c, t, style, LAMMPS_STEPS))
            )
    for name, measure in peers:
        yield row(first, arrested, peer=name, peer_value=measure(cold, COLD))
        yield row(later, relaxed, peer=name, peer_value=measure(warm, WARM))
    yield row("the same, 8 replicas, arrested", Native(cold, COLD, 8).rate(2000))
    yield row(
        "the same in double precision, 8 replicas, arrested",
        Native(cold, COLD, 8, precision="double").rate(1000),
    )
    # in turn, so that both meet the same machine; long enough to hold several lists
    large = cold.tiled(sized(8, 2))
    two = Native(cold, COLD, 16), Native(large, COLD, 16)
    lengths = sized((3000, 160), (20, 10))
    rates = np.array(
        [[run.advance(n) for run, n in zip(two, lengths, strict=True)] for _ in range(sized(8, 1))]
    )
    each, of_large = 1.0 / np.mean(1.0 / rates, axis=0)
    yield row(
        f"dynamics, 16 replicas, N = {large.n_particles}, arrested", of_large,
        peer=f"N = {cold.n_particles}, in turn", peer_value=each,
    )  # fmt: skip
    del two, large
    yield row(
        "peak memory of all of the above", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB"
    )
