"""The public interface: what can be imported, at what cost, and the name shared with a subpackage."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import tglassmlp as tg


def python(code: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


@pytest.mark.parametrize("name", [n for n in tg.__all__ if n not in ("__version__", "load_networks")])
def test_every_public_name_exists(name):
    assert getattr(tg, name) is not None


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
    "before", ["", "import tglassmlp.descriptors.local", "from tglassmlp.descriptors import coarse_grain"]
)
def test_descriptors_can_be_called_whatever_was_imported(before):
    code = f"{before}\nimport tglassmlp as tg\nprint(callable(tg.descriptors), tg.descriptors.__name__)"
    assert python(code) == "True tglassmlp.descriptors"


def test_descriptors_of_the_facade_are_those_of_the_module(lattice):
    from tglassmlp.descriptors.coarse_grain import descriptors

    values, names = tg.descriptors(lattice, [0.0, 1.0])
    again, same = descriptors(lattice, [0.0, 1.0])
    assert list(names) == list(same)
    np.testing.assert_array_equal(values, again)
    assert values.shape == (lattice.n_particles, len(names))


def test_dir_lists_the_public_names():
    assert set(tg.__all__) <= set(dir(tg))
