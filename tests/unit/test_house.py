"""The plan of the house: imports go downwards only, and no two modules need each other.

Every import of the package is read from its source, also those inside functions and those for type checkers.
A floor is a list of modules and subpackages; what is on one floor may import what is on floors below it, and
what is within the same subpackage. Beside that, no circle of modules may exist anywhere.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

#: Floors of the package, the ground first. A name stands for the module or for everything in the subpackage.
FLOORS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "rules",
        (
            "limits",
            "moved",
            "compilation",
            "randomness",
            "potentials",
            "box",
            "state_point",
            "frames",
            "correlation",
        ),
    ),
    ("names", ("labels", "paths", "division", "engines", "provenance", "formats")),
    ("work", ("progress", "launch")),
    ("matter", ("mixture", "status")),
    ("a system", ("configuration", "species")),
    ("what a call means", ("default_mixture", "published", "settings")),
    ("files", ("storage",)),
    ("motion", ("simulation",)),
    ("equilibrium", ("equilibration",)),
    ("what others made", ("readers",)),
    ("relaxation, structure", ("dynamics", "local_structure")),
    ("what is learnt", ("network",)),
    ("configuration of a run", ("config",)),
    ("what it costs", ("cost", "verify")),
    ("what is measured", ("observables", "methods")),
    ("tables", ("tables", "studies")),
    ("claims", ("claims", "folds")),
    ("pictures, data sets", ("figures", "dataset")),
    ("the command", ("command",)),
    ("its door", ("__main__",)),
)

#: Floors within the simulation.
SIMULATION: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("formulas, settings", ("inlined", "dynamics", "minimisation_settings", "checkpoint")),
    ("lists", ("neighbour_lists", "replica_run")),
    ("pair loops", ("energies", "thermostats")),
    ("protocols, ways down", ("protocols", "descent")),
    ("minima", ("minimisation",)),
    ("engines", ("native", "swap", "hoomd")),
    ("engines in their units", ("cuda", "hybrid")),
    ("doors", ("run",)),
)


def modules(package: Path) -> dict[str, Path]:
    """Source of every module, by its name below the package (``simulation.native.engine``)."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    del found[""]  # the facade, which loads everything lazily
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """Modules of the package that a module imports, wherever in its source."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            named = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: relative import"
            continue
        for full in named:
            parts = full.split(".")
            if parts[0] != "tglassmlp":
                continue
            # the longest beginning that is a module
            while len(parts) > 1 and ".".join(parts[1:]) not in known:
                parts.pop()
            if len(parts) > 1:
                found.add(".".join(parts[1:]))
    return found - {name}


@pytest.fixture(scope="module")
def house(repository):
    return modules(repository / "src" / "tglassmlp")


@pytest.fixture(scope="module")
def graph(house):
    return {name: imports(name, path, house) for name, path in house.items()}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected groups of more than one module (Tarjan)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in order:
                visit(other)
            if other in stack:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == order[name]:
            group = [stack.pop()]
            while group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for name in sorted(graph):
        if name not in order:
            visit(name)
    return found


def level(name: str, floors: tuple[tuple[str, tuple[str, ...]], ...]) -> int | None:
    """Floor of a module, None if it has none."""
    for number, (_, rooms) in enumerate(floors):
        if any(name == room or name.startswith(f"{room}.") for room in rooms):
            return number
    return None


def climbing(graph, floors, inside: str = "") -> set[tuple[str, str]]:
    """Imports that do not go down, among the modules below ``inside``."""
    found = set()
    for name, others in graph.items():
        for other in others:
            if not (name.startswith(inside) and other.startswith(inside)):
                continue
            a, b = name.removeprefix(inside), other.removeprefix(inside)
            if a.split(".")[0] == b.split(".")[0]:
                continue  # one room
            here, there = level(a, floors), level(b, floors)
            if here is not None and there is not None and there >= here:
                found.add((name, other))
    return found


def test_no_two_modules_need_each_other(graph):
    assert circles(graph) == []


def test_every_room_has_one_floor(graph):
    rooms = [room for _, names in FLOORS for room in names]
    assert len(rooms) == len(set(rooms))
    homeless = sorted({name.split(".")[0] for name in graph} - set(rooms))
    assert homeless == [], f"give them a floor in {Path(__file__).name}"
    inside = {name.split(".")[1] for name in graph if name.startswith("simulation.")}
    assert sorted(inside) == sorted(room for _, names in SIMULATION for room in names)


def test_imports_go_downwards_only(graph):
    assert climbing(graph, FLOORS) == set()
    assert climbing(graph, SIMULATION, "simulation.") == set()


def test_a_circle_and_a_climb_are_found():
    graph = {"box": {"config"}, "config": {"mixture"}, "mixture": {"box"}, "storage": {"box"}}
    assert circles(graph) == [["box", "config", "mixture"]]
    assert climbing(graph, FLOORS) == {("box", "config")}
    within = {"simulation.inlined": {"simulation.run"}, "simulation.run": {"simulation.inlined"}}
    assert climbing(within, SIMULATION, "simulation.") == {("simulation.inlined", "simulation.run")}


def test_imports_are_read_wherever_they_stand(tmp_path):
    source = tmp_path / "one.py"
    source.write_text(
        "from tglassmlp import box\n"
        "if TYPE_CHECKING:\n    from tglassmlp.mixture import Mixture\n"
        "def f():\n    import tglassmlp.simulation.run\n"
    )
    known = dict.fromkeys(("box", "mixture", "simulation", "simulation.run", "one"), source)
    assert imports("one", source, known) == {"box", "mixture", "simulation.run"}


def test_hoomd_imports_no_other_engine(graph):
    for name, others in graph.items():
        if name.startswith("simulation.hoomd"):
            assert not any(other.startswith(("simulation.native", "simulation.swap")) for other in others), (
                name
            )


def test_nobody_asks_for_an_engine_by_name(repository):
    """What an engine can do is declared; a comparison with its name is a guess about that."""
    asked = re.compile(r"engine\w*\s*[!=]=\s*[\"']|[\"'](native|hoomd)[\"']\s*[!=]=")
    for folder in ("src", "workflow", "scripts"):
        for path in (repository / folder).rglob("*.*"):
            if path.suffix in (".py", ".smk"):
                assert not asked.search(path.read_text()), path


def test_the_potential_stands_once(repository):
    """Powers of its two terms and the polynomial that smooths them, outside of the module that has them."""
    written = re.compile(r"\*\*\s*-\s*(12|13)\b|cube \* \(cube - 1|\bc2 \+ c4 \*|\* c2 \* c2 / c4")
    for path in (repository / "src").rglob("*.py"):
        assert bool(written.search(path.read_text())) == (path.name == "potentials.py"), path


@pytest.mark.parametrize("module", ["config", "cost", "engines", "simulation.protocols"])
def test_what_rules_load_compiles_nothing(module):
    code = f"import sys, tglassmlp.{module}; print(*{{'numba', 'jax'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
