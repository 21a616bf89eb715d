"""What an installation needs: the small one predicts; lock file and environments hold all extras."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib

import pytest

#: Name of a distribution where that of its module is another one.
DISTRIBUTIONS = {"freud": "freud-analysis", "yaml": "pyyaml"}

#: Names at conda-forge where they are others.
CONDA = {"freud-analysis": "freud", "matplotlib": "matplotlib-base", "snakemake": "snakemake-minimal"}

#: Imported inside functions only, after asking whether it is there.
OPTIONAL = {"hoomd", "cupy"}

#: Reads a configuration, predicts and draws with the packages of the extras out of reach.
SMALL = """
import sys

EXTRAS = set(sys.argv[1].split(","))


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())
import numpy as np
import tglassmlp as tg
from tglassmlp.command.parser import main

for name in tg.__all__:
    getattr(tg, name)
dynamics = tg.load_dataset().at(0.40).dynamics(0)
tg.plot_relaxation(dynamics.times, dynamics.propensity)
c = tg.load_dataset().at(0.40).configuration(0)
tg.write_configurations(sys.argv[2] + "/c.gsd", [c])
words = ["predict", sys.argv[2] + "/c.gsd", "--temperature", "0.4", "--c-b", "0.5", "--out", sys.argv[2]]
status = main(words)
assert not EXTRAS & {module.split(".")[0] for module in sys.modules}
sys.exit(status)
"""


@pytest.fixture(scope="module")
def project(repository):
    return tomllib.loads((repository / "pyproject.toml").read_text())["project"]


def names(requirements):
    """Distributions of a list of requirements, without the package's own extras."""
    found = {re.match(r"[A-Za-z0-9_.-]+", line)[0].lower() for line in requirements}
    return found - {"tglassmlp"}


def modules_of(distributions):
    other = {distribution: module for module, distribution in DISTRIBUTIONS.items()}
    return {other.get(name, name).replace("-", "_") for name in distributions}


def test_the_small_installation_predicts_and_draws(project, tmp_path):
    extras = project["optional-dependencies"]
    blocked = modules_of(names(extras["train"]) | names(extras["workflow"])) | {"jaxlib"}
    assert {"jax", "flax", "optax", "pandas", "pyarrow", "freud", "imageio", "snakemake"} <= blocked
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SMALL, ",".join(sorted(blocked)), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("c_T0.40_cb0.50.*"))) == 3


def test_every_import_is_declared(project, repository):
    """Imports of the package, wherever they stand, belong to a dependency or an extra."""
    extras = project["optional-dependencies"]
    declared = names(project["dependencies"]) | names(extras["train"]) | names(extras["workflow"])
    allowed = modules_of(declared) | set(sys.stdlib_module_names) | {"tglassmlp", "mpl_toolkits"} | OPTIONAL
    allowed |= {"llvmlite", "cycler", "PIL"}  # numba and matplotlib always bring them
    for path in sorted((repository / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found = [node.module]
            else:
                continue
            for name in found:
                assert name.split(".")[0] in allowed, f"{path}: {name}"


def test_lock_file_and_environments_hold_all_extras(project, repository):
    extras = project["optional-dependencies"]
    run = names(project["dependencies"]) | names(extras["train"]) | names(extras["workflow"])
    locked = re.findall(r"^([A-Za-z0-9_.-]+)==", (repository / "requirements.lock").read_text(), re.MULTILINE)
    assert {name.lower() for name in locked} >= run | {name.lower() for name in names(extras["dev"])}
    for file in ("workflow.yaml", "hoomd.yaml"):
        listed = re.findall(r"^ +- ([A-Za-z0-9_.-]+)", (repository / "envs" / file).read_text(), re.MULTILINE)
        assert set(listed) >= {CONDA.get(name, name) for name in run}, file


def test_the_wheel_holds_networks_and_the_command(project, repository):
    settings = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["setuptools"]
    inside = {pattern for patterns in settings["package-data"].values() for pattern in patterns}
    package = repository / "src" / "tglassmlp"
    # compiled kernels are kept in the folders of compiled modules
    files = [p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    data = [p for p in files if p.suffix != ".py"]
    assert any(p.name == "laptop.npz" for p in data)
    for path in data:
        relative = path.relative_to(package)
        assert any(relative.match(pattern) for pattern in inside), f"{relative} is not in the wheel"
    module, _, function = project["scripts"]["tglassmlp"].partition(":")
    __import__(module)
    assert callable(getattr(sys.modules[module], function))


def test_make_lets_python_keep_what_it_compiles(repository):
    """Containers often forbid it, and then each of hundreds of processes compiles all that it imports."""
    shown = subprocess.run(
        ["make", "--no-print-directory", "--eval", "shown: ; @env", "shown"],
        cwd=repository,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OF_THE_USER": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "OF_THE_USER=1" in shown
    assert "PYTHONDONTWRITEBYTECODE" not in shown
