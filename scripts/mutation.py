"""How much the tests notice: small wrong changes of the code, made one at a time, and the tests that fail.

    python scripts/mutation.py simulation dynamics             # 40 changes of each package, drawn with seed 1
    python scripts/mutation.py observables --number 60 --seed 2
    python scripts/mutation.py simulation --only moves.py energies.py
    python scripts/mutation.py simulation dynamics --by-hand   # the changes listed in tests/mutants.toml
    python scripts/mutation.py observables --list              # what would be done, without doing it

A change is one of those that people make: another operator (+ and -, * and /), a factor or a power left out,
a comparison turned or made strict, a number off by one or by a factor of two (also indices, axes, ddof),
a sign or a "not" dropped, sum for mean, min for max, std for var, sqrt left out. Annotations, texts
and what is raised are left alone. Every change is made in a copy of the source tree in which only the tests
that cover its module run (TESTS below), until the first one fails or the time limit ends. A change is killed
if a test fails or the time limit is exceeded; it survives if all tests pass.

Compiled functions are cached by Numba under the time stamp of their own file only. So with each change the
caches of all modules that import the changed one are set aside as well; they are put back afterwards.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("src/tglassmlp")
#: Changes made by hand, as (file, what, old, new).
BY_HAND = Path("tests/mutants.toml")
UNIT, PHYSICS = "tests/unit/test_", "tests/physics/test_"

#: Tests that cover each module, quick ones first.
TESTS: dict[str, list[str]] = {
    "potentials.py": ["u:mixture", "u:energies", "p:dynamics"],
    "engines.py": ["u:engines", "u:cost"],
    "simulation/energies.py": ["u:energies", "u:minimisation", "u:swap_monte_carlo"],
    "simulation/neighbour_lists.py": ["u:energies", "u:minimisation", "u:swap_monte_carlo"],
    "simulation/dynamics.py": ["u:engines", "p:thermostat", "u:molecular_dynamics"],
    "simulation/protocols.py": ["u:engines", "u:molecular_dynamics"],
    "simulation/thermostats.py": ["p:thermostat", "u:molecular_dynamics", "p:dynamics"],
    "simulation/native/*": ["p:thermostat", "u:molecular_dynamics", "p:dynamics"],
    "simulation/run.py": ["u:engines", "u:molecular_dynamics"],
    "simulation/inlined.py": ["u:energies", "u:box"],
    "simulation/replica_run.py": ["u:replica_run", "u:molecular_dynamics"],
    "simulation/swap/*": ["u:swap_monte_carlo", "p:detailed_balance"],
    "equilibration/*": ["u:equilibration_plan", "u:equilibration", "u:ladder"],
    "simulation/descent.py": ["u:minimisation"],
    "simulation/minimisation.py": ["u:minimisation"],
    "simulation/checkpoint.py": ["u:checkpoint"],
    "simulation/minimisation_settings.py": ["u:settings", "u:minimisation"],
    "simulation/hybrid.py": ["p:hybrid"],
    "simulation/cuda/*": ["u:cuda_phases", "u:cuda_card", "p:cuda_dynamics", "p:cuda_swap"],
    "dynamics/bond_breaking.py": ["u:bond_breaking"],
    "dynamics/propensity.py": ["u:bond_breaking", "u:labels"],
    "dynamics/displacement.py": ["u:labels"],
    "dynamics/correlations.py": ["u:correlations", "u:relaxation"],
    "dynamics/labels.py": ["u:labels"],
    "dynamics/label_map.py": ["u:label_map"],
    "dynamics/clock.py": ["u:relaxation", "u:labels"],
    "dynamics/master_curve.py": ["u:relaxation"],
    "dynamics/relaxation_times.py": ["u:relaxation"],
    "dynamics/extrapolation.py": ["u:extrapolation"],
    "dynamics/stages.py": ["u:labels"],
    "labels.py": ["u:labels"],
    "paths.py": ["u:paths"],
    "local_structure/*": ["u:descriptors", "u:steps", "u:standardise"],
    "network/architecture.py": ["u:networks_by_hand", "u:network_model"],
    "network/state_features.py": ["u:networks_by_hand", "u:network_model"],
    "network/flax_modules.py": ["u:networks_by_hand", "u:network_model", "u:network_prediction"],
    "network/tglassmlp.py": ["u:network_prediction", "u:networks_by_hand"],
    "network/glassmlp.py": ["u:network_prediction", "u:networks_by_hand"],
    "network/plain_layers.py": ["u:networks_by_hand", "u:network_prediction"],
    "network/models.py": ["u:models"],
    "network/protocol.py": ["u:models", "u:studies"],
    "network/loss.py": ["u:networks_by_hand", "u:network_training"],
    "network/contrast.py": ["u:contrast"],
    "network/calibration.py": ["u:contrast"],
    "network/residual.py": ["u:residual"],
    "network/dataset.py": ["u:networks_by_hand", "u:network_training"],
    "network/settings.py": ["u:networks_by_hand", "u:network_training"],
    "network/data_stream.py": ["u:networks_by_hand", "u:network_training"],
    "network/layout.py": ["u:networks_by_hand", "u:network_training"],
    "network/training_device.py": ["u:network_training"],
    "network/optimise.py": ["u:networks_by_hand", "u:network_training"],
    "network/selection.py": ["u:networks_by_hand", "u:network_prediction"],
    "network/run_files.py": ["u:steps", "u:network_prediction"],
    "network/training_run.py": ["u:steps", "u:network_prediction"],
    "network/prediction_run.py": ["u:steps", "u:network_prediction"],
    "network/both_steps.py": ["u:folds", "u:studies"],
    "network/prediction.py": ["u:networks_by_hand", "u:network_prediction"],
    "network/domain.py": ["u:network_prediction"],
    "network/stored.py": ["u:network_prediction"],
    "network/networks.py": ["u:networks_by_hand", "u:network_prediction"],
    "network/linear.py": ["u:steps", "u:network_prediction"],
    "network/baselines.py": ["u:steps", "u:network_prediction"],
    "network/learning.py": ["u:learning"],
    "network/library.py": ["u:network_prediction"],
    "network/publish.py": ["u:networks_by_hand", "u:network_prediction"],
    "observables/trends.py": ["u:trends", "u:folds"],
    "observables/length_exponents.py": ["u:trends"],
    "observables/bootstrap.py": ["u:observables_by_hand", "u:trends", "u:observables", "u:folds"],
    "observables/pair_structure.py": ["u:pair_structure"],
    "tables/contrast.py": ["u:contrast_table"],
    "tables/pair_structure.py": ["u:pair_structure"],
    "tables/energies.py": ["u:pair_structure"],
    "observables/*": ["u:observables_by_hand", "u:tables", "u:observables"],
    "tables/*": ["u:tables", "u:observables"],
    "claims/*": ["u:tables", "u:figures"],
}  # fmt: skip
#: Modules and subpackages that hold nothing to change or need a library which is not installed everywhere.
LEFT_OUT = ("__init__.py", "hoomd")

_SYMBOLS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%"}
_OPERATORS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "/", ast.Mod: "//"}
_SIGNS = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is",
    ast.IsNot: "is not",
}  # fmt: skip
_COMPARISONS = {
    ast.Lt: ("<=", ">"),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<"),
    ast.GtE: (">", "<"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
}
_NAMES = {
    "sum": "mean", "mean": "sum", "min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum",
    "std": "var", "var": "std", "floor": "ceil", "ceil": "floor", "rint": "floor", "argmin": "argmax",
    "argmax": "argmin", "cos": "sin", "sin": "cos", "any": "all", "all": "any", "cumsum": "cumprod",
    "median": "mean", "abs": "+", "sqrt": "+", "log": "+", "exp": "+",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: ``before`` becomes ``after`` in ``file`` (below the package) at character ``at``."""

    file: str
    line: int
    at: int
    before: str
    after: str
    what: str = ""


