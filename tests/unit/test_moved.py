"""Scripts that were written for modules that have moved go on working, with a word about the new place."""

from __future__ import annotations

import importlib
import importlib.util

import pytest

from tglassmlp.moved import MOVED

PACKAGE = "tglassmlp"


@pytest.mark.parametrize("old", MOVED)
def test_every_old_name_leads_to_modules_that_are_there(old, repository):
    package = repository / "src" / "tglassmlp"
    for room in MOVED[old]:
        place = package.joinpath(*room.split("."))
        assert place.with_suffix(".py").is_file() or (place / "__init__.py").is_file(), room
    old_place = package.joinpath(*old.split("."))
    assert not old_place.with_suffix(".py").exists(), f"{old} is a module again"


@pytest.mark.parametrize(
    ("old", "name", "new"),
    [
        ("glassbench", "read_glassbench", "readers.glassbench"),
        ("simulation.molecular_dynamics", "DynamicsSettings", "simulation.dynamics"),
        ("simulation.molecular_dynamics", "isoconfigurational_dynamics", "simulation.run"),
        ("simulation.swap_monte_carlo", "swap_monte_carlo", "simulation.swap.sampler"),
        ("simulation.equilibration", "lattice_start", "equilibration.start"),
        ("dynamics.relaxation", "crossing_time", "dynamics.clock"),
    ],
)
def test_an_old_import_gives_the_same_object_and_a_warning(old, name, new):
    with pytest.warns(DeprecationWarning, match=f"{name} is in tglassmlp.{new} now"):
        found = getattr(importlib.import_module(f"tglassmlp.{old}"), name)
    assert found is getattr(importlib.import_module(f"tglassmlp.{new}"), name)


def test_what_was_never_there_is_refused():
    with pytest.raises(AttributeError, match=r"has moved, and 'nothing' is not in tglassmlp\.readers"):
        _ = importlib.import_module(f"{PACKAGE}.glassbench").nothing
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"{PACKAGE}.no_such_module")
    assert importlib.util.find_spec(f"{PACKAGE}.simulation.no_such_module") is None
