"""Published configurations of KA2D (GlassBench): energies, forces, cells, descriptors and propensities."""

import numpy as np
import pytest

from tglassmlp import (
    KA2D,
    Configuration,
    bond_breaking,
    descriptors,
    inherent_structure,
    load_networks,
    potential_energies,
)
from tglassmlp.configuration import minimum_image
from tglassmlp.local_structure.coarse_grain import coarse_grain
from tglassmlp.local_structure.local import radical_cells
from tglassmlp.local_structure.names import descriptor_names
from tglassmlp.simulation.energies import forces

FILES = {
    0.23: "KA2D_trajectories/T0.23/test/N1290T0.23_202_tc05.npz",
    0.30: "KA2D_trajectories/T0.30/train/N1290T0.30_3_tc01.npz",
}


@pytest.fixture(scope="module")
def published(glassbench):
    found = {}
    for temperature, name in FILES.items():
        path = glassbench / name
        if not path.is_file():
            pytest.skip(f"the GlassBench sample lacks {name}")
        with np.load(path, allow_pickle=False) as archive:
            found[temperature] = {key: archive[key] for key in archive.files}
    return found


def configuration(record, inherent=False):
    positions = record["initial_positions_inherent" if inherent else "initial_positions"]
    return Configuration(positions, record["types"], float(record["box"]))


def test_potential_energies(published):
    thermal = [potential_energies(configuration(published[t])).mean() for t in (0.23, 0.30)]
    inherent = potential_energies(configuration(published[0.23], inherent=True)).mean()
    assert min(abs(thermal[0] + 2.680), abs(thermal[0] + 2.672)) < 5e-4
    assert thermal[1] == pytest.approx(-2.607, abs=5e-4)
    assert min(abs(inherent + 2.907), abs(inherent + 2.902)) < 5e-4


def test_inherent_positions_are_at_a_minimum(published):
    at_minimum = forces(configuration(published[0.23], inherent=True))
    thermal = forces(configuration(published[0.23]))
    assert np.sqrt((at_minimum**2).mean()) < 0.03
    assert np.sqrt((thermal**2).mean()) > 1


def test_radical_cells(published):
    c = configuration(published[0.23], inherent=True)
    cells = radical_cells(c)
    assert cells.areas.sum() == pytest.approx(c.box_length**2, rel=1e-12)
    assert np.all(cells.perimeters**2 >= 4 * np.pi * cells.areas)
    means = [cells.perimeters[c.species == s].mean() for s in (1, 2, 3)]
    assert means[0] > means[2] > means[1]


def test_descriptor_columns_by_brute_force(published):
    c = configuration(published[0.23], inherent=True)
    lengths = [0, 0.5, 2, 10]
    energies, perimeters = potential_energies(c), radical_cells(c).perimeters
    # the published ones are sums to 20 in minimum image, more than half the box
    values, names = coarse_grain(c, energies, perimeters, lengths, cutoff=20.0), descriptor_names(lengths)
    for i in np.random.default_rng(1).choice(c.n_particles, 20, replace=False):
        r = np.linalg.norm(minimum_image(c.positions - c.positions[i], c.box_length), axis=1)
        for m, name in enumerate(names):
            quantity, average, length = name.split("/")
            scale = float(length[1:])
            w = np.exp(-r / scale) * (r < 20) if scale else 1.0 * (np.arange(c.n_particles) == i)
            w = w * (1.0 if average == "all" else c.species == int(average[-1]))
            rho = w.sum()
            if quantity == "density":
                expected = rho
            elif rho == 0:
                expected = 0.0
            elif quantity == "perimeter":
                expected = w @ perimeters / rho
            else:
                mean = w @ energies / rho
                expected = mean if quantity == "energy" else w @ (energies - mean) ** 2 / rho
            assert values[i, m] == pytest.approx(expected, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("temperature", [0.23, 0.30])
def test_no_bond_breaks_within_a_vibration(published, temperature):
    record = published[temperature]
    c = configuration(record)
    shares = bond_breaking(c.positions, record["positions"], c.box_length, c.species)
    assert shares.shape == (20, 1290)
    assert shares.min() > 0.8
    assert shares.mean() > 0.999


def test_propensity_by_brute_force_after_long_times(published):
    """Replicas of another structure stand in for late positions: nearly all bonds are broken."""
    record = published[0.30]
    c = configuration(record)
    rng = np.random.default_rng(3)
    later = (
        c.positions + rng.normal(size=(4, *c.positions.shape)) * np.array([0.2, 0.4, 0.8, 3])[:, None, None]
    )
    found = bond_breaking(c.positions, later, c.box_length, c.species)
    sigma = KA2D.sigma_matrix[c.species[:, None] - 1, c.species[None] - 1]
    for i in rng.choice(c.n_particles, 20, replace=False):
        r = np.linalg.norm(minimum_image(c.positions - c.positions[i], c.box_length), axis=1)
        mine = np.flatnonzero((r < 1.4 * sigma[i]) & (np.arange(c.n_particles) != i))
        for k in range(4):
            end = np.linalg.norm(minimum_image(later[k, mine] - later[k, i], c.box_length), axis=1)
            assert found[k, i] == pytest.approx(np.mean(end < 1.8 * sigma[i, mine]), abs=1e-10)
    assert found.mean(axis=1)[3] < 0.2 < found.mean(axis=1)[2] < found.mean(axis=1)[0]


def test_networks_that_come_with_the_package_predict_a_published_configuration(published):
    c = configuration(published[0.30])
    networks = load_networks("demo")
    propensity = networks.predict(c, temperature=0.30, c_b=0.7)
    assert propensity.shape == (networks.n_networks, 600)
    np.testing.assert_allclose(propensity.mean(axis=1), 0.7, atol=0.01)
    assert propensity.std(axis=1).min() > 0.02
    # low energy is arrested: what every study of this mixture finds
    energy, names = descriptors(inherent_structure(c), lengths=[2.0], cutoff=16.4)
    column = energy[c.species == 1, names.index("energy/all/L2")]
    assert np.corrcoef(column, propensity.mean(axis=0))[0, 1] < -0.3