# --------------------------------------------------------------------------------------------------
# Changes that a module allows
# --------------------------------------------------------------------------------------------------


class _Finder(ast.NodeVisitor):
    """Collects, for every place of a module, the list of changes that can be made there."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text = file, text
        self.places: list[list[Mutant]] = []
        self.starts = [0]
        for line in text.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def where(self, line: int, column: int) -> int:
        # columns of ast count bytes
        row = self.text[self.starts[line - 1] :].encode()[:column]
        return self.starts[line - 1] + len(row.decode())

    def span(self, node: ast.AST) -> tuple[int, int]:
        return self.where(node.lineno, node.col_offset), self.where(node.end_lineno, node.end_col_offset)

    def source(self, node: ast.AST) -> str:
        begin, end = self.span(node)
        return self.text[begin:end]

    def note(self, node: ast.AST, *changes: tuple[int, int, str]) -> None:
        self.places.append(
            [
                Mutant(self.file, node.lineno, a, self.text[a:b], new)
                for a, b, new in changes
                if self.text[a:b] != new
            ]
        )

    def between(self, left: ast.AST, right: ast.AST, symbol: str) -> tuple[int, int]:
        """Place of an operator between two operands, which may stand in brackets."""
        begin, end = self.span(left)[1], self.span(right)[0]
        at = self.text.index(symbol, begin, end)
        return at, at + len(symbol)

    # what is left alone
    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for default in [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]:
            self.visit(default)
        for child in node.body:
            self.visit(child)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for child in node.body:
            self.visit(child)

    def visit_Raise(self, node: ast.Raise) -> None:
        pass

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        pass

    # what is changed
    def visit_BinOp(self, node: ast.BinOp) -> None:
        self.generic_visit(node)
        whole = self.span(node)
        if isinstance(node.op, ast.Pow):
            self.note(node, (*whole, f"({self.source(node.left)})"))
        elif type(node.op) in _SYMBOLS and not self.is_text(node):
            place = self.between(node.left, node.right, _SYMBOLS[type(node.op)])
            changes = [(*place, _OPERATORS[type(node.op)])]
            if isinstance(node.op, ast.Mult | ast.Div):
                changes.append((*whole, f"({self.source(node.left)})"))
            if isinstance(node.op, ast.Mult):
                changes.append((*whole, f"({self.source(node.right)})"))
            self.note(node, *changes)

    @staticmethod
    def is_text(node: ast.BinOp) -> bool:
        """Whether texts or lists are put together here."""
        parts = [n for n in (node.left, node.right) if isinstance(n, ast.JoinedStr | ast.List)]
        constants = [n for n in (node.left, node.right) if isinstance(n, ast.Constant)]
        return bool(parts) or any(isinstance(n.value, str) for n in constants)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.generic_visit(node)
        symbol = {ast.Add: "+=", ast.Sub: "-=", ast.Mult: "*=", ast.Div: "/="}.get(type(node.op))
        if symbol is not None:
            place = self.between(node.target, node.value, symbol)
            self.note(node, (*place, _OPERATORS[type(node.op)] + "="), (*place, "="))

    def visit_Compare(self, node: ast.Compare) -> None:
        self.generic_visit(node)
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            if type(op) in _COMPARISONS:
                place = self.between(left, right, _SIGNS[type(op)])
                self.note(node, *((*place, new) for new in _COMPARISONS[type(op)]))
            left = right

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.generic_visit(node)
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        self.note(node, (*self.between(node.values[0], node.values[1], old), new))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.USub | ast.Not):
            self.note(node, (*self.span(node), f"({self.source(node.operand)})"))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value, place = node.value, self.span(node)
        if isinstance(value, bool):
            self.note(node, (*place, str(not value)))
        elif isinstance(value, int):
            self.note(node, (*place, str(value + 1)), (*place, str(max(value - 1, 0))))
        elif isinstance(value, float) and value != 0.0:
            self.note(node, (*place, repr(2.0 * value)), (*place, repr(0.5 * value)))

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in _NAMES:
            end = self.span(node.func)[1]
            new = _NAMES[name]
            if new == "+":  # the function is left out
                self.note(node, (*self.span(node.func), "+"))
            elif isinstance(node.func, ast.Attribute) or name in ("min", "max", "any", "all"):
                self.note(node, (end - len(name), end, new))


def mutants_of(file: str, text: str) -> list[list[Mutant]]:
    """List the places of a module where something can be changed, each with its changes."""
    finder = _Finder(file, text)
    finder.visit(ast.parse(text))
    return [place for place in finder.places if place]


def changed(text: str, m: Mutant) -> str:
    """Text of the module with the change made."""
    return text[: m.at] + m.after + text[m.at + len(m.before) :]


def modules(packages: list[str], only: list[str], kinds: tuple[str, ...] = ("*.py",)) -> list[str]:
    """Files of packages, as names below the package's root."""
    found = [
        str(p.relative_to(ROOT / PACKAGE))
        for package in packages
        for kind in kinds
        for p in sorted((ROOT / PACKAGE / package).rglob(kind))
        if not {p.name, p.parent.name} & set(LEFT_OUT) and (not only or p.name in only)
    ]
    if not found:
        sys.exit(f"no module in {packages} {only}")
    return found


