"""Radial distributions, partial structure factors and energies of a run, held to made-up structures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tglassmlp.configuration import Configuration
from tglassmlp.observables.pair_structure import partial_structure_factors, wave_number_bins
from tglassmlp.observables.structure_factor import Shells
from tglassmlp.storage import write_configurations, write_json, write_table
from tglassmlp.tables.energies import energy_table
from tglassmlp.tables.pair_structure import partial_structure_factor_table, radial_distribution_table

BOX = 12.0


def gas(seed, counts=(90, 50, 30), box=BOX):
    """Particles at random places: every g is 1, every S_ab is 1 for a = b and 0 otherwise."""
    rng = np.random.default_rng(seed)
    species = np.repeat([1, 2, 3], counts)
    return Configuration(rng.uniform(0, box, (len(species), 2)), species, box)


def test_partial_structure_factors_are_the_products_of_density_waves():
    c, shells = gas(0), Shells(BOX, 4.0)
    found = partial_structure_factors(c.positions, c.species, 3, shells)
    assert list(found) == [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)]
    q = 2 * np.pi / BOX * shells.vectors()
    for (a, b), values in found.items():
        one, other = (np.exp(1j * c.positions[c.species == s] @ q.T) for s in (a, b))
        product = np.real(one.sum(axis=0) * other.sum(axis=0).conj())
        np.testing.assert_allclose(values, product / np.sqrt(len(one) * len(other)), atol=2e-5)


def test_a_species_without_particles_has_no_partial_structure_factor():
    c = gas(1, (40, 0, 20))
    assert list(partial_structure_factors(c.positions, c.species, 3, Shells(BOX, 2.0))) == [
        (1, 1), (1, 3), (3, 3)
    ]  # fmt: skip


def test_bins_hold_every_wave_vector_once_single_shells_first():
    shells = Shells(BOX, 5.0)
    q, member, modes = wave_number_bins(shells, 1.6, 0.25)
    each = 2 * np.pi / BOX * np.hypot(*shells.vectors().T)
    assert modes.sum() == len(each)
    assert np.all(np.diff(q) > 0)
    for k, value in enumerate(q):
        inside = each[member == k]
        assert value == pytest.approx(inside.mean())
        assert np.ptp(inside) < (1e-12 if value < 1.6 else 0.25)
    assert (q < 1.6).sum() == len(np.unique(np.round(each[each < 1.6], 9)))
    with pytest.raises(ValueError, match=r"no wave vector up to q = 0.3, its smallest is 0.52"):
        wave_number_bins(Shells(BOX, 0.3), 1.0, 0.1)


def test_tables_of_a_gas_are_flat_within_their_errors(tmp_path):
    files = [tmp_path / f"T0.50/chunk{k}.gsd" for k in range(2)]
    for k, file in enumerate(files):
        write_configurations(file, [gas(100 * k + s) for s in range(10)], {"stage": "made up for a test"})
    g = radial_distribution_table(files, 3)
    s = partial_structure_factor_table(files, 3)
    assert set(g["n_structures"]) == set(s["n_structures"]) == {20}
    assert set(s["ensemble"]) == {"unit"}
    for table, y, flat in ((g[g["r"] > 0.5], "g", 1.0), (s, "s", (s["first"] == s["second"]).astype(float))):
        deviation = (table[y] - flat) / table["error"]
        # of 20 structures: Student's t of 19 degrees of freedom
        assert deviation.std() == pytest.approx(np.sqrt(19 / 17), abs=0.15), y
        assert abs(deviation.mean()) < 0.3, y


def test_a_single_structure_has_the_error_of_gaussian_amplitudes(tmp_path):
    """The error given for one structure is the scatter between many."""
    each = []
    for k in range(40):
        file = tmp_path / f"{k}/T0.50/chunk0.gsd"
        write_configurations(file, [gas(k)], {"stage": "made up for a test"})
        each.append(partial_structure_factor_table([file], 3, "large"))
    values = np.array([t["s"] for t in each])
    given = np.sqrt(np.mean([t["error"] ** 2 for t in each], axis=0))
    assert np.mean(values.std(axis=0, ddof=1) / given) == pytest.approx(1.0, abs=0.12)


def test_energies_are_means_over_structures_beside_the_checks_of_their_neighbours(tmp_path):
    def record(t, energies):
        rows = [
            (k, sweep, sweep > 10, e + (0.5 if sweep == 10 else 0.01 * (sweep - 15)), inherent)
            for k, e in enumerate(energies)
            for sweep, inherent in ((10, -9.0), (12, -3.0 - k), (18, np.nan))
        ]
        table = pd.DataFrame(rows, columns=["structure", "sweep", "measured", "energy", "inherent_energy"])
        path = tmp_path / f"T{t}/chunk0.parquet"
        write_table(path, table, {"stage": "made up for a test"})
        return path

    records = [record("0.40", [-2.0, -2.2]), record("0.30", [-2.5, -2.7, -2.6]), record("0.20", [-2.9])]
    measured = []
    for t, energy, capacity in (("0.20", -2.9, None), ("0.40", -2.1, 5.5), ("0.30", -2.6, 4.5)):
        measured.append(tmp_path / f"T{t}/equilibration.json")
        found = {"temperature": float(t), "energy": energy, "energy_error": 0.03, "heat_capacity": capacity}
        write_json(measured[-1], {**found, "heat_capacity_error": 0.4, "normalised_overlap": 0.15})
    table = energy_table(records, measured).set_index("temperature")
    assert list(table.index) == [0.4, 0.3, 0.2]
    assert table.loc[0.3, "energy"] == pytest.approx(-2.6)
    assert table.loc[0.3, "energy_error"] == pytest.approx(0.1 / np.sqrt(3))
    assert table.loc[0.3, "inherent_energy"] == pytest.approx(-4.0), "the approach does not count"
    assert np.isnan(table.loc[0.2, "energy_error"])
    assert np.isnan(table.loc[0.2, "heat_capacity"])
    assert list(table["heat_capacity"].iloc[:2]) == [5.5, 4.5]
    row = table.loc[0.3]
    assert row["upper_temperature"] == 0.4
    assert (row["slope"], row["heat_capacity_between"]) == (pytest.approx(5.0), pytest.approx(5.0))
    assert row["slope_error"] == pytest.approx(0.03 * np.sqrt(2) / 0.1)
    assert (row["difference"], row["reweighted"]) == (pytest.approx(0.5), pytest.approx(0.5))
    assert row["deviation"] == pytest.approx(0.0, abs=1e-9)
    for t in (0.4, 0.2):
        assert table.loc[t, ["upper_temperature", "slope", "difference", "deviation"]].isna().all()
    write_json(measured[2], {**found, "energy": -2.65, "heat_capacity_error": 0.4})
    off = energy_table(records, measured).set_index("temperature").loc[0.3, "deviation"]
    assert off == pytest.approx(0.05 / np.hypot(0.03 * np.sqrt(2), 0.05 * 0.4 * np.sqrt(2)))
