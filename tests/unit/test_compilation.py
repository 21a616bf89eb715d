"""Where compiled kernels are kept, and that a call succeeds where nothing can be kept."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import warnings

import pytest

from tglassmlp import compilation

KERNEL = """
from tglassmlp.compilation import njit

@njit(error_model="numpy")
def twice(x):
    return 2 * x
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A module whose folder cannot keep what is compiled, and no home."""
    (tmp_path / "package").mkdir()
    (tmp_path / "temporary").mkdir()
    (tmp_path / "package" / "__pycache__").write_text("a file, so that no folder can be made here")
    (tmp_path / "package" / "kernel.py").write_text(KERNEL)
    monkeypatch.setenv("HOME", str(tmp_path / "package" / "kernel.py"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(compilation.numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


def kernel(place):
    """The compiled function, defined anew as in a new process."""
    spec = importlib.util.spec_from_file_location("kernel", place / "package" / "kernel.py")
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*bytecode.*")
        spec.loader.exec_module(module)
    return module.twice


def test_kernels_of_a_read_only_installation_are_kept_among_temporary_files(place):
    assert kernel(place)(1.5) == 3.0
    kept = place / "temporary" / f"tglassmlp-{os.getuid()}"
    assert kept.stat().st_mode & 0o077 == 0
    assert list(kept.rglob("*.nbc"))
    again = kernel(place)
    assert again(1.5) == 3.0
    assert sum(again.stats.cache_hits.values()) == 1
    assert compilation.numba.config.CACHE_DIR == ""


def test_a_chosen_folder_comes_first(place, monkeypatch):
    monkeypatch.setattr(compilation.numba.config, "CACHE_DIR", str(place / "chosen"))
    assert kernel(place)(1.5) == 3.0
    assert list((place / "chosen").rglob("*.nbc"))


def test_a_writable_package_keeps_its_kernels_beside_it(place):
    (place / "package" / "__pycache__").unlink()
    assert kernel(place)(1.5) == 3.0
    assert list((place / "package" / "__pycache__").glob("*.nbc"))
    assert not list((place / "temporary").iterdir())


def test_kernels_run_where_nothing_can_be_kept_and_a_folder_of_others_is_not_trusted(place):
    others = place / "temporary" / f"tglassmlp-{os.getuid()}"
    others.mkdir()
    others.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR names a folder"):
        function = kernel(place)
    assert function(1.5) == 3.0
    assert not list(others.iterdir())


@pytest.mark.parametrize("content", [b"", b"\x80\x05"])
def test_a_damaged_cache_is_passed_over(place, content):
    assert kernel(place)(1.5) == 3.0
    for path in (place / "temporary").rglob("*.nb[ci]"):
        path.write_bytes(content)
    assert kernel(place)(1.5) == 3.0


def test_a_cache_that_becomes_read_only_is_passed_over(place, monkeypatch):
    function = kernel(place)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compilation.FunctionCache, "save_overload", full)
    assert function(1.5) == 3.0
    assert function(2) == 4


def test_every_kernel_of_the_package_is_compiled_this_way(repository):
    for path in (repository / "src").rglob("*.py"):
        if path.name != "compilation.py":
            assert not re.search(r"(?m)^import numba|numba\.n?jit|cache=True", path.read_text()), path


BITS = """
import hashlib
import numpy as np
from tglassmlp import KA2D
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.simulation.swap.chain import Chain

mixture = KA2D.scaled(10)
chain = Chain(lattice_start(mixture, np.random.SeedSequence(1)), 1.0, seed=1, mixture=mixture)
found = hashlib.sha256()
for _ in range(100):
    chain.run(20)
    found.update(np.float64(chain.energy).tobytes())
print(found.hexdigest())
"""


@pytest.mark.slow
def test_bits_do_not_depend_on_where_a_kernel_was_compiled(tmp_path):
    """In this process, or in another that kept it: running energies, which show the last bit, are equal."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def bits():
        command = [sys.executable, "-c", BITS]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    fresh = bits()
    assert list((tmp_path / "cache").rglob("*.nbc"))
    assert bits() == fresh


def test_kernels_whose_sums_may_be_reordered_are_inlined(repository):
    """They are optimised again where they are called.

    Unless they are inlined, two versions of one function have the same name, and the first that a process
    loads serves all callers. So every compiled function that is called by another one and contains such
    arithmetic, its own or that of an inlined one, is inlined itself.
    """
    kernels = {}
    for path in sorted((repository / "src" / "tglassmlp").rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef):
                continue
            for decorator in function.decorator_list:
                if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "njit":
                    options = {k.arg: k.value for k in decorator.keywords}
                    calls = {
                        getattr(c.func, "attr", getattr(c.func, "id", None))
                        for c in ast.walk(function)
                        if isinstance(c, ast.Call)
                    }
                    assert function.name not in kernels, f"two kernels are called {function.name}"
                    kernels[function.name] = (options, calls)
    called = set().union(*(calls for _, calls in kernels.values()))
    loose = {name for name, (options, _) in kernels.items() if "fastmath" in options}
    assert len(loose) >= 4
    while new := {name for name, (_, calls) in kernels.items() if calls & loose} - loose:
        loose |= new
    for name in sorted(loose & called):
        options = kernels[name][0]
        assert "forceinline" in options or "inline" in options, (
            f"{name} must be compiled with forceinline=True"
        )


def test_kernels_kept_for_arguments_of_a_module_that_moved_are_compiled_again(tmp_path):
    """As after an update: the kernel's own file is the same, a class of its arguments is elsewhere."""
    (tmp_path / "kernel.py").write_text(
        "from tglassmlp.compilation import njit\n\n@njit()\ndef total(pair):\n    return pair.a + pair.b\n"
    )
    group = "from typing import NamedTuple\n\nclass Pair(NamedTuple):\n    a: int\n    b: int\n"
    found = []
    for place in ("before", "after", "after"):
        for old in ("before", "after"):
            (tmp_path / f"{old}.py").unlink(missing_ok=True)
        (tmp_path / f"{place}.py").write_text(group)
        code = (
            f"import kernel, {place}\n"
            f"print(kernel.total({place}.Pair(1, 2)), sum(kernel.total.stats.cache_hits.values()))"
        )
        run = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kept"), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        found.append(run.stdout.split())
    assert found == [["3", "0"], ["3", "0"], ["3", "1"]]
