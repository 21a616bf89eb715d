"""Files of a small made-up run in the formats of a real one, for tests of tables and figures only.

Propensities are smooth random fields with a correlation length that grows on cooling; networks see them with
noise. Nothing here is physics.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from tglassmlp.configuration import Configuration
from tglassmlp.division import Reported
from tglassmlp.dynamics.relaxation_times import measure_relaxation
from tglassmlp.storage import (
    Array,
    read_arrays,
    write_arrays,
    write_configurations,
    write_json,
    write_npz,
    write_table,
)
from tglassmlp.tables.agreement import agreement_table
from tglassmlp.tables.attention_length import attention_tables
from tglassmlp.tables.bottleneck import bottleneck_tables
from tglassmlp.tables.chord_length import chord_length_table
from tglassmlp.tables.comparison import comparison_table
from tglassmlp.tables.contrast import contrast_table
from tglassmlp.tables.energies import energy_table
from tglassmlp.tables.equilibration import equilibration_table
from tglassmlp.tables.length_scales import length_scale_table
from tglassmlp.tables.pair_structure import partial_structure_factor_table, radial_distribution_table
from tglassmlp.tables.pearson import pearson_table
from tglassmlp.tables.separations import network_separations, separation_table
from tglassmlp.tables.snapshots import snapshots
from tglassmlp.tables.structure_factor import structure_factor_tables
from tglassmlp.tables.susceptibility import susceptibility_table
from tglassmlp.tables.trends import trend_table
from tglassmlp.tables.unit_systems import UnitSystems

C_BS = (0.99, 0.94, 0.85, 0.75, 0.5, 0.25, 0.075)
LENGTHS = (0.0, 1.0, 2.0, 4.0, 8.0)
T_MINS = ("0.40", "0.45")


def smooth_field(positions, box, xi, rng, n_fields=1):
    """Gaussian fields of unit variance with an Ornstein-Zernike spectrum, ``[n_fields, n]``."""
    n = min(14, int(1.6 * box / (2 * np.pi)))
    k = np.stack(np.meshgrid(np.arange(-n, n + 1), np.arange(0, n + 1), indexing="ij"), axis=-1).reshape(
        -1, 2
    )
    k = k[(k[:, 1] > 0) | (k[:, 0] > 0)]
    q = 2 * np.pi / box * np.hypot(*k.T)
    amplitude = 1 / np.sqrt(1 + (q * xi) ** 2)
    amplitude = amplitude / np.sqrt((amplitude**2).sum())
    phase = 2 * np.pi / box * (positions @ k.T)
    noise = rng.normal(size=(2, n_fields, len(k))) * amplitude
    return noise[0] @ np.cos(phase).T + noise[1] @ np.sin(phase).T


def propensities(h, noise, c_b, rng):
    """Map Gaussian fields ``[..., n]`` to propensities of mean about c_b, in (0, 1)."""
    x = np.log(c_b / (1 - c_b)) + 1.6 * (h + noise * rng.normal(size=h.shape))
    value = 1 / (1 + np.exp(-x))
    for _ in range(30):
        x = x + np.log(c_b / (1 - c_b)) - np.log(value.mean() / (1 - value.mean()))
        value = 1 / (1 + np.exp(-x))
    return value


def configurations(number, n_particles, box, rng):
    side = int(np.ceil(np.sqrt(n_particles)))
    grid = (np.arange(side) + 0.5) * box / side
    lattice = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    species = np.repeat([1, 2, 3], [round(n_particles * s) for s in (0.47, 0.25, 0.28)])
    species = np.resize(species, n_particles)
    found = []
    for _ in range(number):
        chosen = lattice[np.sort(rng.permutation(len(lattice))[:n_particles])]
        found.append(Configuration(chosen + rng.normal(0, 0.08, chosen.shape), rng.permutation(species), box))
    return found


def build(
    root,
    temperatures=("0.50", "0.45", "0.40", "0.35", "0.30"),
    labelled=("0.50", "0.45", "0.40"),
    n_structures=8,
    n_particles=300,
    tiles=3,
    n_large=2,
    networks=3,
    large_md="0.45",
    chunk=4,
):
    """Write the run below ``root``."""
    root = Path(root)
    rng = np.random.default_rng(1)
    made = {"stage": "made up for a test"}
    box = np.sqrt(n_particles / 1.192)
    names = [
        f"{q}/{b}/L{length:g}" for q in ("density", "energy") for b in ("type1", "all") for length in LENGTHS
    ]
    times = np.concatenate([[0], 0.1 * 1.6 ** np.arange(24)])
    curves, table = {}, []
    for t in labelled:
        tau = np.exp(2.1 / float(t)) * 2.0
        c_b = np.exp(-np.log(2) * (times / tau) ** 0.7)
        many = np.clip(c_b + rng.normal(0, 0.01, (n_structures, len(times))) * (times > 0), 1e-3, 1)
        many[:, 0] = 1
        curves[t] = (times, many)
        for s in (1, 2, 3):
            for f, (time, c, e) in enumerate(zip(times, c_b, many.std(axis=0) / np.sqrt(8), strict=True)):
                table.append((float(t), s, time, f, c**s, e))
    columns = ["temperature", "species", "time", "frame", "c_b", "error"]
    write_table(root / "relaxation/curves.parquet", pd.DataFrame(table, columns=columns), made)
    relaxation = measure_relaxation(curves, temperatures)
    write_json(root / "relaxation/relaxation.json", relaxation.to_json())
    for ensemble in ("unit", "large"):
        number, n = (n_structures, n_particles) if ensemble == "unit" else (n_large, n_particles * tiles**2)
        side = box if ensemble == "unit" else box * tiles
        size = chunk if ensemble == "unit" else 1
        for t in temperatures:
            frames = configurations(number, n, side, rng)
            central = [f.of_species(1) for f in frames]
            for c in range(-(-number // size)):
                part = frames[c * size : (c + 1) * size]
                write_configurations(root / ensemble / f"structures/T{t}/chunk{c}.gsd", part, made)
                where = np.array([f.wrapped()[f.of_species(1)] for f in part])
                write_arrays(
                    root / ensemble / f"descriptors/T{t}/chunk{c}.h5",
                    {
                        "values": Array(
                            rng.normal(size=(*where.shape[:2], len(names))),
                            ("structure", "particle", "descriptor"),
                        ),
                        "names": Array(np.array(names), ("column",)),
                        "positions": Array(where, ("structure", "particle", "axis")),
                    },
                    made,
                    {"box_length": side},
                )
            xi = 1.5 + 2.0 * (0.5 / float(t) - 1)
            h = np.array([smooth_field(f.wrapped()[f.of_species(1)], side, xi, rng)[0] for f in frames])
            h = h + 0.1 * rng.normal(size=(number, 1))
            reached = [c for c in C_BS if float(t) > 0.41 or c > 0.2]
            truth = np.array([propensities(h, 0.3, c, rng) for c in C_BS])
            has_md = t in labelled if ensemble == "unit" else t == large_md
            if has_md:
                k = [i for i, c in enumerate(C_BS) if c in reached]
                count = number if ensemble == "unit" else 1
                md = truth[k][:, :count]
                half = np.clip(
                    md[:, :, None] + 0.05 * rng.normal(size=(len(k), count, 2, len(central[0]))), 0, 1
                )
                write_arrays(
                    root / ensemble / f"labels/T{t}.h5",
                    {
                        "c_b": Array(np.array(reached), ("state",)),
                        "frame_index": Array(np.arange(len(k)) + 0.5, ("state",)),
                        "time": Array(relaxation.time_of(t, np.array(reached)), ("state",)),
                        "propensity": Array(half.mean(axis=2), ("state", "structure", "particle")),
                        "half": Array(half, ("state", "structure", "half", "particle")),
                    },
                    made,
                    {"temperature": float(t)},
                )

            def noisy(level, h=h):
                return np.array(
                    [[propensities(h, level, c, rng) for _ in range(networks)] for c in C_BS],
                    dtype=np.float32,
                )

            for t_min, level in zip(T_MINS, (0.35, 0.5), strict=True):
                p = noisy(level)
                # at one state point no network reaches C_B, at another only the last one does
                converged = np.ones((len(C_BS), networks), dtype=bool)
                if (t, t_min) == ("0.40", "0.40"):
                    converged[0] = False
                    converged[1, :-1] = False
                arrays = {
                    "c_b": Array(np.array(C_BS), ("state",)),
                    "c_b_input": Array(np.tile(np.array(C_BS)[:, None], networks), ("state", "network")),
                    "converged": Array(converged, ("state", "network")),
                    "mean_prediction": Array(p.mean(axis=(2, 3)), ("state", "network")),
                    "propensity": Array(p, ("state", "network", "structure", "particle")),
                    "attention": Array(
                        rng.dirichlet(
                            np.tile(20 * np.exp(-np.array(LENGTHS) * float(t)), 4) + 1, (len(C_BS), networks)
                        ),
                        ("state", "network", "descriptor"),
                    ),
                }
                if ensemble == "unit":
                    b = np.stack([h, 0.4 * h], axis=-1) + 0.4 * rng.normal(size=(*h.shape, 2))
                    arrays["bottleneck"] = Array(
                        np.repeat(b[None], len(C_BS), axis=0), ("state", "structure", "particle", "unit")
                    )
                write_arrays(
                    root / ensemble / f"predictions/tmin{t_min}/T{t}.h5",
                    arrays,
                    made,
                    {
                        "temperature": float(t),
                        "names": names,
                        "lengths": list(LENGTHS),
                        "structures_test": [],
                    },
                )
            baseline = {"c_b": Array(np.array(C_BS), ("state",))}
            for method, level in (("glassmlp", 0.35), ("glassmlp_transferred", 1.0)):
                baseline[method] = Array(noisy(level), ("state", "network", "structure", "particle"))
            for method, level in (("ridge", 0.5), ("density", 2.0), ("energy", 1.5), ("perimeter", 3.0)):
                baseline[method] = Array(noisy(level)[:, 0], ("state", "structure", "particle"))
            name = f"ridge_tmin{T_MINS[1]}"
            baseline[name] = Array(noisy(0.9)[:, 0], ("state", "structure", "particle"))
            write_arrays(root / ensemble / f"baseline_predictions/T{t}.h5", baseline, made, {})
    _records(root, temperatures, made, rng)
    return root


def _records(root, temperatures, made, rng):
    """Equilibration records, label maps and training histories."""
    sweeps = np.unique(np.geomspace(1, 2000, 20).astype(int))
    for t in temperatures:
        for chunk in (0, 1):
            rows = [
                (s, start, sweep, -2.9 + float(t) + sign * 0.4 / (1 + sweep / 50) + 0.005 * rng.normal())
                for s in range(4)
                for start, sign in (("quenched", 1), ("heated", -1))
                for sweep in sweeps
            ]
            table = pd.DataFrame(rows, columns=["structure", "start", "sweep", "energy"])
            table = table.assign(overlap=0.12 + 0.88 / (1 + table["sweep"] / 100))
            table = table.assign(measured=table["sweep"] > 1000, inherent_energy=table["energy"] - float(t))
            write_table(root / f"unit/structures/T{t}/chunk{chunk}.parquet", table, made)
            tiled = table[table["start"] == "quenched"].assign(start="tiled")
            write_table(root / f"large/structures/T{t}/chunk{chunk}.parquet", tiled, made)
    for t in temperatures:
        found = {"temperature": float(t), "energy": -2.9 + float(t), "energy_error": 0.001}
        found |= {"heat_capacity": 1.02, "heat_capacity_error": 0.05, "normalised_overlap": 0.1}
        write_json(root / f"unit/structures/T{t}/equilibration.json", found)
    for t_min in T_MINS:
        rows = [
            (float(t), c, "x" if t >= t_min and (t > "0.41" or c > 0.2) else "t" if c > 0.3 else "r")
            for t in temperatures
            for c in C_BS
        ]
        table = pd.DataFrame(rows, columns=["temperature", "c_b", "kind"])
        write_table(root / f"label_map/tmin{t_min}.parquet", table, made)
        write_npz(
            root / f"networks/full/tmin{t_min}.npz", {"w": np.zeros((2, 10, 3)), "b": np.zeros((2, 3))}, {}
        )
        table = pd.DataFrame(
            {
                "network": [0, 1, 2] * 2,
                "c_b": np.repeat([0.5, 0.25], 3),
                "deviation": [0.01, 0.02, 0.2] * 2,
                "kept": [True, True, False] * 2,
            }
        )
        write_table(root / f"networks/full/tmin{t_min}.parquet", table, made)
        rows = [
            (k, e, 1 + (e > 40), 0.3 / (e + 1) + 0.02 * rng.random(), 0.7 * (1 - np.exp(-e / 20)) + 0.01 * k)
            for k in range(4)
            for e in range(1, 61)
        ]
        table = pd.DataFrame(rows, columns=["network", "epoch", "phase", "loss", "validation_pearson"])
        write_table(root / f"networks/full/tmin{t_min}.history.parquet", table, made)


def all_tables(
    root, test=(4, 5, 6, 7), t_mins=T_MINS, snapshot_temperature="0.45", glass="0.30", tiles=2,
    replica_noise=True, attention_mean=False,
):  # fmt: skip
    """Measure everything on the files of :func:`build`, as the rules do."""
    root = Path(root)

    def files(pattern):
        return sorted(root.glob(pattern))

    made = {"stage": "made up for a test"}
    relaxation = root / "relaxation/relaxation.json"
    labels, baselines = files("unit/labels/*.h5"), files("unit/baseline_predictions/*.h5")
    predictions = files("unit/predictions/*/*.h5")
    large = files("large/labels/*.h5"), files("large/predictions/*/*.h5"), files("large/descriptors/*/*.h5")
    found = {
        "pearson": pearson_table(labels, predictions, baselines, relaxation, test, 50),
        "comparison": comparison_table(labels, predictions, baselines, test, 50),
        "susceptibility": susceptibility_table(labels, predictions, baselines, relaxation, Reported(test)),
        "equilibration": equilibration_table(
            [*files("unit/structures/*/chunk*.parquet"), *files("large/structures/*/*.parquet")]
        ),
    }
    found["energies"] = energy_table(
        files("unit/structures/*/chunk*.parquet"), files("unit/structures/*/equilibration.json")
    )
    structures = {ensemble: files(f"{ensemble}/structures/*/*.gsd") for ensemble in ("unit", "large")}
    found["radial_distribution"] = radial_distribution_table(structures["unit"], 3)
    found["partial_structure_factor"] = pd.concat(
        [partial_structure_factor_table(of, 3, name) for name, of in structures.items()], ignore_index=True
    )
    found["contrast"] = contrast_table(
        labels, predictions, files("unit/descriptors/*/*.h5"), relaxation, test
    )  # fmt: skip
    found["structure_factor"], found["correlation_length"] = structure_factor_tables(
        *large, relaxation, table_q_max=1.5, tiles=tiles, timed=labels
    )
    unit = labels, predictions, files("unit/descriptors/*/*.h5")
    found["chord_length"] = pd.concat(
        [
            chord_length_table(
                *unit, relaxation, Reported(test), n_resamples=50, replica_noise=replica_noise
            ).assign(ensemble="unit"),
            chord_length_table(
                *large, relaxation, n_resamples=50, blocks=2, replica_noise=replica_noise, timed=labels
            ).assign(ensemble="large"),
        ],
        ignore_index=True,
    )
    attention = attention_tables(predictions, relaxation, mean=attention_mean, labels=labels)
    found["attention"], found["attention_length"] = (a.assign(ensemble="unit") for a in attention)
    main = files(f"unit/predictions/tmin{t_mins[0]}/*.h5")
    found["bottleneck"], found["bottleneck_separation"] = bottleneck_tables(
        labels, main, relaxation, test, 300
    )
    unit = UnitSystems(labels, predictions, files("unit/descriptors/*/*.h5"), Reported(test))

    def bottlenecks(path):
        # a second network separates less
        values = read_arrays(path, ["bottleneck"])["bottleneck"][0][list(test)]
        return lambda c_b: np.stack([values, values + np.random.default_rng(0).normal(size=values.shape)])

    separated = network_separations(
        unit, {t: bottlenecks(path) for t, path in unit.predictions[t_mins[0]].items()}, t_mins[0]
    )
    found["network_separation"] = separation_table(separated, t_mins[0])
    found["trends"] = trend_table(unit, *large[1:], separated, t_mins[0], tiles=tiles)
    found["agreement"] = agreement_table(unit)
    found["length_scales"] = length_scale_table(
        found["correlation_length"], found["chord_length"], found["attention_length"]
    )
    for name, table in found.items():
        write_table(root / f"tables/{name}.parquet", table, made)
    t = snapshot_temperature
    arrays, attributes = snapshots(
        {
            "structure_files": files(f"large/structures/T{t}/*.gsd"),
            "field_files": {
                "MD": root / f"large/labels/T{t}.h5",
                **{f"tGlassMLP {m}": root / f"large/predictions/tmin{m}/T{t}.h5" for m in t_mins},
                "GlassMLP transferred@glassmlp_transferred": root / f"large/baseline_predictions/T{t}.h5",
            },
            "structure": 0,
            "ensemble": "large",
            "temperature": float(t),
            "c_b": [0.5],
        },
        {
            "structure_files": files(f"large/structures/T{glass}/*.gsd"),
            "field_files": {"tGlassMLP": root / f"large/predictions/tmin{t_mins[0]}/T{glass}.h5"},
            "structure": 0,
            "ensemble": "large",
            "temperature": float(glass),
        },
        relaxation,
    )
    write_arrays(root / "tables/snapshots.h5", arrays, made, attributes)
    return root
