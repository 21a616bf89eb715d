"""Compare every number this working tree makes with those of another commit, bit for bit.

python scripts/compare.py COMMIT [--config FILE] [--only calculations|run] [--quick] [--cores N]

The tree of that commit is laid into results/compare/, the same calculations and the same run are made by
both, and the checksums of all arrays are compared. Calculations are trajectories, swap Monte Carlo, inherent
structures, descriptors and propensities with every choice of their settings; the run (config/smoke.yaml
unless --config names another) adds networks and everything behind them. What the other commit made is kept,
so a second comparison with it costs half. The status is 1 where anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent

#: Folders of a run that hold no numbers of the method.
APART = (".state", "logs", "benchmarks", "figures")

#: Columns that say how long something took.
TIMINGS = ("moves_per_second", "seconds", "particle_steps_per_second")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit", nargs="?", help="what to compare with, any name git knows")
    parser.add_argument("--config", default="config/smoke.yaml", help="the run that is made by both")
    parser.add_argument("--only", choices=("calculations", "run"), help="leave the other part out")
    parser.add_argument("--quick", action="store_true", help="only what is computed of one structure")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--calculate", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.calculate:
        print(json.dumps(dict(calculations(given.quick))))
        return 0
    if not given.commit:
        parser.error("say which commit to compare with, for example HEAD~1 (make compare OLD=HEAD~1)")
    git = ["git", "-C", str(REPOSITORY)]
    named = subprocess.run(
        [*git, "rev-parse", "--verify", "--quiet", f"{given.commit}^{{commit}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if named.returncode:
        print(f"{given.commit}: git knows no such commit in {REPOSITORY}", file=sys.stderr)
        return 1
    commit = named.stdout.strip()
    base = REPOSITORY / "results" / "compare"
    old, new = base / commit[:12], base / "this"
    if not (old / "tree" / "Snakefile").exists():
        packed = subprocess.run([*git, "archive", commit], stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(old / "tree", filter="data")
    shutil.rmtree(new, ignore_errors=True)
    different = 0
    for part in ("structure",) if given.quick else ("calculations", "run"):
        if given.only not in (None, part) and not given.quick:
            continue
        found, titles = [], (commit[:12], "this tree")
        for tree, folder, title in zip((old / "tree", REPOSITORY), (old, new), titles, strict=True):
            print(f"{part} of {title}", flush=True)
            found.append(made(part, tree, folder, REPOSITORY / given.config, given.cores))
        names = found[0].keys() | found[1].keys()
        unequal = sorted(name for name in names if found[0].get(name) != found[1].get(name))
        for name in unequal[:40]:
            held = [name in checksums for checksums in found]
            print(
                f"  {name}: {'different' if all(held) else 'only in ' + ('this tree', commit[:12])[held[0]]}"
            )
        print(f"{part}: {len(names)} checksums, {len(unequal)} of them different", flush=True)
        different += len(unequal) + (not names)
    return 1 if different else 0


def made(part: str, tree: Path, folder: Path, config: Path, cores: int) -> dict[str, str]:
    """Checksums of one part as one tree makes it; those of a commit are kept."""
    kept = folder / f"{config.stem if part == 'run' else part}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "JAX_PLATFORMS": "cpu"}
    if part != "run":
        words = [sys.executable, str(Path(__file__).resolve()), "--calculate"]
        words += ["--quick"] if part == "structure" else []
        text = subprocess.run(
            words, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout
        checksums = json.loads(text.splitlines()[-1])
    else:
        place = folder / config.stem
        place.mkdir(exist_ok=True)
        copy = place / "run.yaml"
        copy.write_text((tree / config.relative_to(REPOSITORY)).read_text())
        words = [sys.executable, str(tree / "scripts" / "run.py"), str(copy), "--directory", str(place)]
        words += ["--snakefile", str(tree / "Snakefile"), "--cores", str(cores), "--rerun-incomplete"]
        subprocess.run([*words, "--quiet", "all"], cwd=place, env=environment, check=True)
        checksums = dict(products(next((place / "results").iterdir())))
    kept.write_text(json.dumps(checksums))
    return checksums


def checksum(value: Any) -> str:
    """Checksum of the type, shape and bytes of one array."""
    array = np.ascontiguousarray(value)
    data = "\0".join(map(str, array.ravel())).encode() if array.dtype.hasobject else array.tobytes()
    return hashlib.sha256(f"{array.dtype} {array.shape}".encode() + data).hexdigest()[:16]


def calculations(quick: bool = False) -> Iterator[tuple[str, str]]:
    """Checksums of what the Python interface computes, for every choice of its settings.

    Quick: only what is computed of one structure, which compiles in seconds.
    """
    import tglassmlp as tg

    try:
        from tglassmlp.simulation.dynamics import DynamicsSettings
    except ImportError:  # commits before the engines were rooms of their own
        from tglassmlp.simulation.molecular_dynamics import DynamicsSettings  # type: ignore[no-redef]

    mixture = tg.KA2D.scaled(10)
    rng = np.random.default_rng(1)
    side = int(np.ceil(np.sqrt(sum(mixture.composition))))
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), axis=-1).reshape(-1, 2)
    spacing = mixture.box_length / side
    positions = (grid[: sum(mixture.composition)] + 0.5) * spacing
    positions += rng.uniform(-0.02, 0.02, positions.shape)
    start = tg.Configuration(positions, rng.permutation(mixture.species()), mixture.box_length)
    liquids = {}
    schemes = () if quick else itertools.product(("plain", "informed"), (None, {"1-2": 0.0}))
    for exchanges, weights in schemes:
        options: dict[str, Any] = {"mixture": mixture, "exchanges": exchanges, "exchange_weights": weights}
        liquid, statistics = tg.swap_monte_carlo(start, 0.60, 400, seed=3, **options)
        name = f"swap Monte Carlo, {exchanges}, weights {weights}"
        liquids[name] = liquid
        yield f"{name}, positions", checksum(liquid.positions)
        yield f"{name}, species", checksum(liquid.species)
        yield f"{name}, energies", checksum(statistics.energies)
    liquid = liquids["swap Monte Carlo, informed, weights None"] if liquids else start
    inherent = tg.inherent_structure(liquid, mixture=mixture)
    yield "inherent structure", checksum(inherent.positions)
    yield "potential energies", checksum(tg.potential_energies(liquid, mixture=mixture))
    lengths = [0.0, 1.0, 2.0]
    yield "descriptors", checksum(tg.descriptors(inherent, lengths, mixture=mixture).values)
    if quick:
        return
    for thermostat, velocities, precision in itertools.product(
        ("bussi", "nose_hoover", "none"), ("half_step", "full_step"), ("mixed", "double")
    ):
        chosen = DynamicsSettings(
            thermostat=thermostat, thermostat_velocities=velocities, precision=precision
        )
        frames = tg.isoconfigurational_dynamics(
            liquid, 0.60, [0.1, 1.0, 4.0], replicas=5, seed=7, mixture=mixture, settings=chosen
        )
        name = f"trajectory, {thermostat}, {velocities}, {precision}"
        yield name, checksum(frames)
        if precision == "mixed":
            broken = tg.bond_breaking(
                liquid.positions, frames[:, -1], mixture.box_length, liquid.species, mixture=mixture
            )
            yield f"bond breaking, {thermostat}, {velocities}", checksum(broken)


def products(results: Path) -> Iterator[tuple[str, str]]:
    """Checksums of every array, column and number that a finished run has written, provenance left out."""
    import gsd.fl
    import h5py
    import pandas as pd

    def data_files(pattern: str) -> list[tuple[str, Path]]:
        files = [(file.relative_to(results), file) for file in sorted(results.rglob(pattern))]
        return [(where.as_posix(), file) for where, file in files if where.parts[0] not in APART]

    for where, file in data_files("*.gsd"):
        with gsd.fl.open(str(file), "r") as content:
            for name in content.find_matching_chunk_names(""):
                frames = [
                    content.read_chunk(k, name)
                    for k in range(content.nframes)
                    if content.chunk_exists(k, name)
                ]
                if "provenance" not in name:
                    yield f"{where}:{name}", " ".join(map(checksum, frames))
    for where, file in data_files("*.h5"):
        with h5py.File(file, "r") as content:
            names: list[str] = []
            content.visit(names.append)
            for name in names:
                if isinstance(content[name], h5py.Dataset):
                    yield f"{where}:{name}", checksum(content[name][()])
    for where, file in data_files("*.npz"):
        with np.load(file, allow_pickle=False) as arrays:
            for name in arrays.files:
                if name == "metadata":
                    record = json.loads(str(arrays[name]))
                    made_by = {"provenance", "file"}
                    plain = {key: value for key, value in record.items() if key not in made_by}
                    yield f"{where}:{name}", json.dumps(plain, sort_keys=True)
                elif "provenance" not in name:
                    yield f"{where}:{name}", checksum(arrays[name])
    for where, file in data_files("*.parquet"):
        table = pd.read_parquet(file)
        for column in table.columns:
            if column not in TIMINGS:
                yield f"{where}:{column}", checksum(table[column].to_numpy())
    for where, file in data_files("*.json"):
        content = json.loads(file.read_text())
        for name, value in content.items() if isinstance(content, dict) else [("", content)]:
            # the checksum of a file covers its provenance, which names the commit
            if "provenance" not in name and name != "sha256":
                yield f"{where}:{name}", json.dumps(value, sort_keys=True)


if __name__ == "__main__":
    sys.exit(main())
