"""Extended XYZ (ASE, OVITO, ParticlesMC) read and written, and the XYZ files of ParticlesMC read.

An extended XYZ file names its box and its columns on the second line of each frame,
``Lattice="..." Properties=species:S:1:pos:R:3``. ParticlesMC also writes ``cell:L,L
columns:species,position`` there. Plain XYZ files hold no box and are not read.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.readers.particle_frames import Frame, Lines, frame_of, open_text, write_text

__all__ = ["extended_frames", "particlesmc_frames", "write_extended"]

_ENTRY: Final = re.compile(r"""([A-Za-z_]\w*)=(?:"([^"]*)"|'([^']*)'|(\[.*?\])(?=\s|$)|(\S+))""")
_TYPES: Final = ("species", "type", "element")
_TRUE: Final = {"T", "t", "1", "true", "True"}


def extended_frames(path: str | os.PathLike[str]) -> Iterator[Frame]:
    """Read the frames of an extended XYZ file, one by one.

    Raises
    ------
    ValueError
        With path and line, if the file is damaged or incomplete, lacks its box or a column, or a frame is not
        two-dimensional, square and periodic.
    """
    with open_text(path) as handle:
        lines = Lines(handle, path)
        while (line := lines.filled()) is not None:
            yield _extended(lines, lines.count(line))


def _extended(lines: Lines, n: int) -> Frame:
    comment = lines.expect("the second line of a frame")
    entries = {m[1].lower(): _value(m) for m in _ENTRY.finditer(comment)}
    if "lattice" not in entries:
        lines.fail('the frame names no box, expected Lattice="Lx 0 0 0 Ly 0 0 0 Lz"')
    vectors = np.array(lines.numbers(entries["lattice"], [9], "nine numbers of Lattice")).reshape(3, 3)
    periodic = [word in _TRUE for word in entries.get("pbc", "T T F").split()]
    names, places = _properties(lines, entries.get("properties", "species:S:1:pos:R:3"))
    columns = lines.columns(n, names)
    of_type = next((p for p in _TYPES if places.get(p, 0) == 1), None)
    if of_type is None or places.get("pos") not in (2, 3):
        lines.fail(
            f"Properties lists {', '.join(f'{p} ({k})' for p, k in places.items())}; expected species "
            "(1) and pos (2 or 3)"
        )
    axes = [lines.reals(columns[f"pos {k}"], "pos") for k in range(places["pos"])]
    images = places.get("map_shift", 0) >= 2  # OVITO's name for the periodic image
    for k in range(2 * images):
        axes[k] = axes[k] + vectors[k, k] * lines.wholes(columns[f"map_shift {k}"], "map_shift")
    step = next((entries[k] for k in ("step", "timestep") if entries.get(k, "").isdecimal()), None)
    return frame_of(
        lines, axes, columns[f"{of_type} 0"], vectors, columns.get("id 0"), periodic,
        unwrapped=images, step=None if step is None else int(step),
        time=_time(entries.get("time")),
    )  # fmt: skip


def _value(entry: re.Match[str]) -> str:
    """Value of an entry; the brackets and commas of an array, ``[T, T, F]``, are left out."""
    text = entry[2] or entry[3] or entry[4] or entry[5] or ""
    return re.sub(r"[\[\],]", " ", text) if text.startswith("[") else text


def _time(word: str | None) -> float | None:
    try:
        time = math.nan if word is None else float(word)
    except ValueError:
        return None
    return time if math.isfinite(time) else None


def _properties(lines: Lines, text: str) -> tuple[list[str], dict[str, int]]:
    """Names of all columns, and how many belong to each property, of ``name:kind:number:...``."""
    words = text.strip(":").split(":")
    if len(words) % 3 or not all(w.isdecimal() for w in words[2::3]):
        lines.fail(f"Properties is {text!r}, expected name:kind:number:... as in species:S:1:pos:R:3")
    places = {name.lower(): int(k) for name, k in zip(words[::3], words[2::3], strict=True)}
    return [f"{name} {k}" for name, number in places.items() for k in range(number)], places


def particlesmc_frames(path: str | os.PathLike[str]) -> Iterator[Frame]:
    """Read the frames of an XYZ file of ParticlesMC, which names its box as ``cell:Lx,Ly``.

    Raises
    ------
    ValueError
        As :func:`extended_frames`.
    """
    with open_text(path) as handle:
        lines = Lines(handle, path)
        while (line := lines.filled()) is not None:
            n = lines.count(line)
            comment = lines.expect("the second line of a frame")
            entries = dict(word.partition(":")[::2] for word in comment.split())
            sides = lines.numbers(entries.get("cell", "").replace(",", " "), [2, 3], "cell:Lx,Ly")
            named = entries.get("columns", "").split(",")
            if not {"species", "position"} <= set(named):
                lines.fail(
                    f"found columns:{entries.get('columns', '')}, expected species and position among them"
                )
            axes = "xyz"[: len(sides)]
            names = [c for name in named for c in (axes if name == "position" else [name])]
            columns = lines.columns(n, names)
            step = entries.get("step", "")
            yield frame_of(
                lines, [lines.reals(columns[axis], axis) for axis in axes], columns["species"],
                np.diag([*sides, 0.0][:3]), None,
                unwrapped=False, step=int(step) if step.isdecimal() else None,
            )  # fmt: skip


def write_extended(
    path: str | os.PathLike[str],
    configurations: Sequence[Configuration],
    properties: Sequence[Mapping[str, NDArray[np.float64]]],
) -> None:
    """Write configurations as the frames of an extended XYZ file, with unwrapped positions.

    Parameters
    ----------
    path
        Target.
    configurations
        Frames.
    properties
        For each frame, columns by name, ``[N]`` each.
    """
    with write_text(path) as file:
        for c, more in zip(configurations, properties, strict=True):
            side = repr(c.box_length)
            listed = "".join(f":{name}:R:1" for name in more)
            file.write(f'{c.n_particles}\nLattice="{side} 0.0 0.0 0.0 {side} 0.0 0.0 0.0 1.0" ')
            file.write(f'Properties=species:S:1:pos:R:3{listed} pbc="T T F"\n')
            rows = zip(
                c.species.tolist(), *c.positions.T.tolist(), *(v.tolist() for v in more.values()), strict=True
            )
            for s, x, y, *values in rows:
                file.write(" ".join([str(s), repr(x), repr(y), "0.0", *map(repr, values)]) + "\n")
