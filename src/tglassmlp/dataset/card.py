"""The card of a data set: table of contents made from its files, checksums that are only ever added.

``README.md`` of the data set is written by hand but for the part between two marks, which says what the files
hold: :func:`update` writes it, and adds files that are not listed to ``SHA256SUMS``. A listed file that has
changed or gone is an error, never a new checksum.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from tglassmlp.configuration import Configuration
from tglassmlp.dataset.ensemble import Ensemble
from tglassmlp.dataset.files import DatasetFile
from tglassmlp.dataset.library import Dataset, load_dataset
from tglassmlp.dataset.manifest import MANIFEST, read_manifest
from tglassmlp.state_point import canonical, is_same
from tglassmlp.storage import atomic_path

__all__ = ["contents", "out_of_date", "update"]

#: Marks around the part of the card that is made from the files.
BEGIN: Final = "<!-- contents: made by `python -m tglassmlp.dataset card`, not by hand -->"
END: Final = "<!-- end of contents -->"


def contents(dataset: Dataset) -> str:
    """Table of contents as Markdown: what there is of each temperature, how large it is, how it was made."""
    files = dataset.files
    if not files:
        return "No file yet."
    size = sum(f.path.stat().st_size for f in files)
    lines = [f"{len(files)} files, {size / 1e6:.2f} MB.", ""]
    lines += [
        "| T | systems | N | structures | with dynamics | longest t | C_B there | kB per structure | "
        "kB of its dynamics |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_row(e) for e in dataset]
    lines += [
        "",
        "Structures and how they passed the checks of equilibration, all of a temperature taken together:",
        "",
    ]
    lines += [
        "| T | systems | sweeps | energy | inherent energy | quenched - heated (sigma) | trend (sigma) | "
        "overlap with `sweeps` earlier | passed |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_equilibrated(e, _units(dataset, e)) for e in dataset]
    lines += ["", "Made by:", "", "| version | commit | seed | files |", "| --- | --- | --- | --- |"]
    origins: dict[tuple[str, str, int], int] = {}
    for f in files:
        p = f.record["provenance"]
        key = (p["version"], p["commit"], p["seed"])
        origins[key] = origins.get(key, 0) + 1
    lines += [f"| {v} | `{c}` | {s} | {n} |" for (v, c, s), n in sorted(origins.items())]
    return "\n".join(lines)


def _row(e: Ensemble) -> str:
    number, n = len(e.numbers), e.configuration(e.numbers[0]).n_particles
    per = sum(f.path.stat().st_size for f in e.files) / number / 1e3
    head = f"| {canonical(e.temperature)} | {e.name} | {n} | {number}"
    if not e.with_dynamics:
        return f"{head} | 0 | | | {per:.1f} | |"
    longest = max(e.durations.values())
    found = e.stacked(until=longest)
    last = [p[s == 1].mean() for p, s in zip(found["propensity"][:, -1], found["species"], strict=True)]
    parts = {f.path: f for chain in e.dynamics_files.values() for f, _ in chain}
    dynamics = sum(path.stat().st_size for path in parts) / len(e.with_dynamics) / 1e3
    tail = f"{_with_error(last, 3)} | {per:.1f} | {dynamics:.0f} |"
    return f"{head} | {len(e.with_dynamics)} | {longest:g} | {tail}"


def _units(dataset: Dataset, e: Ensemble) -> list[Configuration]:
    """Return the unit systems of the temperature of large ones, whose fluctuations those must have."""
    if e.name == "unit" or not any(is_same(t, e.temperature) for t in dataset.temperatures):
        return []
    return dataset.at(e.temperature).configurations()


def _equilibrated(e: Ensemble, units: Sequence[Configuration]) -> str:
    from tglassmlp.equilibration.checks import check_large_systems, check_temperature
    from tglassmlp.equilibration.settings import CheckLimits

    records = pd.concat([e.evidence(k) for k in e.numbers], ignore_index=True)
    structures = e.configurations()
    checks: pd.DataFrame
    if e.name == "unit":
        checks, verdict = check_temperature(records, structures, e.temperature, CheckLimits(), e.mixture)
    else:
        checks, verdict = check_large_systems(records, structures, e.temperature, CheckLimits(), units)
    value: dict[str, Any] = {str(r["check"]): r["value"] for r in checks.to_dict("records")}
    late = records[records.measured].groupby("structure")
    energy = _with_error(late.energy.mean(), 4)
    inherent = _with_error(late.inherent_energy.mean().dropna(), 4)
    sweeps = ", ".join(str(s) for s in sorted({f.record["sweeps"] for f in e.files}))

    def shown(check: str) -> str:
        found = value.get(check, float("nan"))
        return f"{found:.1f}" if np.isfinite(found) else ""

    return (
        f"| {canonical(e.temperature)} | {e.name} | {sweeps} | {energy} | {inherent} | "
        f"{shown('start_difference')} | {shown('trend')} | {verdict['overlap']:.3f} | "
        f"{'yes' if verdict['passed'] else 'NO: ' + '; '.join(verdict['failed'])} |"
    )


def _with_error(values: Sequence[float] | pd.Series, digits: int) -> str:
    found = np.asarray(values, dtype=float)
    if found.size == 0:
        return ""
    error = f" +- {found.std(ddof=1) / np.sqrt(found.size):.{digits}f}" if found.size > 1 else ""
    return f"{found.mean():.{digits}f}{error}"


def _card(folder: Path, text: str, dataset: Dataset) -> str:
    """Card with the part between the marks made anew."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(
            f"{folder / 'README.md'}: the marks {BEGIN!r} and {END!r} must stand in it once each"
        )
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{contents(dataset)}\n\n{END}{rest.split(END)[1]}"


def _sum(file: DatasetFile) -> str:
    return hashlib.sha256(file.path.read_bytes()).hexdigest()


def _state(folder: Path) -> tuple[str, str, dict[str, str], dict[str, str]]:
    """Card as it is and as it should be; checksums listed, and those to be added.

    Raises
    ------
    ValueError
        If a listed file has changed or is missing.
    """
    dataset = load_dataset(folder)
    dataset.verify()
    listed = read_manifest(folder)
    new = {f.path.name: _sum(f) for f in dataset.files if f.path.name not in listed}
    text = (folder / "README.md").read_text()
    return text, _card(folder, text, dataset), listed, new


def update(folder: str | os.PathLike[str]) -> list[str]:
    """Write the table of contents and add new files to the manifest.

    Returns
    -------
    list of str
        What was done, a line each.

    Raises
    ------
    ValueError
        If a file is damaged, or a listed one has changed or is missing.
    """
    place = Path(folder)
    text, wanted, listed, new = _state(place)
    done = []
    if new:
        lines = [f"{checksum}  {name}\n" for name, checksum in sorted({**new, **listed}.items())]
        with atomic_path(place / MANIFEST) as temporary:
            temporary.write_text("".join(lines))
        done += [f"{MANIFEST}: {name} added" for name in sorted(new)]
    if wanted != text:
        with atomic_path(place / "README.md") as temporary:
            temporary.write_text(wanted)
        done.append("README.md: contents written")
    return done


def out_of_date(folder: str | os.PathLike[str]) -> list[str]:
    """List what :func:`update` would do, a line each; nothing if card and manifest are up to date."""
    text, wanted, _, new = _state(Path(folder))
    found = [f"{MANIFEST}: {name} is not listed" for name in sorted(new)]
    return found + (["README.md: contents differ from the files"] if wanted != text else [])
