"""Chord length of mobile regions.

A particle is active if its propensity lies below the median of its state point. The share of active
particles on the sites of a square lattice marks a site as mobile or not; chords are the runs of
neighbouring mobile sites along all rows and columns (Scalliet, Guiselin and Berthier, Phys. Rev. X 12,
041028 (2022), section VI D; with the median as in section V.2 of the paper).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

__all__ = ["Lattice", "chord_sums", "chords", "mean_chord_length"]


class Lattice:
    """Square lattice over a periodic box, and which particle lies on which site.

    Sites without a central particle take the state of the nearest one: where nothing is known, nothing is
    said about mobility, instead of calling the site immobile.

    Parameters
    ----------
    positions
        ``[n, 2]`` positions of the central particles, anywhere.
    box_length
        Side of the box.
    spacing
        Wanted spacing; the nearest one that divides the box is used, see ``self.spacing``.
    """

    def __init__(self, positions: NDArray, box_length: float, spacing: float) -> None:
        if not 0 < spacing <= box_length:
            raise ValueError(f"lattice spacing must lie in (0, {box_length:g}], found {spacing}")
        self.sites = max(1, round(box_length / spacing))
        self.spacing = box_length / self.sites
        inside = np.mod(positions, box_length)
        inside[inside >= box_length] = 0.0  # mod of a tiny negative number rounds up to the box
        cell = np.minimum((inside / self.spacing).astype(np.intp), self.sites - 1)
        self._cell = cell[:, 0] * self.sites + cell[:, 1]
        self._count = np.bincount(self._cell, minlength=self.sites**2)
        self._empty = np.flatnonzero(self._count == 0)
        if self._empty.size:
            centre = (np.stack(np.divmod(self._empty, self.sites), axis=1) + 0.5) * self.spacing
            self._nearest = cKDTree(inside, boxsize=box_length).query(centre)[1]

    def mobile(self, active: NDArray, share: float = 0.5) -> NDArray[np.bool_]:
        """Mark sites whose share of active particles (``[n]`` bool) exceeds ``share``, ``[sites, sites]``."""
        total = np.bincount(self._cell, weights=np.asarray(active, dtype=float), minlength=self.sites**2)
        activity = np.asarray(total / np.maximum(self._count, 1), dtype=np.float64)
        if self._empty.size:
            activity[self._empty] = active[self._nearest]
        return (activity > share).reshape(self.sites, self.sites)


def chords(mobile: NDArray) -> NDArray[np.intp]:
    """Lengths in sites of all chords of a periodic lattice, along rows, then along columns.

    A row that is mobile all around the box is one chord of the lattice's length.

    Parameters
    ----------
    mobile
        ``[rows, columns]`` bool.
    """
    return np.concatenate([_runs(mobile), _runs(mobile.T)])


def _runs(lines: NDArray) -> NDArray[np.intp]:
    lines = np.asarray(lines, dtype=bool)
    n = lines.shape[1]
    full = lines.all(axis=1)
    found = [np.full(int(full.sum()), n, dtype=np.intp)]
    for line in lines[~full]:
        # start behind an immobile site, so that no run crosses the end of the array
        turned = np.roll(line, -int(np.argmin(line)))
        edges = np.flatnonzero(np.diff(np.concatenate([[False], turned, [False]]).astype(np.int8)))
        found.append(edges[1::2] - edges[::2])
    return np.concatenate(found)


def chord_sums(
    propensity: NDArray,
    lattices: list[Lattice],
    mobile_share: float = 0.5,
    threshold: float | None = None,
) -> NDArray[np.float64]:
    """Return summed length of chords, number of chords and number of mobile sites of each structure.

    Parameters
    ----------
    propensity
        ``[structures, particles]`` of one state point.
    lattices
        One per structure.
    mobile_share
        A site is mobile if its share of active particles exceeds this.
    threshold
        Propensity below which a particle is active; the median over all particles by default.

    Returns
    -------
    ndarray
        ``[structures, 3]``; lengths in length units.
    """
    limit = float(np.median(propensity)) if threshold is None else threshold
    rows = []
    for field, lattice in zip(propensity, lattices, strict=True):
        mobile = lattice.mobile(field < limit, mobile_share)
        found = chords(mobile)
        rows.append([found.sum() * lattice.spacing, float(found.size), float(mobile.sum())])
    return np.array(rows)


def mean_chord_length(sums: NDArray) -> float:
    """Average over all chords of all structures, from :func:`chord_sums`; NaN without chords."""
    total, number = sums[..., 0].sum(), sums[..., 1].sum()
    return float(total / number) if number > 0 else float("nan")