def drawn(files: list[str], number: int, seed: int) -> list[Mutant]:
    """Draw ``number`` changes: places uniformly among all files, then one of the changes of each."""
    places = [p for f in files for p in mutants_of(f, (ROOT / PACKAGE / f).read_text())]
    rng = random.Random(seed)
    chosen = rng.sample(places, min(number, len(places)))
    # in random order, so that those tried before a time limit are a fair sample, too
    return [rng.choice(p) for p in chosen]


def by_hand(files: list[str]) -> list[Mutant]:
    """Changes of the list kept with the tests; each old text must be in its file exactly once."""
    found = []
    for entry in tomllib.loads((ROOT / BY_HAND).read_text())["mutant"]:
        if entry["file"] in files:
            text = (ROOT / PACKAGE / entry["file"]).read_text()
            if text.count(entry["old"]) != 1:
                sys.exit(
                    f"{entry['file']}: the text of {entry['what']!r} occurs {text.count(entry['old'])} times"
                )
            at = text.index(entry["old"])
            line = text[:at].count("\n") + 1
            found.append(Mutant(entry["file"], line, at, entry["old"], entry["new"], entry["what"]))
    return found


# --------------------------------------------------------------------------------------------------
# The copy in which the tests run
# --------------------------------------------------------------------------------------------------


