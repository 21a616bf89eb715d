r"""The name of every product of a run, and what a name means.

A run lies in one folder, ``results/<run>``. Below it every kind of file has one :class:`Product`: a place
with wildcards in braces, such as ``{ensemble}/labels/T{temperature}.h5``. Rules take patterns from it
(wildcards that are not known stay in braces), package and scripts take exact paths, and :func:`meaning` goes
the other way, from a path to the kind of file and the values of its wildcards. Nothing else in the repository
puts such a path together or takes one apart.

A wildcard that is a number stands behind its marker in a component of its own: ``T0.23``, ``tmin0.40``,
``cb0.50``, ``chunk3``. So :func:`temperature_of` and its like also read paths of files that lie outside a
run, in a folder of somebody's own.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Final, NamedTuple, TypeVar

from tglassmlp.state_point import canonical

__all__ = [
    "ENSEMBLES",
    "PRODUCTS",
    "PROOFS",
    "WILDCARDS",
    "Meaning",
    "Product",
    "benchmark",
    "by_temperature",
    "is_data",
    "job_of",
    "jobs_at_work",
    "log",
    "logs",
    "meaning",
    "progress_of",
    "run_folder",
    "state",
    "t_min_of",
    "temperature_of",
    "values_of",
]

File = str | os.PathLike[str]
Value = str | float | int
AnyFile = TypeVar("AnyFile", str, Path, str | os.PathLike[str])

#: A unit system, or a large one that is made of tiles.
ENSEMBLES: Final = ("unit", "large")

_NUMBER: Final = r"\d+\.\d{2,6}"

#: The proof of equilibrium of the structures that are learnt from, and that of all of a temperature.
PROOFS: Final = ("equilibration", "equilibration_of_all")

#: What each wildcard may be, as a regular expression.
WILDCARDS: Final[dict[str, str]] = {
    "temperature": _NUMBER,
    "t_min": _NUMBER,
    "cb": r"0\.\d{2,6}",
    "chunk": r"\d+",
    "fold": r"\d+",
    "structure": r"\d+",
    "seed": r"\d+",
    "ensemble": "|".join(ENSEMBLES),
    "proof": "|".join(PROOFS),
    "figure": r"[a-z0-9_]+",
    "table": r"[a-z0-9_]+",
    "variant": r"[^/]+",
    "format": r"[a-z0-9]+",
}

#: What stands before a wildcard that is a number.
MARKERS: Final[dict[str, str]] = {
    "temperature": "T",
    "t_min": "tmin",
    "cb": "cb",
    "chunk": "chunk",
    "fold": "fold",
    "structure": "structure",
    "seed": "seed",
}

#: Wildcards that are decimal numbers, named by :func:`tglassmlp.state_point.canonical`.
_DECIMAL: Final = ("temperature", "t_min", "cb")
_BRACES: Final = re.compile(r"\{(\w+)\}")
#: A component of a path: marker, number and perhaps suffixes, ``T0.23`` or ``tmin0.40.history.parquet``.
#: Folders of somebody's own may name a temperature with one decimal.
_COMPONENTS: Final = {
    name: re.compile(
        f"{marker}({WILDCARDS[name].replace('{2,6}', '+')})" + r"(?:\.[A-Za-z]\w*)*", flags=re.ASCII
    )
    for name, marker in MARKERS.items()
}


def _text(name: str, value: Value) -> str:
    """Write the value of a wildcard as it stands in paths.

    Raises
    ------
    ValueError
        If there is no such wildcard, or it may not have this value.
    """
    if name not in WILDCARDS:
        raise ValueError(f"unknown wildcard {name!r}, known: {', '.join(WILDCARDS)}")
    text = canonical(value) if name in _DECIMAL else str(value)
    if re.fullmatch(WILDCARDS[name], text, re.ASCII) is None:
        raise ValueError(f"{name} = {value!r}: a name like {WILDCARDS[name]} is needed in a path")
    return text


@dataclass(frozen=True)
class Product:
    """One kind of file that a run makes.

    Parameters
    ----------
    place
        Where it lies below the run's folder, with wildcards in braces.

    Examples
    --------
    >>> LABELS.pattern("results/demo", ensemble="unit")
    'results/demo/unit/labels/T{temperature}.h5'
    >>> LABELS.path("results/demo", ensemble="unit", temperature=0.3)
    'results/demo/unit/labels/T0.30.h5'
    """

    place: str

    @cached_property
    def wildcards(self) -> tuple[str, ...]:
        """Names of the wildcards, in the order of the path."""
        return tuple(dict.fromkeys(_BRACES.findall(self.place)))

    def pattern(self, run: File, **known: Value) -> str:
        """Path with the known values filled in; the other wildcards stay in braces.

        Raises
        ------
        ValueError
            If a value is not one of this product, or not possible.
        """
        place = self.place
        for name, value in known.items():
            if name not in self.wildcards:
                raise ValueError(f"{self.place} has no wildcard {name!r}")
            place = place.replace(f"{{{name}}}", _text(name, value))
        return f"{os.fspath(run)}/{place}"

    def path(self, run: File, **values: Value) -> str:
        """Path of one file; every wildcard has a value.

        Raises
        ------
        ValueError
            If a wildcard has no value, or as :meth:`pattern`.
        """
        missing = [name for name in self.wildcards if name not in values]
        if missing:
            raise ValueError(f"{self.place} needs a value of {', '.join(missing)}")
        return self.pattern(run, **values)

    def paths(self, run: File, **values: Value | Iterable[Value]) -> list[str]:
        """List the paths of all combinations of some values; the value named last changes fastest.

        Raises
        ------
        ValueError
            As :meth:`path`.
        """
        lists = [
            [value] if isinstance(value, (str, int, float)) else list(value) for value in values.values()
        ]
        return [
            self.path(run, **dict(zip(values, chosen, strict=True))) for chosen in itertools.product(*lists)
        ]

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        place = self.place.removeprefix("{ensemble}/")
        text = "".join(
            f"(?P<{part}>{WILDCARDS[part]})" if k % 2 else re.escape(part)
            for k, part in enumerate(_BRACES.split(place))
        )
        # the folder of an ensemble may be left out where there is only one
        here = f"(?:(?P<ensemble>{WILDCARDS['ensemble']})/)?" if place != self.place else ""
        return re.compile(f"(?:.*?/)??{here}{text}", re.ASCII | re.DOTALL)

    def match(self, path: File) -> dict[str, str] | None:
        """Wildcards in a path of this product, wherever its run lies; None for a path of another product."""
        found = self._expression.fullmatch(PurePath(path).as_posix())
        return None if found is None else {k: v for k, v in found.groupdict().items() if v is not None}


# Structures
STRUCTURES = Product("{ensemble}/structures/T{temperature}/chunk{chunk}.gsd")
STRUCTURES_RECORD = Product("{ensemble}/structures/T{temperature}/chunk{chunk}.parquet")
INHERENT = Product("{ensemble}/inherent/T{temperature}/chunk{chunk}.gsd")
# The proof of equilibrium: what is measured, and what the limits say to it
EQUILIBRATION = Product("unit/structures/T{temperature}/{proof}.json")
EQUILIBRATION_VERDICT = Product("unit/structures/T{temperature}/{proof}.parquet")
LARGE_EQUILIBRATION = Product("large/structures/T{temperature}/chunk{chunk}.equilibration.json")
LARGE_EQUILIBRATION_VERDICT = Product("large/structures/T{temperature}/chunk{chunk}.checks.parquet")
HEAT_CAPACITY = Product("unit/structures/heat_capacity.parquet")
REWEIGHTING = Product("unit/structures/reweighting.parquet")
EXTENDED_STRUCTURE = Product("unit/extended_check/T{temperature}/structure{structure}.gsd")
EXTENDED_STRUCTURE_RECORD = Product("unit/extended_check/T{temperature}/structure{structure}.parquet")
EXTENDED_CHECK = Product("unit/extended_check/T{temperature}/checks.json")
# Dynamics and what it says
TRAJECTORIES = Product("{ensemble}/trajectories/T{temperature}/chunk{chunk}.h5")
EXTENDED_TRAJECTORIES = Product("unit/extended/T{temperature}/chunk{chunk}.h5")
PROPENSITIES = Product("{ensemble}/propensities/T{temperature}/chunk{chunk}.h5")
RELAXATION = Product("relaxation/relaxation.json")
RELAXATION_CURVES = Product("relaxation/curves.parquet")
LABELS = Product("{ensemble}/labels/T{temperature}.h5")
LABEL_MAP = Product("label_map/tmin{t_min}.parquet")
# What networks see, and the networks
DESCRIPTORS = Product("{ensemble}/descriptors/T{temperature}/chunk{chunk}.h5")
SCALING = Product("scaling/tmin{t_min}.json")
EQUI_TIME_NETWORKS = Product("networks/equi_time/tmin{t_min}/cb{cb}.npz")
EQUI_TIME_HISTORY = Product("networks/equi_time/tmin{t_min}/cb{cb}.history.parquet")
EXTRAPOLATED_LABELS = Product("extrapolated/tmin{t_min}.h5")
EXTRAPOLATED_TABLE = Product("extrapolated/tmin{t_min}.parquet")
TRAINED_NETWORKS = Product("networks/trained/tmin{t_min}.npz")
FULL_NETWORKS = Product("networks/full/tmin{t_min}.npz")
FULL_SELECTION = Product("networks/full/tmin{t_min}.parquet")
FULL_HISTORY = Product("networks/full/tmin{t_min}.history.parquet")
OTHER_OUTPUT = Product("networks/other_output/tmin{t_min}.parquet")
BASELINE_NETWORKS = Product("baselines/T{temperature}.npz")
BASELINE_HISTORY = Product("baselines/T{temperature}.history.parquet")
LINEAR_BASELINES = Product("baselines/linear/tmin{t_min}.npz")
FOLD = Product("folds/fold{fold}.parquet")
STUDY = Product("studies/{variant}/seed{seed}.parquet")
# What networks say
PREDICTIONS = Product("{ensemble}/predictions/tmin{t_min}/T{temperature}.h5")
BASELINE_PREDICTIONS = Product("{ensemble}/baseline_predictions/T{temperature}.h5")
# What a reader looks at
SNAPSHOTS = Product("tables/snapshots.h5")
TABLE = Product("tables/{table}.parquet")
NUMBERS = Product("numbers.json")
REPRODUCTION = Product("reproduction.md")
REPORT = Product("report.html")
OVITO = Product("ovito/T{temperature}.gsd")
CONTACT_SHEET = Product("figures/contact_sheet.png")
MOVIE = Product("figures/movie.{format}")
FIGURE = Product("figures/{figure}.{format}")
FIGURE_DATA = Product("figures/data/{figure}.parquet")
FIGURE_CSV = Product("figures/data/{figure}.csv")
# Our data in the layout of GlassBench
GLASSBENCH_TRAJECTORIES = Product("glassbench/KA2D_trajectories/T{temperature}")
GLASSBENCH_TIMES = Product("glassbench/KA2D_results/times_{temperature}.dat")

#: Every product by its name. Where two fit a path, the earlier one is meant (``contact_sheet.png``).
PRODUCTS: Final[Mapping[str, Product]] = {
    name: value for name, value in list(globals().items()) if isinstance(value, Product)
}


class Meaning(NamedTuple):
    """What a path means: the name of its product in :data:`PRODUCTS`, and the values of its wildcards."""

    product: str
    values: dict[str, str]


def meaning(path: File) -> Meaning:
    """Find the product and the values of the wildcards that a path means.

    Raises
    ------
    ValueError
        If no product has such a path.

    Examples
    --------
    >>> meaning("results/demo/unit/predictions/tmin0.40/T0.23.h5")
    Meaning(product='PREDICTIONS', values={'ensemble': 'unit', 't_min': '0.40', 'temperature': '0.23'})
    """
    for name, product in PRODUCTS.items():
        values = product.match(path)
        if values is not None:
            return Meaning(name, values)
    raise ValueError(f"{os.fspath(path)}: no product of a run has such a path")


def values_of(path: File) -> dict[str, str]:
    """Wildcards with a marker in any path, by name, as text; the component next to the file's name counts.

    Examples
    --------
    >>> values_of("networks/full/tmin0.40.history.parquet")
    {'t_min': '0.40'}
    """
    found: dict[str, str] = {}
    for part in PurePath(path).parts:
        for name, expression in _COMPONENTS.items():
            if match := expression.fullmatch(part):
                found[name] = match[1]
    return found


def _value(path: File, name: str) -> str:
    found = values_of(path)
    if name not in found:
        raise ValueError(f"{os.fspath(path)}: no {name} {MARKERS[name]}<number> in this path")
    return found[name]


def temperature_of(path: File) -> float:
    """Temperature of a file, from the ``T<temperature>`` in its path.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> temperature_of("results/demo/unit/descriptors/T0.30/chunk2.h5")
    0.3
    """
    return float(_value(path, "temperature"))


def t_min_of(path: File) -> str:
    """Name of the T_min of a file, from the ``tmin<T_min>`` in its path; raises as :func:`temperature_of`."""
    return _value(path, "t_min")


def by_temperature(paths: Sequence[AnyFile]) -> dict[float, list[AnyFile]]:
    """Group files by the temperature in their path, keeping their order.

    Raises
    ------
    ValueError
        If a path holds none.
    """
    found: dict[float, list[AnyFile]] = {}
    for path in paths:
        found.setdefault(temperature_of(path), []).append(path)
    return found


def run_folder(run: str) -> str:
    """Folder of a run of this name, below the folder that Snakemake works in."""
    return f"results/{run}"


def _job(wildcards: Sequence[str]) -> str:
    """Name of a job by its wildcards, ``T{temperature}_chunk{chunk}``; ``all`` for the only job of a rule."""
    return "_".join(f"{MARKERS.get(name, '')}{{{name}}}" for name in wildcards) or "all"


def log(run: File, rule: str, *wildcards: str) -> str:
    """Pattern of the logs of a rule."""
    return f"{os.fspath(run)}/logs/{rule}/{_job(wildcards)}.log"


def benchmark(run: File, rule: str, *wildcards: str) -> str:
    """Pattern of the tables in which Snakemake keeps the time and memory of a rule's jobs."""
    return f"{os.fspath(run)}/benchmarks/{rule}/{_job(wildcards)}.tsv"


