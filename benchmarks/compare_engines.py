"""Compare the HOOMD-blue engine with the native one and draw the deviations (the figure of docs/engines.md).

    python benchmarks/compare_engines.py structures.gsd --temperature 0.40 --time 100 --replicas 6 \
        --state /tmp/compare --figure docs/engines.png

Both engines run the same structures with independent velocities; every deviation is divided by its
standard error, which comes from the spread of the replicas. ``structures.gsd`` holds equilibrium
configurations of that temperature (any ``results/<run>/unit/structures/T0.40/chunk0.gsd``). An interrupted
run goes on when repeated.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tglassmlp.configuration import Configuration
from tglassmlp.dynamics.bond_breaking import bond_breaking
from tglassmlp.mixture import KA2D
from tglassmlp.progress import Progress
from tglassmlp.simulation.dynamics import DEFAULT_SETTINGS, Trajectory, log_spaced_steps
from tglassmlp.simulation.energies import forces, potential_energies
from tglassmlp.simulation.protocols import DynamicsRequest
from tglassmlp.simulation.run import run_structures
from tglassmlp.storage import read_configurations

PAIRS = [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)]
BINS = np.linspace(0.7, 5.0, 44)
ENGINES = ("native", "hoomd")


def pair_distances(positions: NDArray, c: Configuration) -> NDArray:
    """Pair correlation functions ``[pair, bin]`` of one set of positions."""
    tree = cKDTree(np.mod(positions, c.box_length) % c.box_length, boxsize=c.box_length)
    found = tree.query_pairs(BINS[-1], output_type="ndarray")
    d = positions[found[:, 0]] - positions[found[:, 1]]
    r = np.sqrt(((d - c.box_length * np.round(d / c.box_length)) ** 2).sum(axis=1))
    kinds = np.sort(c.species[found], axis=1)
    ring = np.pi * np.diff(BINS**2) / c.box_length**2
    g = []
    for a, b in PAIRS:
        count = np.histogram(r[(kinds == (a, b)).all(axis=1)], BINS)[0]
        na, nb = (c.species == a).sum(), (c.species == b).sum()
        g.append(count / (ring * (na * (na - 1) / 2 if a == b else na * nb)))
    return np.array(g)


def observables(c: Configuration, run: Trajectory) -> dict[str, NDArray]:
    """Observables of every replica, first axis replica."""
    later = c.positions + run.displacements.astype(np.float64)
    central = c.species == 1
    replicas = len(later)
    bonds = np.array(
        [
            [
                bond_breaking(c.positions, later[r, k][None], c.box_length, c.species)[0, central].mean()
                for k in range(len(run.steps))
            ]
            for r in range(replicas)
        ]
    )
    g = np.array([pair_distances(later[r, -1], c) for r in range(replicas)])
    return {
        "c_b": bonds,
        "energy": run.potential_energy,
        "temperature": run.kinetic_temperature,
        "square": (run.displacements.astype(np.float64) ** 2).sum(axis=-1).mean(axis=-1),
        "g": g,
    }


def mean_and_error(parts: list[NDArray]) -> tuple[NDArray, NDArray]:
    """Mean over structures of the mean over replicas, and its standard error from the replicas."""
    mean = np.mean([p.mean(axis=0) for p in parts], axis=0)
    variance = np.sum([p.var(axis=0, ddof=1) / len(p) for p in parts], axis=0) / len(parts) ** 2
    return mean, np.sqrt(variance)


def main() -> None:
    """Run, print a table, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("structures", type=Path)
    parser.add_argument("--temperature", type=float, default=0.40)
    parser.add_argument("--time", type=float, default=100.0)
    parser.add_argument("--replicas", type=int, default=6)
    parser.add_argument("--state", type=Path, default=None)
    parser.add_argument("--figure", type=Path, default=None)
    arguments = parser.parse_args()
    if importlib.util.find_spec("hoomd") is None:
        raise SystemExit("skipped: HOOMD-blue is not installed, docs/engines.md says how to get it")
    from tglassmlp.simulation.hoomd.planes import forces_and_energies

    structures = read_configurations(arguments.structures)
    steps = log_spaced_steps(arguments.time, DEFAULT_SETTINGS.time_step)

    f, e = forces_and_energies(structures)
    native_f = np.array([forces(c) for c in structures])
    native_e = np.array([potential_energies(c) for c in structures])
    print(f"largest force {np.abs(native_f).max():.3g}, difference {np.abs(f[..., :2] - native_f).max():.2e}")
    print(f"largest difference of a particle's energy {np.abs(e - native_e).max():.2e}")
    print(f"largest force along z {np.abs(f[..., 2]).max()}")

    parts: dict[str, list[dict[str, NDArray]]] = {}
    for k, engine in enumerate(ENGINES):
        total = sum(c.n_particles for c in structures) * arguments.replicas * float(steps[-1])
        progress = Progress(engine, total, "particle-steps")
        seeds = [np.random.SeedSequence(2023, spawn_key=(k, s)) for s in range(len(structures))]
        state = None if arguments.state is None else arguments.state / engine
        request = DynamicsRequest(structures, seeds, arguments.temperature, steps, arguments.replicas, KA2D)
        runs = run_structures(request, engine=engine, state=state, progress=progress.take)
        rate = np.mean([r.statistics["particle_steps_per_second"] for r in runs])
        drift = np.abs([r.conserved_drift[:, -1] for r in runs]).max()
        print(f"{engine}: {rate / 1e6:.2f} million particle-steps/s, largest drift {drift:.1e} per particle")
        parts[engine] = [observables(c, r) for c, r in zip(structures, runs, strict=True)]

    deviations = {}
    for name in parts["native"][0]:
        (a, da), (b, db) = (mean_and_error([p[name] for p in parts[engine]]) for engine in ENGINES)
        error = np.hypot(da, db)
        good = error > 1e-9 * np.abs(a).max()
        z = np.full(a.shape, np.nan)
        z[good] = (b - a)[good] / error[good]
        deviations[name] = z
        print(
            f"{name}: rms deviation {np.sqrt(np.nanmean(z**2)):.2f} standard errors, largest "
            f"{np.nanmax(np.abs(z)):.1f} of {good.sum()} values; "
            f"last frame {a[..., -1].ravel()[0]:.5g} and {b[..., -1].ravel()[0]:.5g}"
        )
    if arguments.figure is not None:
        draw(deviations, parts, steps * DEFAULT_SETTINGS.time_step, arguments)


