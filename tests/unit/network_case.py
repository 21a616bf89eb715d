"""A made-up learning problem: propensities are a smooth function of random descriptors plus noise.

Cold structures have shifted descriptors, as real ones do. Nothing here is physics.
"""

import numpy as np

from tglassmlp.local_structure.names import descriptor_names
from tglassmlp.local_structure.standardise import fit_scaling
from tglassmlp.network.dataset import Structures, join, training_set
from tglassmlp.network.state_features import DEFAULT_STATE_FEATURES, StateFeatures
from tglassmlp.storage import Array, write_arrays, write_json, write_table

BOX = 9.0
C_BS = (0.9, 0.7, 0.5)
LENGTHS = (0.0, 1.0)
NAMES = descriptor_names(LENGTHS, 2)  # 24 columns
M = len(NAMES)


def state_point(temperatures=(0.5, 0.3), c_b=(0.9, 0.5)):
    return StateFeatures.from_ranges(DEFAULT_STATE_FEATURES, temperatures, c_b)


def descriptors(temperature, structures, particles, rng, m=M):
    return (rng.normal(size=(structures, particles, m)) + 2.0 * (0.5 - temperature)).astype(np.float32)


def propensity(x, temperature, c_b, rng, noise=0.2):
    """Propensities of mean ``c_b``: one random direction of the descriptors, saturating."""
    w = np.random.default_rng(5).normal(size=x.shape[-1]) / np.sqrt(x.shape[-1])
    h = np.tanh((x - 2.0 * (0.5 - temperature)) @ w) + noise * rng.normal(size=x.shape[:-1])
    return (c_b + 0.6 * c_b * (1 - c_b) * (h - h.mean())).astype(np.float64)


def data(temperatures=(0.5, 0.4), c_b=C_BS, structures=3, particles=40, seed=0, m=M):
    rng = np.random.default_rng(seed)
    parts = []
    for t in temperatures:
        x = descriptors(t, structures, particles, rng, m)
        s = Structures(t, x, rng.random((structures, particles, 2)) * BOX, BOX)
        y = np.stack([propensity(x, t, c, rng) for c in c_b])
        parts.append(training_set(s, c_b, y, range(structures)))
    return join(parts)


def write_run(root, temperatures=(0.5, 0.45, 0.4), cold=(0.35,), structures=8, particles=40, extra=()):
    """Files of a small run under ``root``, ``extra`` {T: number} among them; returns its record."""
    import pandas as pd

    rng = np.random.default_rng(3)
    values = {}
    for t in (*temperatures, *cold):
        more = structures + dict(extra).get(t, 0)
        x = 3.0 * descriptors(t, more, particles, rng).astype(np.float64) + 7.0
        x[..., NAMES.index("density/type1/L0")] = 1.0
        values[t] = x
        for chunk, some in enumerate(np.split(x, 2)):
            write_arrays(
                root / f"descriptors/T{t:.2f}/chunk{chunk}.h5",
                {
                    "values": Array(some, ("structure", "particle", "column")),
                    "names": Array(np.array(NAMES), ("column",)),
                    "positions": Array(rng.random((len(some), particles, 2)) * BOX, ("s", "p", "d")),
                },
                {},
                {"box_length": BOX, "species": 1, "lengths": list(LENGTHS)},
            )
        if t in temperatures:
            y = np.stack([propensity((x - 7) / 3, t, c, rng) for c in C_BS])
            half = np.stack([y, y], axis=2)
            write_arrays(
                root / f"labels/T{t:.2f}.h5",
                {
                    "c_b": Array(np.array(C_BS), ("c_b",)),
                    "time": Array(10.0 ** np.arange(len(C_BS)), ("c_b",)),
                    "propensity": Array(y, ("c_b", "structure", "particle")),
                    "half": Array(half, ("c_b", "structure", "half", "particle")),
                },
                {},
                {"temperature": t},
            )
    scaling = fit_scaling([v[:3] for v in values.values()], NAMES, list(values))
    write_json(root / "scaling.json", scaling.to_json())
    rows = [(t, c, "x") for t in temperatures for c in C_BS] + [(t, c, "t") for t in cold for c in C_BS]
    write_table(root / "map.parquet", pd.DataFrame(rows, columns=["temperature", "c_b", "kind"]), {})
    return {
        "seed": 1,
        "temperatures": [*temperatures, *cold],
        "c_b": list(C_BS),
        "network": {"mlp1": [3, 2], "mlp2": [3], "head": [8]},
        "training": {
            "networks": 3,
            "phase1": [{"epochs": 60, "rate": 1e-2}],
            "phase2": [{"epochs": 5, "rate": 1e-3}],
            "equi_time_tolerance": 0.1,
            "full_tolerance": 0.1,
        },
        "structures": {"number": structures, "test_fraction": 0.5, "validation_fraction": 0.25},
        "descriptors": {
            "lengths": list(LENGTHS),
            "cutoff": 4.0,
            "central_species": 1,
            "mixture": "KA2D",
        },
    }