def state(run: File, rule: str, *wildcards: str, suffix: str = "") -> str:
    """Pattern of the restart files (or folders of them) of a rule: Snakemake does not know them."""
    return f"{os.fspath(run)}/.state/{rule}/{_job(wildcards)}{suffix}"


def progress_of(log_file: File) -> Path:
    """File in which the job of a log says how far it is, ``.state/progress/<rule>/<job>.json``."""
    path = Path(log_file)
    rule, job = job_of(path)
    return path.parent.parent.parent / ".state" / "progress" / rule / f"{job}.json"


def job_of(file: File) -> tuple[str, str]:
    """Rule and name of the job that a log, or a file about its progress, belongs to."""
    path = PurePath(file)
    return path.parent.name, path.stem


def logs(run: File) -> list[Path]:
    """List the logs of all jobs of a run."""
    return sorted((Path(run) / "logs").glob("*/*.log"))


def jobs_at_work(run: File) -> list[Path]:
    """List the files that jobs of a run keep while they work (``.job``), beside those of their progress."""
    return sorted((Path(run) / ".state" / "progress").glob("*/*.job"))


def is_data(run: File, path: File) -> bool:
    """Whether a file below the folder of a run is its data: no state, log, benchmark table or export."""
    return not {".state", "logs", "benchmarks", "glassbench"} & set(PurePath(path).relative_to(run).parts)