def draw(
    deviations: dict[str, NDArray],
    parts: dict[str, list[dict[str, NDArray]]],
    times: NDArray,
    arguments: argparse.Namespace,
) -> None:
    """Draw the curves and the deviations in standard errors."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(7.2, 4.6), layout="constrained")
    (top, right), (low, last) = axes
    styles: dict[str, dict[str, Any]] = {
        "native": {"color": "#0072B2", "marker": "o", "ms": 5, "mfc": "none"},
        "hoomd": {"color": "#D55E00", "marker": "x", "ms": 4},
    }
    labels = {"native": "native", "hoomd": "HOOMD-blue"}
    centres = 0.5 * (BINS[1:] + BINS[:-1])
    for engine in ENGINES:
        mean, error = mean_and_error([p["c_b"] for p in parts[engine]])
        top.errorbar(
            times[1:], mean[1:], error[1:], lw=0, elinewidth=1, label=labels[engine], **styles[engine]
        )
        mean, error = mean_and_error([p["g"] for p in parts[engine]])
        for k, (a, b) in enumerate(PAIRS):
            right.plot(
                centres, mean[k] + 2.0 * k, "-" if engine == "native" else ":", lw=1.2,
                color=styles[engine]["color"], label=labels[engine] if k == 0 else None,
            )  # fmt: skip
            if engine == "native":
                right.text(5.05, 2.0 * k + 1.0, f"{a}{b}", va="center", fontsize=7)
    top.set(xscale="log", xlabel=r"time $t$", ylabel=r"$C_B(t)$")
    top.legend(frameon=False, fontsize=8)
    right.set(xlabel=r"distance $r$", ylabel=r"$g_{ab}(r)$, shifted by 2 each", xlim=(0.6, 5.3))
    names = {
        "c_b": r"$C_B$",
        "energy": "potential energy",
        "temperature": "temperature",
        "square": r"$\Delta r^2$",
    }
    colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7"]
    for (name, text), colour, marker in zip(names.items(), colours, "osv^", strict=True):
        low.plot(times[1:], deviations[name][1:], marker, ms=3.5, color=colour, label=text)
    low.set(xscale="log", xlabel=r"time $t$", ylabel="deviation / error", ylim=(-4.5, 6.5))
    low.legend(frameon=False, fontsize=7, ncols=2, loc="upper left")
    for k, (a, b) in enumerate(PAIRS):
        last.plot(
            centres, deviations["g"][k], ".", ms=4, label=f"{a}{b}", color=plt.get_cmap("viridis")(k / 5.5)
        )
    last.set(xlabel=r"distance $r$", ylabel=r"deviation of $g_{ab}$ / error", ylim=(-4.5, 6.5))
    last.legend(frameon=False, fontsize=7, ncols=6, columnspacing=0.8, handletextpad=0.1, loc="upper center")
    for axis in (low, last):
        axis.axhline(0, color="0.6", lw=0.8, zorder=0)
        axis.axhspan(-2, 2, color="0.93", zorder=0)
    count = len(parts["native"])
    figure.suptitle(
        f"T = {arguments.temperature:g}, {count} structures x {arguments.replicas} replicas per engine, "
        "independent velocities",
        fontsize=9,
    )
    figure.savefig(arguments.figure, dpi=130)


if __name__ == "__main__":
    main()
