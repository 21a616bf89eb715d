"""Publishing trained networks: they are put into the package with a card of what they are.

``python -m tglassmlp.network.publish results/laptop/networks/full/tmin0.30.npz --name laptop`` copies the
kept networks of a run into the package and writes the card beside them, from the file's own record and the
run's table of correlations.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from tglassmlp import storage
from tglassmlp.network import models
from tglassmlp.network.glassmlp import GLASSMLP
from tglassmlp.network.library import FOLDER
from tglassmlp.network.networks import Networks, load_networks, save_networks
from tglassmlp.state_point import is_same, where

__all__ = ["model_card", "publish"]

#: Methods of the table of correlations, as the card calls them, in its order.
METHODS: Final = {
    models.DEFAULT: "networks",
    "ridge": "ridge regression",
    GLASSMLP.name: "GlassMLP per state point",
    "ceiling": "ceiling (replicas)",
}


def publish(
    path: str | os.PathLike[str], name: str, tables: str | os.PathLike[str] | None = None,
    folder: str | os.PathLike[str] = FOLDER,
) -> Path:  # fmt: skip
    """Copy the kept networks of a file into the package and write their card beside them.

    Parameters
    ----------
    path
        Networks file of a run's second step.
    name
        Name they are loaded by.
    tables
        The run's ``tables`` folder; its correlations go into the card. None: a card without them.
    folder
        Where to put both files.

    Returns
    -------
    Path
        The new networks file.

    Raises
    ------
    ValueError
        If the name is not plain, or the file holds no network.
    """
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"a name of letters, digits, - and _ is needed, found {name!r}")
    found = load_networks(path)
    if not found.n_networks:
        raise ValueError(f"{path}: holds no network")
    record = {k: v for k, v in found.metadata.items() if k != "file"}
    kept = Networks(found.parameters, record)
    target = Path(folder) / f"{name}.npz"
    target.parent.mkdir(parents=True, exist_ok=True)
    pearson = None if tables is None else storage.read_table(Path(tables) / "pearson.parquet")
    card = model_card(kept, name, pearson)
    save_networks(target, kept)
    target.with_suffix(".md").write_text(card)
    return target


def model_card(networks: Networks, name: str, pearson: pd.DataFrame | None = None) -> str:
    """Text that says what the networks are, learnt from, and reach; from their own record.

    Parameters
    ----------
    networks
        The networks.
    name
        Name they are loaded by.
    pearson
        The run's table of correlations on its test structures (method, t_min, temperature, c_b, value,
        value_mean_field); None: the card states none.
    """
    m = networks.metadata
    made = m.get("provenance", {})
    descriptors = m["descriptors"]
    mixture = descriptors["mixture"]
    parameters = sum(v[0].size for v in networks.parameters.values())
    measured, extrapolated = m.get("measured", []), m.get("extrapolated", [])
    named = mixture if isinstance(mixture, str) else mixture.get("name", "written out")
    lengths = ", ".join(f"{x:g}" for x in descriptors["lengths"])
    low, high = m["state_point"]["temperature_range"]
    c_low, c_high = m["state_point"]["c_b_range"]
    lines = [
        f"# Networks `{name}`",
        "",
        "```python",
        "import tglassmlp as tg",
        f'networks = tg.load_networks("{name}")',
        f"propensity = networks.predict(configuration, temperature={low:g}, c_b=0.5)  # [networks, N_1]",
        "```",
        "",
        "| | |",
        "| --- | --- |",
        f"| mixture | {named}, propensities of species {descriptors['central_species']} |",
        f"| networks | {networks.n_networks} of {parameters} parameters; their mean is the prediction |",
        f"| learnt from dynamics at | {_points(measured)} |",
        f"| and from labels extrapolated in step 1 at | {_points(extrapolated)} |",
        f"| meant for | T = {low:g} to {high:g}, C_B = {c_low:g} to {c_high:g} |",
        f"| scaling | from {networks.scaling.n_structures} training structures of all temperatures |",
        f"| descriptors | {len(networks.names)} of lengths {lengths} |",
        f"| contrast | {_contrast(networks)} |",
        f"| made by | {made.get('package', 'tglassmlp')} {made.get('version', '')}, commit "
        f"{made.get('commit', 'unknown')}, seed {made.get('seed', 'unknown')} |",
        f"| settings | fingerprint {m.get('fingerprint', 'unknown')} |",
        "",
        "Outside these temperatures and C_B the networks have not been tested, and a prediction says so. "
        "Another mixture or density and foreign descriptors are refused.",
    ]
    if pearson is not None:
        lines += ["", *_correlations(pearson, float(m["t_min"]), measured)]
    return "\n".join(lines) + "\n"


def _contrast(networks: Networks) -> str:
    """Say how the contrast of predictions is carried below the temperatures learnt from."""
    found = networks.contrast
    if found is None:
        return "as the networks give it; below the temperatures learnt from it is too weak"
    name = {"power": "exponent n", "onset": "1/T_on"}.get(found.law, found.law)
    return (
        f"by an amplitude law (`{found.law}`, {name} = {found.parameter:.2f} +- "
        f"{found.parameter_error:.2f}), with a residual field: `predict_distribution`"
    )


def _points(groups: Sequence[Sequence[Any]]) -> str:
    return "; ".join(f"T = {t:g} (C_B {', '.join(f'{c:g}' for c in cs)})" for t, cs in groups) or "none"


def _correlations(table: pd.DataFrame, t_min: float, measured: Sequence[Sequence[Any]]) -> list[str]:
    """Table of correlations, a row for each measured temperature, means over its C_B."""
    mine = table.copy()
    mine["t_min"] = pd.to_numeric(mine["t_min"], errors="coerce")
    mine = mine[mine["t_min"].isna() | where(mine["t_min"], t_min)]
    columns = [m for m in METHODS if m in set(mine["method"])]
    value = mine["value_mean_field"].where(mine["value_mean_field"].notna(), mine["value"])
    mine = mine.assign(shown=value)
    learnt = [float(t) for t, _ in measured]
    structures = int(mine["n_structures"].max())
    rows = [
        f"Pearson correlation with the measured propensities of {structures} test structures of each "
        "temperature, mean over C_B:",
        "",
        "| T | learnt from | " + " | ".join(METHODS[c] for c in columns) + " |",
        "| --- | --- |" + " --- |" * len(columns),
    ]
    for t in sorted(set(mine["temperature"]), reverse=True):
        here = mine[mine["temperature"] == t]
        means: Mapping[str, float] = {c: here["shown"][here["method"] == c].mean() for c in columns}
        known = "yes" if any(is_same(t, x) for x in learnt) else "no"
        cells = [f"{means[c]:.3f}" if means[c] == means[c] else "" for c in columns]
        rows.append(f"| {t:g} | {known} | " + " | ".join(cells) + " |")
    return rows


def main() -> None:
    """Command line: see the module's text."""
    parser = argparse.ArgumentParser(description="Put trained networks into the package, with their card.")
    parser.add_argument("path", type=Path, help="networks file, results/<run>/networks/full/tmin<T>.npz")
    parser.add_argument("--name", required=True, help="name they are loaded by")
    parser.add_argument("--tables", type=Path, help="tables of the run (default: those beside the networks)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they go (default: the package)")
    given = parser.parse_args()
    tables = given.tables or given.path.resolve().parents[2] / "tables"
    known = tables if (tables / "pearson.parquet").is_file() else None
    target = publish(given.path, given.name, known, given.folder)
    print(f"{target} and its card {target.with_suffix('.md')}")


if __name__ == "__main__":
    main()
