"""LAMMPS: dumps and data files read and written, and the pair potential of a mixture as LAMMPS input.

Dumps (``dump custom`` or ``dump atom``, text, plain or gzip) may hold wrapped (x), scaled (xs), unwrapped
(xu) or both scaled and unwrapped (xsu) coordinates; images (ix, iy) unwrap wrapped ones. Rows are sorted by
``id`` where there is one. Data files (``write_data``) are read in the atom styles below.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.mixture import Mixture
from tglassmlp.readers.particle_frames import Frame, Lines, frame_of, open_text, write_text
from tglassmlp.storage import atomic_path

__all__ = ["data_frames", "dump_frames", "write_data", "write_dump", "write_potential"]

#: Names of the three coordinates in a dump, in order of preference: suffix -> (unwrapped, scaled).
_COORDINATES: Final = {"u": (True, False), "su": (True, True), "": (False, False), "s": (False, True)}
_TYPES: Final = ("type", "element", "typelabel")

#: Columns of the section "Atoms" of a data file by its atom style; images may follow.
_STYLES: Final = {
    "atomic": ("id", "type", "x", "y", "z"),
    "charge": ("id", "type", "q", "x", "y", "z"),
    "sphere": ("id", "type", "diameter", "density", "x", "y", "z"),
    "bond": ("id", "molecule", "type", "x", "y", "z"),
    "molecular": ("id", "molecule", "type", "x", "y", "z"),
    "full": ("id", "molecule", "type", "q", "x", "y", "z"),
}
_IMAGES: Final = ("ix", "iy", "iz")


def dump_frames(path: str | os.PathLike[str]) -> Iterator[Frame]:
    """Read the frames of a text dump, one by one.

    Raises
    ------
    ValueError
        With path and line, if the dump is damaged or incomplete, lacks a column, or a frame is not
        two-dimensional, square and periodic.
    """
    with open_text(path) as handle:
        lines = Lines(handle, path)
        while (line := lines.filled()) is not None:
            yield _dump_frame(lines, line)


def _dump_frame(lines: Lines, line: str) -> Frame:
    n: int | None = None
    step: int | None = None
    time: float | None = None
    vectors: NDArray[np.float64] | None = None
    origin, periodic = np.zeros(3), [True, True]
    while not line.startswith("ITEM: ATOMS"):
        item = line.strip().removeprefix("ITEM: ")
        if item in ("TIMESTEP", "NUMBER OF ATOMS", "TIME", "UNITS"):
            value = lines.expect(f"the value of {item}")
            if item == "NUMBER OF ATOMS":
                n = lines.count(value)
            elif item == "TIMESTEP":
                step = int(lines.numbers(value, [1], "a time step")[0])
            elif item == "TIME":
                time = lines.numbers(value, [1], "a time")[0]
        elif item.startswith("BOX BOUNDS"):
            vectors, origin, periodic = _bounds(lines, item.split()[2:])
        else:
            lines.fail(f"found {line.strip()!r}, expected an ITEM of a LAMMPS dump")
        line = lines.expect("an ITEM of a LAMMPS dump")
    if n is None or vectors is None:
        lines.fail(
            f"the frame has no ITEM: {'NUMBER OF ATOMS' if n is None else 'BOX BOUNDS'} before its atoms"
        )
    names = line.split()[2:]
    of_type = next((name for name in _TYPES if name in names), None)
    suffix = next((s for s in _COORDINATES if {f"x{s}", f"y{s}"} <= set(names)), None)
    if of_type is None or suffix is None:
        lacking = "the types (type)" if of_type is None else "the coordinates (xu yu, x y or xs ys)"
        lines.fail(f"the columns are {' '.join(names)}; those of {lacking} are missing")
    columns = lines.columns(n, names)
    unwrapped, scaled = _COORDINATES[suffix]
    axes = []
    for k, axis in enumerate("xyz"):
        if f"{axis}{suffix}" not in names:
            continue
        place = lines.reals(columns[f"{axis}{suffix}"], f"{axis}{suffix}")
        if scaled:
            place = origin[k] + vectors[k, k] * place
        if not unwrapped and f"i{axis}" in names and k < 2:
            place = place + vectors[k, k] * lines.wholes(columns[f"i{axis}"], f"i{axis}")
        axes.append(place)
    shown = unwrapped or {"ix", "iy"} <= set(names)
    return frame_of(
        lines, axes, columns[of_type], vectors, columns.get("id"), periodic,
        unwrapped=shown, step=step, time=time,
    )  # fmt: skip


def _bounds(
    lines: Lines, words: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[bool]]:
    """Box vectors, origin, and whether x and y are periodic, of the three lines of a box."""
    flags = [word for word in words if len(word) == 2 and set(word) <= set("pfsm")]
    periodic = [flag == "pp" for flag in flags[:2]] or [True, True]
    rows = [lines.expect("the bounds of the box") for _ in range(3)]
    if "abc" in words:  # a general box: each row is a box vector and one coordinate of the origin
        found = np.array([lines.numbers(row, [4], "a box vector and an origin") for row in rows])
        return found[:, :3], found[:, 3], periodic
    found = np.array([lines.numbers(row, [2, 3], "low and high bound")[:2] for row in rows])
    vectors = np.diag(found[:, 1] - found[:, 0])
    if "xy" in words:
        xy, xz, yz = (lines.numbers(row, [3], "low and high bound and tilt")[2] for row in rows)
        vectors[1, 0], vectors[2, 0], vectors[2, 1] = xy, xz, yz
    return vectors, found[:, 0], periodic


def data_frames(path: str | os.PathLike[str]) -> Iterator[Frame]:
    """Read the one frame of a data file.

    Raises
    ------
    ValueError
        With path and line, if the file is damaged, its atom style is not known, or the frame is not
        two-dimensional, square and periodic.
    """
    with open_text(path) as handle:
        lines = Lines(handle, path)
        title, n, vectors = lines.expect("a title"), 0, np.zeros((3, 3))
        while (line := lines.filled()) is not None:
            content, _, comment = line.partition("#")
            words = content.split()
            if words == ["Atoms"]:
                break
            _header(lines, words, vectors)
            if words[1:] == ["atoms"]:
                n = lines.count(words[0])
        else:
            lines.fail("the file ends here, the section Atoms was expected: it is incomplete")
        if n == 0:
            lines.fail("the section Atoms begins here, but the header names no number of atoms")
        yield _atoms(lines, n, comment.strip(), title, vectors)


def _header(lines: Lines, words: Sequence[str], vectors: NDArray[np.float64]) -> None:
    """Take the box from a line of the header."""
    line = " ".join(words)
    for k, axis in enumerate("xyz"):
        if words[2:] == [f"{axis}lo", f"{axis}hi"]:
            low, high = lines.numbers(" ".join(words[:2]), [2], "low and high bound")
            vectors[k, k] = high - low
        if words[3:] == [f"{'abc'[k]}vec"]:
            vectors[k] = lines.numbers(" ".join(words[:3]), [3], "a box vector")
    if words[3:] == ["xy", "xz", "yz"]:
        vectors[1, 0], vectors[2, 0], vectors[2, 1] = lines.numbers(
            line.removesuffix(" xy xz yz"), [3], "three tilts"
        )


def _atoms(lines: Lines, n: int, style: str, title: str, vectors: NDArray[np.float64]) -> Frame:
    """Read the section Atoms of a data file."""
    first = lines.filled()
    if first is None:
        lines.fail("the file ends here, the first atom was expected: it is incomplete")
    width = len(first.split())
    if not style:  # MDAnalysis writes the style full without its name
        style = {5: "atomic", 8: "atomic"}.get(
            width, "full" if "MDAnalysis" in title and width in (7, 10) else ""
        )
    names = _STYLES.get(style)
    if names is None or width not in (len(names), len(names) + 3):
        found = f"of the atom style {style!r}" if style else "without the name of an atom style"
        lines.fail(
            f"the section Atoms has {width} columns and is {found}; read are "
            f"{', '.join(f'{s} ({len(c)})' for s, c in _STYLES.items())}, each with three images or without, "
            "named as in 'Atoms # atomic'"
        )
    names = (*names, *_IMAGES[: width - len(names)])
    head = dict(zip(names, first.split(), strict=True))
    rest = lines.columns(n - 1, names) if n > 1 else {name: [] for name in names}
    columns = {name: [head[name], *rest[name]] for name in names}
    axes = [lines.reals(columns[axis], axis) for axis in "xyz"]
    images = "ix" in names
    for k in range(2 * images):
        axes[k] = axes[k] + vectors[k, k] * lines.wholes(columns[_IMAGES[k]], _IMAGES[k])
    return frame_of(lines, axes, columns["type"], vectors, columns["id"], unwrapped=images)


def write_dump(
    path: str | os.PathLike[str],
    configurations: Sequence[Configuration],
    properties: Sequence[Mapping[str, NDArray[np.float64]]],
) -> None:
    """Write configurations as the frames of a dump with the columns ``id type xu yu`` and per-particle ones.

    Parameters
    ----------
    path
        Target.
    configurations
        Frames; their places are the time steps.
    properties
        For each frame, columns by name, ``[N]`` each.
    """
    with write_text(path) as file:
        for k, (c, more) in enumerate(zip(configurations, properties, strict=True)):
            half = 0.5 * c.box_length
            bound = f"{-half!r} {half!r}\n"
            file.write(f"ITEM: TIMESTEP\n{k}\nITEM: NUMBER OF ATOMS\n{c.n_particles}\n")
            file.write(f"ITEM: BOX BOUNDS pp pp pp\n{bound}{bound}-0.5 0.5\n")
            file.write(f"ITEM: ATOMS {' '.join(['id', 'type', 'xu', 'yu', *more])}\n")
            rows = zip(
                c.species.tolist(), *c.positions.T.tolist(), *(v.tolist() for v in more.values()), strict=True
            )
            file.writelines(f"{i} {' '.join(map(repr, row))}\n" for i, row in enumerate(rows, start=1))


def write_data(path: str | os.PathLike[str], c: Configuration) -> None:
    """Write a configuration as a data file of the atom style ``atomic``, with images and unit masses."""
    half, wrapped = 0.5 * c.box_length, c.wrapped()
    images = np.rint((c.positions - wrapped) / c.box_length).astype(int)
    species = range(1, (int(c.species.max()) if c.mixture is None else c.mixture.n_species) + 1)
    with write_text(path) as file:
        file.write(
            f"LAMMPS data file written by tglassmlp\n\n{c.n_particles} atoms\n{len(species)} atom types\n\n"
        )
        file.write(f"{-half!r} {half!r} xlo xhi\n{-half!r} {half!r} ylo yhi\n-0.5 0.5 zlo zhi\n\nMasses\n\n")
        file.writelines(f"{s} 1.0\n" for s in species)
        file.write("\nAtoms # atomic\n\n")
        rows = zip(c.species.tolist(), wrapped.tolist(), images.tolist(), strict=True)
        file.writelines(
            f"{i} {s} {x!r} {y!r} 0.0 {ix} {iy} 0\n" for i, (s, (x, y), (ix, iy)) in enumerate(rows, start=1)
        )


def write_potential(path: str | os.PathLike[str], mixture: Mixture, points: int = 2001) -> None:
    r"""Write the pair potential of a mixture as LAMMPS input: a file to ``include``, and a table beside it.

    The smoothed Lennard-Jones potential is the sum of ``pair_style lj/cut`` and of the polynomial
    :math:`4 \epsilon (C_0 + C_2 x^2 + C_4 x^4)`, which ``pair_style table spline`` interpolates. Energies and
    forces per particle then agree with those of this package to about 1e-11
    (``tests/physics/test_lammps.py``).

    Parameters
    ----------
    path
        File to include, e.g. ``potential.in``; the table is called ``potential.table`` and must lie where
        LAMMPS is started.
    mixture
        The mixture.
    points
        Points of each table.
    """
    target = Path(path)
    table = target.with_suffix(".table")
    c0, c2, c4 = mixture.smoothing
    head = f"pair_style hybrid/overlay lj/cut {mixture.largest_cutoff!r} table spline {points}\n"
    include, tables = [f"# {mixture.name}: smoothed Lennard-Jones\n", head], []
    for a in range(mixture.n_species):
        for b in range(a, mixture.n_species):
            sigma, epsilon = float(mixture.sigma[a][b]), float(mixture.epsilon[a][b])
            name, end = f"PAIR_{a + 1}_{b + 1}", mixture.cutoff * sigma
            r = np.sqrt(np.linspace((0.1 * sigma) ** 2, end**2, points))
            x = r / sigma
            energy = 4.0 * epsilon * (c0 + c2 * x**2 + c4 * x**4)
            force = -4.0 * epsilon / sigma * (2.0 * c2 * x + 4.0 * c4 * x**3)
            slope = -4.0 * epsilon / sigma**2 * (2.0 * c2 + 12.0 * c4 * x[[0, -1]] ** 2)
            tables.append(f"\n{name}\n\nN {points} RSQ {0.1 * sigma!r} {end!r} FPRIME")
            tables.append(f" {float(slope[0])!r} {float(slope[1])!r}\n\n")
            rows = zip(r.tolist(), energy.tolist(), force.tolist(), strict=True)
            tables += [f"{k} {d!r} {v!r} {f!r}\n" for k, (d, v, f) in enumerate(rows, start=1)]
            pair = f"pair_coeff {a + 1} {b + 1}"
            include.append(f"{pair} lj/cut {epsilon!r} {sigma!r} {end!r}\n")
            include.append(f"{pair} table {table.name} {name} {end!r}\n")
    for place, content in ((table, [f"# {mixture.name}\n", *tables]), (target, include)):
        with atomic_path(place) as temporary:
            temporary.write_text("".join(content), encoding="utf-8")
