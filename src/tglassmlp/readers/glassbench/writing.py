"""Write structures with their replicas in the published layout."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tglassmlp.box import minimum_image
from tglassmlp.readers.glassbench.layout import PARTS
from tglassmlp.readers.glassbench.structures import Isoconfigurational
from tglassmlp.state_point import is_same
from tglassmlp.storage import atomic_path

__all__ = ["write_glassbench"]


def write_glassbench(
    root: str | os.PathLike[str],
    temperature: float | str,
    data: Iterable[Isoconfigurational],
) -> list[Path]:
    """Write structures with their replicas in the published layout.

    Parameters
    ----------
    root
        Folder that will hold ``KA2D_trajectories`` and ``KA2D_results``.
    temperature
        Temperature; names use two decimals, more where needed.
    data
        Structures, all with the same times. A frame at time 0 is left out, as in the published data.

    Returns
    -------
    list of Path
        The files written. Codes are two or more digits, counted from 01 in the order of the times; unlike
        published files, each also holds its ``time``.

    Raises
    ------
    ValueError
        If a part is unknown, the times differ between structures, or a structure occurs twice.
    """
    value = float(temperature)
    name = f"{value:.2f}" if is_same(value, round(value, 2)) else f"{value:g}"
    base = Path(root)
    written: list[Path] = []
    times: NDArray[np.float64] | None = None
    for item in data:
        later = np.flatnonzero(item.times > 0)
        if times is None:
            times = item.times[later]
        if not np.array_equal(times, item.times[later]):
            raise ValueError(f"structure {item.number} has other times than the ones before it")
        if item.part not in PARTS:
            raise ValueError(f"structure {item.number}: part must be from {PARTS}, found {item.part!r}")
        c = item.initial
        folder = base / "KA2D_trajectories" / f"T{name}" / item.part
        for code, frame in enumerate(later, start=1):
            arrays = {
                "box": np.array(c.box_length),
                "types": c.species.astype(np.int64),
                "initial_positions": c.positions,
                "positions": c.positions + item.displacements[:, frame].astype(np.float64),
                "time": np.array(float(item.times[frame])),
            }
            if item.inherent is not None:
                shift = minimum_image(item.inherent.positions - c.positions, c.box_length)
                arrays["initial_positions_inherent"] = c.positions + shift
            path = folder / f"N{c.n_particles}T{name}_{item.number}_tc{code:02d}.npz"
            if path in written:
                raise ValueError(f"structure {item.number} ({item.part}) occurs twice")
            with atomic_path(path) as temporary, open(temporary, "wb") as handle:
                np.savez_compressed(handle, **arrays)  # type: ignore[arg-type]
            written.append(path)
    if times is None:
        raise ValueError("no structure to write")
    with atomic_path(base / "KA2D_results" / f"times_{name}.dat") as temporary:
        temporary.write_text("".join(f"{t!r}\n" for t in times.tolist()))
    return written