def tests_of(file: str, where: Path) -> list[str]:
    """Test files of a module that exist."""
    named = TESTS.get(file) or TESTS.get(f"{Path(file).parent}/*")
    if named is None:
        sys.exit(f"{file}: name the tests that cover it in TESTS of scripts/mutation.py")
    paths = [(UNIT if t.startswith("u:") else PHYSICS) + t[2:] + ".py" for t in named]
    missing = [p for p in paths if not (where / p).exists()]
    if missing:
        sys.exit(f"TESTS of scripts/mutation.py names {missing} for {file}: no such file")
    return paths


def importers(file: str) -> set[str]:
    """Names of the modules that import a module, directly or through others, and its own."""
    if not file.endswith(".py"):
        return set()  # kernels of another compiler, which goes by their text
    names = {p: p.read_text() for p in (ROOT / PACKAGE).rglob("*.py")}
    found, new = set(), {Path(file).stem}
    while new:
        found |= new
        new = {
            p.stem for p, text in names.items() for name in new
            if any("import" in row and name in row for row in text.splitlines()) and p.stem not in found
        }  # fmt: skip
    return found


def sources() -> list[str]:
    """Files of the tree; without git, or outside a clone, all but results and the environment."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return [name for name in listed.split("\n") if name]
    except (OSError, subprocess.CalledProcessError):
        left = {".git", ".venv", ".snakemake", "results", "__pycache__"}
        found = [p for p in ROOT.rglob("*") if p.is_file()]
        return [str(p.relative_to(ROOT)) for p in found if not left & set(p.relative_to(ROOT).parts)]


class Copy:
    """A copy of the source tree with a cache of compiled functions of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in sources():
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        # compiled functions lie beside their modules, whose time stamps were copied: they still hold
        self.cache, self.aside = folder / PACKAGE, folder / ".aside"
        for p in (ROOT / PACKAGE).rglob("*.nb[ic]"):
            (self.cache / p.relative_to(ROOT / PACKAGE)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(p, self.cache / p.relative_to(ROOT / PACKAGE))
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"},
            "PYTHONPATH": str(folder / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "JAX_PLATFORMS": "cpu",
            "MPLBACKEND": "Agg",
        }

    def run(self, tests: list[str], limit: float) -> tuple[str, str]:
        """Run tests until one fails: "passed", "failed" or "timeout", and the first failure."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-n", "0", *tests]
        process = subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
        )  # fmt: skip
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return "timeout", ""
        if process.returncode == 0:
            return "passed", ""
        lines = [row for row in output.splitlines() if row.startswith(("FAILED", "ERROR"))]
        return "failed", (lines or output.strip().splitlines() or [""])[-1 if not lines else 0][:160]

    def caches(self, stems: set[str]) -> list[Path]:
        return [p for p in self.cache.rglob("*.nb[ic]") if p.name.split(".")[0] in stems]

    def try_out(self, m: Mutant, tests: list[str], limit: float) -> tuple[str, str]:
        """Make a change, run its tests, and undo it."""
        path, stems = self.folder / PACKAGE / m.file, importers(m.file)
        text, stamp = path.read_text(), path.stat()
        for p in self.caches(stems):
            target = self.aside / p.relative_to(self.cache)
            target.parent.mkdir(parents=True, exist_ok=True)
            p.rename(target)
        path.write_text(changed(text, m))
        try:
            return self.run(tests, limit)
        finally:
            path.write_text(text)
            os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
            for p in self.caches(stems):
                p.unlink()
            for p in list(self.aside.rglob("*.nb[ic]")):
                p.rename(self.cache / p.relative_to(self.aside))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="+", help="packages below tglassmlp, e.g. simulation dynamics")
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="FILE", help="these modules of the packages only"
    )
    parser.add_argument("--number", type=int, default=40, help="changes drawn per package (40)")
    parser.add_argument("--seed", type=int, default=1, help="of the draw (1)")
    parser.add_argument("--by-hand", action="store_true", help=f"the changes listed in {BY_HAND} instead")
    parser.add_argument(
        "--limit", type=float, default=0.0, help="seconds per change; 0: by the unchanged code"
    )
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after that long (0: never)")
    parser.add_argument("--list", action="store_true", help="only say what would be changed")
    parser.add_argument("--record", type=Path, default=ROOT / "results" / "mutation.json")
    args = parser.parse_args()
    todo: list[Mutant] = []
    for package in args.packages:
        if args.by_hand:  # those of kernels in CUDA C++ too
            todo += by_hand(modules([package], args.only, ("*.py", "*.cu")))
        else:
            todo += drawn(modules([package], args.only), args.number, args.seed)
    if args.list:
        for m in todo:
            print(described(m))
        return
    began = time.monotonic()
    results: list[dict[str, object]] = []
    args.record.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mutation") as folder:
        copy = Copy(Path(folder))
        usual: dict[str, float] = {}
        for m in todo:
            if args.minutes and time.monotonic() - began > 60.0 * args.minutes:
                print(f"stopped after {args.minutes:g} minutes; {len(todo) - len(results)} changes not tried")
                break
            tests = tests_of(m.file, copy.folder)
            key = hashlib.sha256(" ".join(tests).encode()).hexdigest()
            if key not in usual:
                start = time.monotonic()
                verdict, why = copy.run(tests, 1800.0)
                if verdict != "passed":
                    sys.exit(f"the unchanged code does not pass {' '.join(tests)}: {verdict} {why}")
                usual[key] = time.monotonic() - start
            start = time.monotonic()
            verdict, why = copy.try_out(m, tests, args.limit or 4.0 * usual[key] + 180.0)
            taken = time.monotonic() - start
            state = "survived" if verdict == "passed" else "killed"
            by = "time limit" if verdict == "timeout" else why
            print(f"{state:8s} {taken:5.0f} s  {described(m)}  [{by}]", flush=True)
            results.append({**asdict(m), "verdict": state, "by": by})
            record = {"seed": args.seed, "by_hand": args.by_hand, "mutants": results}
            args.record.write_text(json.dumps(record, indent=1))
    for package in args.packages:
        own = [r for r in results if str(r["file"]).startswith(package)]
        killed = sum(r["verdict"] == "killed" for r in own)
        if own:
            print(f"{package}: {killed} of {len(own)} killed ({100 * killed / len(own):.0f} %)")
    print(f"{args.record}; {(time.monotonic() - began) / 60:.0f} minutes")


def described(m: Mutant) -> str:
    """One line: place and change."""
    old, new = (" ".join(x.split()) for x in (m.before, m.after))
    if m.what:
        return f"{m.file}:{m.line}  {m.what}"
    code = (ROOT / PACKAGE / m.file).read_text().splitlines()[m.line - 1].strip()
    return f"{m.file}:{m.line}  {old}  ->  {new}  in  {code}"


if __name__ == "__main__":
    main()
