"""Shared set-up: JAX on the CPU, published sample data, a small equilibrated liquid."""

from __future__ import annotations

import os
from pathlib import Path

# before any test module imports jax or matplotlib
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")
# the writer of movies would fork by a hook of Python, which JAX, if an earlier test has loaded it, warns of
os.environ.setdefault("IMAGEIO_FFMPEG_NO_PREVENT_SIGINT", "1")

# processes that tests start would compile every module that they import anew
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import numpy as np
import pytest

from tglassmlp import KA2D, Configuration

REPOSITORY = Path(__file__).resolve().parent.parent

# networks of the same shape are compiled once for all tests and the runs they start
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(REPOSITORY / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


#: Campaigns with a make target each; in a run of the tests only if its -m names them.
CAMPAIGNS = ("faults", "fuzz", "slurm", "campaign", "commands")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave campaigns out; start with the whole runs: they take longest, and workers then share the rest."""
    unasked = [name for name in CAMPAIGNS if name not in config.option.markexpr]
    out = [item for item in items if any(item.get_closest_marker(name) for name in unasked)]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]
    items.sort(key=lambda item: "workflow" not in item.path.parts)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the source tree."""
    return REPOSITORY


@pytest.fixture(scope="session")
def glassbench() -> Path:
    """Folder with a small published sample of GlassBench (KA2D); tests skip where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data" / "glassbench"
    if not folder.is_dir():
        pytest.skip(f"the GlassBench sample is not at {folder}")
    return folder


@pytest.fixture(scope="session")
def lattice() -> Configuration:
    """129 particles on a slightly disturbed square lattice, species mixed, at the density of KA2D."""
    mixture = KA2D.scaled(10)
    rng = np.random.default_rng(1)
    n = sum(mixture.composition)
    side = int(np.ceil(np.sqrt(n)))
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), axis=-1).reshape(-1, 2)[:n]
    spacing = mixture.box_length / side
    positions = (grid + 0.5) * spacing + rng.uniform(-0.02, 0.02, (n, 2))
    return Configuration(positions, rng.permutation(mixture.species()), mixture.box_length)


@pytest.fixture(scope="session")
def liquid(lattice: Configuration) -> Configuration:
    """129 particles of KA2D in equilibrium at T = 0.60 (swap Monte Carlo, 600 sweeps)."""
    from tglassmlp import swap_monte_carlo

    return swap_monte_carlo(lattice, temperature=0.60, sweeps=600, seed=3)[0]


@pytest.fixture
def order_once(monkeypatch):
    """Radial distributions of copies of one configuration, which are those of one of them, measured once."""
    from tglassmlp.equilibration import checks

    measured = checks.radial_distributions
    kept = {}

    def remembered(configurations, n_species):
        first = configurations[0]
        assert all(c is first for c in configurations)
        if id(first) not in kept:
            kept[id(first)] = first, measured([first], n_species)
        return kept[id(first)][1]

    monkeypatch.setattr(checks, "radial_distributions", remembered)
