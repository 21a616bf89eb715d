"""``tglassmlp predict``: from the file of a configuration to a picture, a table and a file for OVITO."""

from __future__ import annotations

import csv
import io
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tglassmlp.compilation import announced
from tglassmlp.configuration import Configuration
from tglassmlp.network.domain import beyond, check_state_point
from tglassmlp.network.networks import Networks, load_networks
from tglassmlp.provenance import collect
from tglassmlp.readers.configurations import read_configurations
from tglassmlp.state_point import canonical
from tglassmlp.storage import atomic_path, write_configurations

__all__ = ["Predicted", "predict"]

#: Dots per inch of the picture.
_RESOLUTION = 250


@dataclass(frozen=True)
class Predicted:
    """What was predicted for one configuration.

    Parameters
    ----------
    configuration
        The configuration.
    networks
        The networks that predicted.
    temperature, c_b
        The state point.
    central
        ``[N_1]`` indices of the particles with a prediction.
    propensity, spread
        ``[N_1]`` mean and standard deviation over the networks; the latter is NaN for a single network.
    """

    configuration: Configuration
    networks: Networks
    temperature: float
    c_b: float
    central: NDArray[np.intp]
    propensity: NDArray[np.float64]
    spread: NDArray[np.float64]


def predict(
    file: Path,
    temperature: float,
    c_b: float,
    networks: str,
    species: Mapping[str, int] | None,
    frame: int | None,
    out: Path,
    allow_outside: bool = False,
    limits: tuple[float, float] | None = None,
) -> list[Path]:
    """Predict the propensities of one configuration, and write a picture, a table and a GSD file.

    Parameters
    ----------
    file
        File of the configuration.
    temperature, c_b
        The state point.
    networks
        Name or path of the networks.
    species
        What each type of the file means; None: as its names say.
    frame
        Which frame of the file; None: its only one.
    out
        Folder of the files written.
    allow_outside
        Whether a state point outside the range of the networks is accepted, with a warning.
    limits
        Values at the ends of the colour scale; None: the range of the propensity.

    Returns
    -------
    list of Path
        The picture, the table and the GSD file.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or no such networks.
    ValueError
        If the file or the state point is not one that the networks can be asked about; see
        :meth:`tglassmlp.network.networks.Networks.predict`.
    """
    began = time.monotonic()
    check_state_point(temperature, c_b)
    for value in (temperature, c_b):
        canonical(value)  # a value that cannot name a file is refused before anything is computed
    asked = load_networks(networks)
    outside = [] if allow_outside else beyond(asked.state_features, temperature, c_b)
    if outside:
        raise ValueError(f"{'; '.join(outside)} ({networks}). --allow-outside predicts nevertheless")
    read = read_configurations(file, asked.mixture, species)
    configuration = _only(file, read, frame)
    if configuration.mixture is None:
        configuration = configuration.with_mixture(asked.mixture)
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out}: --out needs a folder, this is a file")
    out.mkdir(parents=True, exist_ok=True)
    with announced(_say_that_it_compiles):
        values = asked.predict(configuration, temperature, c_b).astype(np.float64)
    several = len(values) > 1
    found = Predicted(
        configuration,
        asked,
        temperature,
        c_b,
        configuration.of_species(asked.domain.central_species),
        values.mean(axis=0),
        values.std(axis=0, ddof=1) if several else np.full(values.shape[1], np.nan),
    )
    written = _write(found, file, networks, out, frame, len(read), limits)
    print(
        f"{len(found.central)} of {configuration.n_particles} particles predicted by {len(values)} networks "
        f"({networks}) at T = {canonical(temperature)}, C_B = {canonical(c_b)}: propensities from "
        f"{found.propensity.min():.2f} to {found.propensity.max():.2f}, mean {found.propensity.mean():.3f}"
    )
    for path in written:
        print(path)
    print(f"({time.monotonic() - began:.1f} s)", file=sys.stderr)
    return written


