"""Speed of propensities and descriptors, against straightforward NumPy measured in the same run."""

import time

import numpy as np
from benchmarks.scale import sized

from tglassmlp import KA2D, Configuration
from tglassmlp.configuration import minimum_image
from tglassmlp.dynamics.bond_breaking import isoconfigurational_propensity
from tglassmlp.local_structure.coarse_grain import coarse_grain
from tglassmlp.local_structure.describe import descriptors
from tglassmlp.local_structure.local import radical_perimeters
from tglassmlp.simulation.energies import potential_energies
from tglassmlp.simulation.minimisation import inherent_structure

LENGTHS = (0, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 10)


def sample():
    """Disordered configuration of 1290 particles at an energy minimum, from a disturbed lattice."""
    rng = np.random.default_rng(0)
    side = 36
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)[:1290]
    positions = (grid + 0.5) * KA2D.box_length / side + rng.uniform(-0.02, 0.02, (1290, 2))
    return inherent_structure(Configuration(positions, rng.permutation(KA2D.species()), KA2D.box_length))


def median(function, repeats=5):
    """Median processor seconds of ``repeats`` calls, one more not counted: fair on a shared machine."""
    function()
    seconds = []
    for _ in range(sized(repeats, 1)):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return float(np.median(seconds))


def plain_coarse_grain(c, energies, perimeters):
    """All columns by full matrices in NumPy: one weight matrix per length and species."""
    r = np.linalg.norm(minimum_image(c.positions[:, None] - c.positions[None], c.box_length), axis=-1)
    columns = []
    for length in LENGTHS:
        weights = np.where(r < 20, np.exp(-r / length), 0.0) if length else np.eye(c.n_particles)
        for member in (*(c.species == s for s in (1, 2, 3)), np.ones(c.n_particles, bool)):
            w = weights[:, member]
            rho = w.sum(axis=1)
            safe = np.where(rho > 0, rho, 1)
            e = w @ energies[member] / safe
            variance = (w * (energies[member] - e[:, None]) ** 2).sum(axis=1) / safe
            columns += [rho, e, w @ perimeters[member] / safe, variance]
    return np.stack(columns, axis=1)


def plain_propensity(c, displacements):
    """Propensities of all frames by NumPy over the list of neighbour pairs from a full distance matrix."""
    sigma = KA2D.sigma_matrix[c.species[:, None] - 1, c.species[None] - 1]
    r = np.linalg.norm(minimum_image(c.positions[:, None] - c.positions[None], c.box_length), axis=-1)
    i, j = np.nonzero((r < 1.4 * sigma) & ~np.eye(c.n_particles, dtype=bool))
    number = np.bincount(i, minlength=c.n_particles)
    total = np.zeros((displacements.shape[1], c.n_particles))
    for replica in displacements:
        for f, moved in enumerate(replica):
            x = c.positions + moved
            near = np.linalg.norm(minimum_image(x[j] - x[i], c.box_length), axis=-1) < 1.8 * sigma[i, j]
            total[f] += np.bincount(i, near, c.n_particles) / number
    return total / len(displacements)


def row(name, value, peer=None, peer_value=None):
    """Build one row of the table; the ratio tells how many times faster than the peer."""
    ratio = None if peer_value is None else peer_value / value
    return {
        "name": name,
        "value": value,
        "unit": "s",
        "cores": 1,
        "peer": peer,
        "peer_value": peer_value,
        "ratio": ratio,
    }


def rows():
    """Rows of the benchmark table."""
    c = sample()
    energies, perimeters = potential_energies(c), radical_perimeters(c)
    rng = np.random.default_rng(1)
    replicas, frames = sized((20, 41), (2, 3))
    displacements = rng.normal(scale=0.3, size=(replicas, frames, 1290, 2)).astype(np.float32)
    big = c.tiled(sized(8, 2))
    big = big.with_positions(big.positions + 0.005 * rng.normal(size=big.positions.shape))
    peer = "NumPy, full matrices"
    return [
        row(
            "descriptors of 1290 particles (160 columns, cells and energies included)",
            median(lambda: descriptors(c, LENGTHS)),
        ),
        row(
            "coarse-graining of 1290 particles (160 columns)",
            median(lambda: coarse_grain(c, energies, perimeters, LENGTHS)),
            peer,
            median(lambda: plain_coarse_grain(c, energies, perimeters), 1),
        ),
        row("radical cells of 1290 particles", median(lambda: radical_perimeters(c))),
        row(
            f"descriptors of {big.n_particles} particles (160 columns, all species)",
            median(lambda: descriptors(big, LENGTHS), 1),
        ),
        row(
            f"propensity of 1290 particles, {replicas} replicas, {frames} frames",
            median(lambda: isoconfigurational_propensity(c, displacements)),
            "NumPy, pair list",
            median(lambda: plain_propensity(c, displacements), 1),
        ),
    ]


if __name__ == "__main__":
    for entry in rows():
        print(entry)
