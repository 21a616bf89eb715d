"""The public interface: what can be imported, at what cost, and the name shared with a subpackage."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import tglassmlp as tg
from tglassmlp.config import DescriptorSettings, MinimisationSettings, PropensitySettings, check
from tglassmlp.config import DynamicsSettings as DynamicsKeys
from tglassmlp.default_mixture import SMALLEST_LIQUID, carried_mixture
from tglassmlp.simulation.dynamics import DynamicsSettings


def python(code: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


@pytest.mark.parametrize("name", [n for n in tg.__all__ if n not in ("__version__", "load_networks")])
def test_every_public_name_exists(name):
    assert getattr(tg, name) is not None


@pytest.mark.parametrize("name", [n for n in tg.__all__ if n not in ("KA2D", "__version__")])
def test_examples_of_public_names_are_true(name):
    home = importlib.import_module(f"tglassmlp.{tg._HOMES[name]}")
    found = getattr(home, name)
    for example in doctest.DocTestFinder(recurse=False).find(found, name, globs=dict(vars(home))):
        assert doctest.DocTestRunner(verbose=False).run(example).failed == 0


def test_import_needs_no_compiler():
    heavy = "('numba', 'jax', 'flax', 'matplotlib', 'snakemake', 'freud', 'pandas')"
    code = f"import sys, tglassmlp; tglassmlp.KA2D; print([m for m in {heavy} if m in sys.modules])"
    assert python(code) == "[]"


def test_network_loader_is_public():
    assert python("import tglassmlp as tg; print(callable(tg.load_networks))") == "True"


def test_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'descriptor'"):
        tg.descriptor  # noqa: B018


@pytest.mark.parametrize(
    "before", ["", "import tglassmlp.local_structure.local", "import tglassmlp as tg; tg.Descriptors"]
)
def test_descriptors_are_a_function_whatever_was_imported(before):
    code = (
        f"{before}\nimport tglassmlp as tg\nprint(type(tg.descriptors).__name__, tg.descriptors.__module__)"
    )
    assert python(code) == "function tglassmlp.local_structure.describe"


def test_descriptors_of_the_facade_are_those_of_the_module(lattice):
    from tglassmlp.local_structure.describe import descriptors

    values, names = tg.descriptors(lattice, [0.0, 1.0])
    again, same = descriptors(lattice, [0.0, 1.0])
    assert list(names) == list(same)
    np.testing.assert_array_equal(values, again)
    assert values.shape == (lattice.n_particles, len(names))


def test_dir_lists_the_public_names():
    assert set(tg.__all__) <= set(dir(tg))


BINARY = tg.Mixture("AB", ((1.0, 0.8), (0.8, 0.88)), ((1.0, 1.5), (1.5, 0.5)), (65, 35), 9.13)

#: Every public function that needs a mixture, called with a configuration and what else it is given.
FUNCTIONS = {
    "potential_energies": lambda c, *a, **k: tg.potential_energies(c, *a, **k),
    "inherent_structure": lambda c, *a, **k: tg.inherent_structure(c, *a, **k).positions,
    "descriptors": lambda c, *a, **k: tg.descriptors(c, [0.0, 1.0], *a, **k).values,
    "swap_monte_carlo": lambda c, *a, **k: tg.swap_monte_carlo(c, 0.5, 2, 1, *a, **k)[0].positions,
    "isoconfigurational_dynamics": lambda c, *a, **k: tg.isoconfigurational_dynamics(
        c, 0.5, [0.0, 0.1], 2, 1, *a, **k
    ),
    "radical_perimeters": lambda c, *a, **k: tg.radical_perimeters(c, *a, **k),
    "bond_breaking": lambda c, *a, **k: tg.bond_breaking(
        c.positions, c.positions[None] * 1.001, c.box_length, c.species, *a, **k
    ),
}
GEOMETRIC = ("radical_perimeters", "bond_breaking")


def of_species(c, shares):
    """The same positions with other shares of species."""
    numbers = np.floor(np.cumsum(shares) * c.n_particles + 0.5).astype(int)
    species = 1 + np.searchsorted(numbers, np.arange(c.n_particles), side="right")
    return tg.Configuration(c.positions, np.random.default_rng(3).permutation(species), c.box_length)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_binary_liquid_needs_its_mixture_named(lattice, name):
    function = FUNCTIONS[name]
    binary = tg.inherent_structure(of_species(lattice, (0.65, 0.35)), mixture=BINARY).with_mixture(None)
    if name in GEOMETRIC:
        with pytest.warns(tg.MixtureWarning, match=r"shares of species 0.651, 0.349, 0.000.*mixture="):
            assumed = function(binary)
    else:
        with pytest.raises(ValueError, match=rf"{name} was called without a mixture.*0.651, 0.349, 0.000"):
            function(binary)
        assumed = function(binary, mixture=tg.KA2D)
    np.testing.assert_array_equal(assumed, function(binary, mixture=tg.KA2D))
    named = function(binary, mixture=BINARY)
    np.testing.assert_array_equal(function(binary, BINARY), named)  # in the next place as well as by name
    if name not in ("bond_breaking", "radical_perimeters"):  # same diameters among species 1 and 2
        other = tg.Mixture("other", BINARY.sigma, ((1.0, 1.0), (1.0, 1.0)), (65, 35), 9.13)
        assert not np.array_equal(function(binary, other), named)
    with pytest.raises(TypeError, match=r"mixture must be a tglassmlp.Mixture, found (str|dict)"):
        function(binary, mixture="KA2D")
    with pytest.raises(TypeError):
        function(binary, BINARY, mixture=BINARY)


HOT = dataclasses.replace(
    tg.KA2D,
    name="hot",
    sigma=tuple(tuple(1.03 * x for x in row) for row in tg.KA2D.sigma),
    epsilon=tuple(tuple(3.0 * x for x in row) for row in tg.KA2D.epsilon),
    radii=(0.515, 0.45, 0.48),
)
CARRYING = {name: function for name, function in FUNCTIONS.items() if name != "bond_breaking"}


@pytest.mark.parametrize("name", CARRYING)
def test_the_mixture_of_a_configuration_is_used(lattice, name):
    function, bare = CARRYING[name], tg.inherent_structure(lattice, mixture=HOT).with_mixture(None)
    hot, cold = function(bare, mixture=HOT), function(bare, mixture=tg.KA2D)
    assert not np.array_equal(hot, cold)
    carrying = bare.with_mixture(HOT)
    np.testing.assert_array_equal(function(carrying), hot)
    np.testing.assert_array_equal(function(carrying, HOT), hot)
    # another name, composition and box are the same potential
    np.testing.assert_array_equal(
        function(carrying, mixture=dataclasses.replace(HOT.scaled(10), name="warm")), hot
    )
    with pytest.raises(
        ValueError, match=rf"{name}: the configuration is of the mixture hot, but mixture=KA2D"
    ):
        function(carrying, mixture=tg.KA2D)
    with pytest.raises(ValueError, match="of the mixture KA2D, but mixture=hot"):
        function(bare.with_mixture(tg.KA2D), HOT)


def test_results_carry_the_mixture_they_were_made_with(lattice):
    assert tg.inherent_structure(lattice, mixture=HOT).mixture == HOT
    assert tg.inherent_structure(lattice.with_mixture(HOT)).mixture == HOT
    later, _ = tg.swap_monte_carlo(tg.inherent_structure(lattice.with_mixture(HOT)), 0.5, 2, 1)
    assert later.mixture == HOT
    described = tg.descriptors(tg.inherent_structure(lattice.with_mixture(HOT)), [0.0, 1.0])
    assert described.settings.mixture == HOT


def test_functions_below_the_interface_use_it_too(lattice):
    from tglassmlp.dynamics.bond_breaking import isoconfigurational_propensity, surviving_bonds
    from tglassmlp.equilibration.checks import check_temperature
    from tglassmlp.equilibration.settings import CheckLimits
    from tglassmlp.simulation.energies import forces, prepared, total_energy
    from tglassmlp.simulation.native.stepper import ReplicaStepper
    from tglassmlp.simulation.swap.chain import Chain

    bare = tg.inherent_structure(lattice, mixture=HOT).with_mixture(None)
    hot = bare.with_mixture(HOT)
    still = np.zeros((2, 1, bare.n_particles, 2)) + 0.3 * np.random.default_rng(0).normal(
        size=(2, 1, bare.n_particles, 2)
    )
    for function in (
        total_energy,
        forces,
        lambda c, **k: isoconfigurational_propensity(c, still, **k).mean,
        lambda c, **k: surviving_bonds(c, still, **k)[0],
        lambda c, **k: Chain(c, 0.5, 1, **k).energy,
        lambda c, **k: ReplicaStepper(c, 0.5, 2, **k).positions(),
    ):
        np.testing.assert_array_equal(function(hot), function(bare, mixture=HOT))
        with pytest.raises(ValueError, match="mixture hot, but mixture=KA2D"):
            function(hot, mixture=tg.KA2D)
    assert not np.isclose(total_energy(hot), total_energy(bare))
    with pytest.raises(ValueError, match="mixture hot, but mixture=KA2D"):
        prepared(hot, tg.KA2D)
    with pytest.raises(ValueError, match="check_temperature: the configuration is of the mixture hot"):
        check_temperature(pd.DataFrame(), [hot], 0.5, CheckLimits(), tg.KA2D)


def test_configurations_of_different_mixtures_have_no_common_one(lattice):
    with pytest.raises(ValueError, match="different mixtures, KA2D and hot"):
        carried_mixture([lattice.with_mixture(tg.KA2D), lattice.with_mixture(HOT)], "call")
    assert carried_mixture([lattice, lattice.with_mixture(HOT)], "call") is None
    assert carried_mixture([lattice.with_mixture(HOT)] * 2, "call") == HOT


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (DynamicsKeys(), r"config\.\S*DynamicsSettings; DynamicsSettings.from_mapping"),
        ({"time_step": 0.01}, "builtins.dict; DynamicsSettings.from_mapping"),
        (0.01, "builtins.float, e.g."),
        (None, "NoneType"),
    ],
)
def test_settings_of_dynamics_are_of_their_class(lattice, settings, found):
    needed = r"settings must be a tglassmlp.simulation.dynamics.DynamicsSettings, found \S*"
    with pytest.raises(TypeError, match=needed + found):
        tg.isoconfigurational_dynamics(lattice, 0.5, [0.0, 0.1], 2, 1, settings=settings)


@pytest.mark.parametrize(
    ("shares", "outcome"),
    [
        ((0.465, 0.256, 0.279), None),
        ((1 / 3, 1 / 3, 1 / 3), None),
        ((1.0,), None),  # the plain potential of reduced units
        ((0.0, 1.0), ValueError),
        ((0.5, 0.0, 0.5), ValueError),
        ((0.75, 0.15, 0.10), tg.MixtureWarning),
    ],
)
def test_which_liquids_may_be_the_default_mixture(lattice, shares, outcome):
    c = of_species(lattice, shares)
    if outcome is None:
        tg.potential_energies(c)
    elif outcome is ValueError:
        with pytest.raises(ValueError, match="called without a mixture"):
            tg.potential_energies(c)
    else:
        with pytest.warns(outcome, match="0.752, 0.147, 0.101"):
            tg.potential_energies(c)


def test_small_examples_may_have_any_composition():
    x = 1.1 * np.stack(np.meshgrid(np.arange(6), np.arange(5)), axis=-1).reshape(-1, 2)
    few = tg.Configuration(x[: SMALLEST_LIQUID - 1], 1 + np.arange(SMALLEST_LIQUID - 1) % 2, 7.0)
    assert np.all(np.isfinite(tg.potential_energies(few)))
    with pytest.raises(ValueError, match="without a mixture"):
        tg.potential_energies(tg.Configuration(x, 1 + np.arange(SMALLEST_LIQUID) % 2, 7.0))
    pair = tg.Configuration([[0, 0], [1.1, 0]], [1, 1], 10.0)
    np.testing.assert_array_equal(tg.potential_energies(pair, tg.KA2D), tg.potential_energies(pair))


STARTING = {"temperature": 0.5, "sweeps": 2, "seed": 1}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: tg.swap_monte_carlo(c, **{**STARTING, "temperature": 101.0}), "temperature .*at most 100"),
        (lambda c: tg.swap_monte_carlo(c, **{**STARTING, "temperature": np.inf}), "temperature"),
        (lambda c: tg.swap_monte_carlo(c, **{**STARTING, "seed": 1.5}), "seed must be a whole number"),
        (lambda c: tg.swap_monte_carlo(c, **{**STARTING, "seed": -1}), "seed must be a number at least 0"),
        (lambda c: tg.swap_monte_carlo(c, **STARTING, target_acceptance=0.9), "target_acceptance .*most 0.5"),
        (
            lambda c: tg.swap_monte_carlo(c, **STARTING, target_acceptance=0.2),
            "target_acceptance .*least 0.3",
        ),
        (lambda c: tg.swap_monte_carlo(c, **STARTING, displacement=np.nan), "displacement must be positive"),
        (lambda c: tg.swap_monte_carlo(c, **STARTING, displacement=30.0), "at most half the box"),
        (lambda c: tg.swap_monte_carlo(c, **STARTING, records=1.5), "records must be a whole number"),
        (lambda c: tg.swap_monte_carlo(c, **STARTING, tuning_sweeps=0.5), "tuning_sweeps .*whole"),
        (lambda c: tg.inherent_structure(c, 0.5), "force_tolerance must be a number at most 0.01"),
        (lambda c: tg.inherent_structure(c, np.nan), "force_tolerance must be a finite number"),
        (lambda c: tg.inherent_structure(c, maximum_steps=0), "maximum_steps must be a number at least 1"),
        (
            lambda c: tg.inherent_structure(c, True),
            "force_tolerance must be a number or name, not true/false",
        ),
        (lambda c: tg.isoconfigurational_dynamics(c, 200.0, [0.0, 0.1], 2, 1), "temperature .*at most 100"),
        (lambda c: tg.isoconfigurational_dynamics(c, 0.5, [0.0, 0.1], 2, 1.5), "seed"),
        (
            lambda c: tg.isoconfigurational_dynamics(
                c, 0.5, [0.0, 0.1], 2, 1, settings=DynamicsSettings(time_step=0.05)
            ),
            "time_step must be a number at most 0.02",
        ),
        (lambda c: tg.descriptors(c, [1.0, 0.5]), "lengths must rise"),
        (lambda c: tg.descriptors(c, [0.5, 0.5]), "lengths must rise"),
        (lambda c: tg.descriptors(c, [-1.0, 0.5]), "must not be negative"),
        (lambda c: tg.descriptors(c, [1.0], cutoff=6.0), "cutoff must be at most half the box"),
    ],
)
def test_the_interface_refuses_what_the_configuration_refuses(lattice, call, message):
    with pytest.raises(ValueError, match=message):
        call(lattice)


@pytest.mark.parametrize(("r_in", "r_out"), [(1.4, 1.4), (1.4, 1.2), (-1.0, 1.8), (1.4, np.nan), (0.0, 1.8)])
def test_bond_breaking_refuses_the_distances_that_the_configuration_refuses(lattice, r_in, r_out):
    with pytest.raises(ValueError, match=r"r_(in|out) must be (a positive number|more than r_in)"):
        tg.bond_breaking(
            lattice.positions, lattice.positions[None], lattice.box_length, lattice.species, r_in, r_out
        )


def test_values_of_the_configuration_are_checked_one_by_one():
    check(MinimisationSettings, force_tolerance=np.float64(1e-3), maximum_steps=np.int64(3))
    check(PropensitySettings, {"r_in": "inner"}, r_in=1.2)
    check(DescriptorSettings, lengths=np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="inner must be a number at least 1, found -1"):
        check(PropensitySettings, {"r_in": "inner"}, r_in=-1.0)
    with pytest.raises(ValueError, match="thermostat must be 'bussi' or 'nose_hoover', found \"none\""):
        check(DynamicsKeys, thermostat="none")


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -0.5])
def test_a_mixture_refuses_radii_that_are_no_lengths(value):
    with pytest.raises(ValueError, match="radii must hold 2 positive numbers"):
        tg.Mixture("AB", BINARY.sigma, BINARY.epsilon, (65, 35), 9.13, radii=(0.5, value))


def test_what_the_interface_returns_prints_as_one_line(lattice):
    _, statistics = tg.swap_monte_carlo(lattice, **STARTING)
    for found in (statistics, tg.KA2D, tg.load_networks("laptop"), tg.descriptors(lattice, [0.0, 1.0])):
        assert len(repr(found).splitlines()) == 1
        assert len(repr(found)) < 200
    assert repr(tg.KA2D) == "<Mixture KA2D: 3 species, 600 : 330 : 360, number density 1.192>"
    assert "2 sweeps" in repr(statistics)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda c: tg.inherent_structure(c.positions),
            TypeError,
            "inherent_structure: a tglassmlp.Configuration",
        ),
        (lambda c: tg.descriptors([c], [0.0]), TypeError, "Configuration is needed, found list"),
        (lambda c: tg.potential_energies(None), TypeError, "Configuration is needed, found NoneType"),
        (lambda c: tg.swap_monte_carlo(c, "0.5", 1, 1), ValueError, "temperature must be a number, not text"),
        (
            lambda c: tg.swap_monte_carlo(c, None, 1, 1),
            ValueError,
            "temperature must be a number, found null",
        ),
        (lambda c: tg.swap_monte_carlo(c, 0.5, "3", 1), ValueError, "sweeps must be a whole number"),
        (
            lambda c: tg.isoconfigurational_dynamics(c, 0.5, [0.0], None, 1),
            ValueError,
            "replicas must be a whole",
        ),
        (
            lambda c: tg.isoconfigurational_dynamics(c, 0.5, [0, 1e20], 2, 1),
            ValueError,
            "times must be at most",
        ),
        (
            lambda c: tg.isoconfigurational_dynamics(c, 0.5, "abc", 2, 1),
            ValueError,
            "times must be real numbers",
        ),
        (
            lambda c: tg.isoconfigurational_dynamics(c, 0.5, [0.0], 2, 1, engine=None),
            TypeError,
            "name of an engine",
        ),
        (
            lambda c: tg.descriptors(c, [0.0], central_species=[1, 2]),
            ValueError,
            "central_species must be a whole",
        ),
    ],
)
def test_values_of_the_wrong_kind_are_named(liquid, call, kind, message):
    with pytest.raises(kind, match=message):
        call(liquid)


@pytest.mark.parametrize(
    ("later", "message"),
    [
        (lambda x: x[None] + 1j, "later must be real numbers, found type complex128"),
        (lambda x: np.ma.masked_greater(x[None], 0.0), "later must all be given, found"),
        (lambda x: np.zeros((0, *x.shape)), "at least one replica, found none"),
    ],
)
def test_bonds_of_what_are_no_positions_are_not_counted(liquid, later, message):
    with pytest.raises(ValueError, match=message):
        tg.bond_breaking(liquid.positions, later(liquid.positions), liquid.box_length, liquid.species)
