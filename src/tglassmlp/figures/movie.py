"""The movie of relaxation at the glass transition: smooth in the logarithm of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tglassmlp.box import wrap
from tglassmlp.labels import recorded
from tglassmlp.methods import NETWORK

__all__ = ["draw_movie", "frames_in_time", "particle_map"]


def particle_map(positions: NDArray, diameters: NDArray, box_length: float, pixels: int) -> NDArray[np.intp]:
    """Particle that covers each pixel of the box, ``[pixels, pixels]`` with row 0 at the top; -1 for none."""
    from scipy.spatial import cKDTree

    centres = (np.arange(pixels) + 0.5) / pixels * box_length
    grid = np.stack(np.meshgrid(centres[::-1], centres, indexing="ij"), axis=-1)[..., ::-1].reshape(-1, 2)
    inside = wrap(positions + box_length / 2, box_length, 0.0)
    distance, index = cKDTree(inside, boxsize=box_length).query(grid, k=min(3, len(positions)))
    distance, index = distance.reshape(len(grid), -1), index.reshape(len(grid), -1)
    ratio = distance / (0.5 * diameters[index])
    best = np.argmin(ratio, axis=1)
    rows = np.arange(len(grid))
    covered = ratio[rows, best] < 1.0
    return np.where(covered, index[rows, best], -1).reshape(pixels, pixels)


def frames_in_time(
    times: NDArray, fields: NDArray, n_frames: int, start: float = 1.0
) -> Iterator[tuple[float, float, NDArray[np.float64]]]:
    """Interpolate fields linearly in the logarithm of time.

    Parameters
    ----------
    times
        ``[k]`` rising.
    fields
        ``[k, n]``.
    n_frames
        Number of frames, equally spaced in log time.
    start
        Value of all particles before anything has moved.

    Yields
    ------
    time, mean, field
        Time, mean propensity, ``[n]`` field.
    """
    # one decade before the first state point everything is still arrested
    log_t = np.concatenate([[np.log(times[0]) - np.log(10.0)], np.log(times)])
    every = np.concatenate([np.full_like(fields[:1], start), fields])
    for x in np.linspace(log_t[0], log_t[-1], n_frames):
        k = int(np.clip(np.searchsorted(log_t, x) - 1, 0, len(log_t) - 2))
        part = (x - log_t[k]) / (log_t[k + 1] - log_t[k])
        field = (1 - part) * every[k] + part * every[k + 1]
        yield float(np.exp(x)), float(field.mean()), field


def draw_movie(path: str | PathLike[str], snapshots: Mapping[str, Any], meta: Mapping[str, Any]) -> int:
    """Write the movie as MP4 or GIF (by the suffix of ``path``) and return the number of frames.

    Parameters
    ----------
    path
        ``.mp4`` or ``.gif``.
    snapshots
        Arrays ``evolution_*`` and attributes, see :func:`tglassmlp.tables.snapshots.snapshots`.
    meta
        With ``movie``: ``frames``, ``frames_per_second``.

    Raises
    ------
    ValueError
        For another suffix.
    """
    import imageio.v2 as imageio
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from tglassmlp.figures.particles import color_limits, color_map, particle_colors
    from tglassmlp.figures.snapshots import time_text
    from tglassmlp.figures.style import style
    from tglassmlp.state_point import decimal_text
    from tglassmlp.storage import atomic_path

    target = Path(path)
    if target.suffix not in (".mp4", ".gif"):
        raise ValueError(f"a movie is written as .mp4 or .gif, found {target.name!r}")
    about = snapshots["attributes"]["evolution"]
    rate, n_frames = int(meta["movie"]["frames_per_second"]), int(meta["movie"]["frames"])
    species, central = snapshots["evolution_species"].astype(int), snapshots["evolution_central"].astype(int)
    pixels = 640
    where = particle_map(
        snapshots["evolution_positions"],
        np.array(meta["diameters"])[species - 1],
        about["box_length"],
        pixels,
    )
    colour_of = np.full((len(species) + 1, 3), 255, dtype=np.uint8)  # last: no particle
    known = np.isfinite(snapshots["evolution_time"])
    times, fields = snapshots["evolution_time"][known], snapshots["evolution_fields"][known]
    if not len(times):  # a temperature without a time scale: show the states at equal distances
        fields = snapshots["evolution_fields"]
        times = 10.0 ** np.arange(1, len(fields) + 1)
    label = recorded(meta)
    limits, scale = color_limits(fields, label), color_map(label)
    start = label.highest if label.direction == "falls" else label.lowest
    mean_of = "C_B" if label.is_clock else rf"\langle {label.symbol.removesuffix('_i')} \rangle"
    header = f"$T = {decimal_text(about['temperature'])}$"
    with style(), atomic_path(target) as temporary:
        fig = Figure(figsize=(7.2, 8.0), dpi=100)
        canvas = FigureCanvasAgg(fig)
        ax = fig.add_axes((0.055, 0.055, 0.89, 0.80))
        image = ax.imshow(np.zeros((pixels, pixels, 3), dtype=np.uint8), interpolation="antialiased")
        ax.set(xticks=[], yticks=[])
        title = fig.text(0.5, 0.945, "", ha="center", fontsize=14)
        fig.text(
            0.5, 0.018,
            f"run {meta['run']} · {NETWORK.title} · N = {len(species)} · blue arrested, red active",
            ha="center", fontsize=9, color="#555555",
        )  # fmt: skip
        clock = fig.add_axes((0.055, 0.885, 0.89, 0.018))
        clock.set(xlim=(times[0] / 10, times[-1]), ylim=(0, 1), yticks=[], xscale="log")
        clock.tick_params(labelsize=8, top=False, pad=1)
        (hand,) = clock.plot([times[0], times[0]], [0, 1], color="#A50026", linewidth=4, clip_on=False)
        options: dict[str, Any] = {"fps": rate, "codec": "libx264", "quality": 7, "macro_block_size": 16}
        if target.suffix == ".gif":
            options = {"duration": 1000.0 / rate, "loop": 0}
        writer: Any = imageio.get_writer(temporary, **options)
        with writer:
            for time, mean, field in frames_in_time(times, fields, n_frames, start):
                colors = particle_colors(
                    snapshots["evolution_positions"],
                    about["box_length"],
                    central,
                    field,
                    limits,
                    scale,
                )
                colour_of[:-1] = np.round(255 * colors)
                image.set_data(colour_of[where])
                title.set_text(rf"{header}     $t = {time_text(time)}$     ${mean_of} = {mean:.2f}$")
                hand.set_xdata([time, time])
                canvas.draw()
                writer.append_data(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return n_frames