def _only(file: Path, frames: list[Configuration], frame: int | None) -> Configuration:
    """Return the frame asked for, or the only one."""
    n = len(frames)
    if frame is None:
        if n != 1:
            raise ValueError(
                f"{file}: holds {n} frames; choose one of them with --frame K, K = 0 to {n - 1} (or -1 for "
                "the last one)"
            )
        return frames[0]
    if not -n <= frame < n:
        raise ValueError(f"{file}: has no frame {frame}; it holds {n}, counted from 0 (or from the end, -1)")
    return frames[frame]


def _say_that_it_compiles() -> None:
    print(
        "tglassmlp: compiling kernels, once after an installation; this takes about half a minute ...",
        file=sys.stderr, flush=True,
    )  # fmt: skip


def _write(
    found: Predicted,
    file: Path,
    networks: str,
    out: Path,
    frame: int | None,
    frames: int,
    limits: tuple[float, float] | None,
) -> list[Path]:
    """Write the picture, the table and the GSD file; say if files of these names were there."""
    part = "" if frame is None else f"_frame{frame % frames}"
    name = f"{_stem(file)}{part}_T{canonical(found.temperature)}_cb{canonical(found.c_b)}"
    picture, table, gsd = (out / f"{name}.{suffix}" for suffix in ("png", "csv", "gsd"))
    if gsd.exists() and gsd.samefile(file):
        raise ValueError(f"{file}: would be overwritten by the prediction; choose another folder with --out")
    if any(path.exists() for path in (picture, table, gsd)):
        print(f"tglassmlp: {out / name}.* of an earlier prediction are replaced", file=sys.stderr)
    _draw(found, networks, file, picture, limits)
    _tabulate(found, table)
    every = np.full((2, found.configuration.n_particles), np.nan, dtype=np.float32)
    every[:, found.central] = found.propensity, found.spread
    record = collect(
        "prediction", source=file.name, networks=networks, temperature=found.temperature, c_b=found.c_b
    )
    properties = {"propensity": every[0], "propensity_spread": every[1]}
    write_configurations(gsd, [found.configuration], record, [properties])
    return [picture, table, gsd]


def _stem(file: Path) -> str:
    """Name of a file without the ending of its format, and without that of its compression."""
    name = file.name.removesuffix(".gz")
    return Path(name).stem or name


def _draw(
    found: Predicted, networks: str, file: Path, picture: Path, limits: tuple[float, float] | None
) -> None:
    from matplotlib.figure import Figure

    from tglassmlp.figures.plots import plot_propensity
    from tglassmlp.figures.style import style

    with style():
        figure = Figure(figsize=(4.6, 4.1), layout="constrained")
        ax = plot_propensity(
            found.configuration,
            found.propensity,
            figure.subplots(),
            limits=limits,
            label=found.networks.label,
            species=found.networks.domain.central_species,
            mixture=found.networks.mixture,
        )
        ax.set_title(f"$T = {canonical(found.temperature)}$, $C_B = {canonical(found.c_b)}$")
        ax.set_xlabel(f"{file.name}, networks {networks}", fontsize=6, color="#666666", parse_math=False)
        with atomic_path(picture) as temporary:
            figure.savefig(temporary, dpi=_RESOLUTION, format="png", metadata={"Software": "tglassmlp"})


def _tabulate(found: Predicted, table: Path) -> None:
    """Write one row for each particle with a prediction."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["particle", "species", "x", "y", "propensity", "spread"])
    positions, species = found.configuration.wrapped(), found.configuration.species
    for i, value, spread in zip(found.central, found.propensity, found.spread, strict=True):
        x, y = positions[i]
        writer.writerow([int(i), int(species[i]), f"{x:.6f}", f"{y:.6f}", f"{value:.6f}", f"{spread:.6f}"])
    with atomic_path(table) as temporary:
        Path(temporary).write_text(text.getvalue(), encoding="utf-8")
