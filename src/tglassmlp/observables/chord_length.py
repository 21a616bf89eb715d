r"""Chord length of mobile regions.

A particle is active if its propensity lies below the median of its state point. The share of active
particles on the sites of a square lattice marks a site as mobile or not; chords are the runs of
neighbouring mobile sites along all rows and columns (Scalliet, Guiselin and Berthier, Phys. Rev. X 12,
041028 (2022), section VI D; with the median as in section V.2 of the paper).

Noise of the finite number of replicas scatters active particles and cuts chords. Were the sites of the
lattice a Gaussian field x above a threshold h, with correlation c between neighbouring sites, a chord would
begin at a site with probability

.. math:: P_{\rm edge} = P(x > h, x' < h) = 2 T\left(h, \sqrt{(1 - c)/(1 + c)}\right)

(T: Owen's function; arccos(c)/2 pi for h = 0), and the mean chord is spacing times share of mobile sites
over P_edge. This gives c of the measured chord length; two halves of the replicas give the factor by which
noise has lowered c, since what is common to both is free of it (:func:`chord_length_without_noise`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.spatial import cKDTree
from scipy.special import ndtri, owens_t

from tglassmlp.box import wrap
from tglassmlp.labels import BOND_BREAKING, Label

__all__ = [
    "Lattice",
    "ResampledChords",
    "chord_length_under_noise",
    "chord_length_without_noise",
    "chord_lengths",
    "chord_sums",
    "chords",
    "mean_chord_length",
    "resampled_chord_length",
    "resampled_chord_length_without_noise",
    "site_moments",
]


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
    label
        What tells active particles: a label that falls with time is small where a particle is active.
    """

    def __init__(
        self, positions: NDArray, box_length: float, spacing: float, label: Label = BOND_BREAKING
    ) -> None:
        if not 0 < spacing <= box_length:
            raise ValueError(f"lattice spacing must lie in (0, {box_length:g}], found {spacing}")
        self.label = label
        self.sites = max(1, round(box_length / spacing))
        self.spacing = box_length / self.sites
        inside = wrap(positions, box_length, 0.0)
        cell = np.minimum((inside / self.spacing).astype(np.intp), self.sites - 1)
        self._cell = cell[:, 0] * self.sites + cell[:, 1]
        self._count = np.bincount(self._cell, minlength=self.sites**2)
        self._empty = np.flatnonzero(self._count == 0)
        if self._empty.size:
            centre = (np.stack(np.divmod(self._empty, self.sites), axis=1) + 0.5) * self.spacing
            self._nearest = cKDTree(inside, boxsize=box_length).query(centre)[1]

    def average(self, values: NDArray) -> NDArray[np.float64]:
        """Average ``values`` ``[n]`` over the particles of every site, ``[sites, sites]``."""
        total = np.bincount(self._cell, weights=np.asarray(values, dtype=float), minlength=self.sites**2)
        mean = np.asarray(total / np.maximum(self._count, 1), dtype=np.float64)
        if self._empty.size:
            mean[self._empty] = values[self._nearest]
        return mean.reshape(self.sites, self.sites)

    def mobile(self, active: NDArray, share: float = 0.5) -> NDArray[np.bool_]:
        """Mark sites whose share of active particles (``[n]`` bool) exceeds ``share``, ``[sites, sites]``."""
        return self.average(active) > share


def chords(mobile: NDArray) -> NDArray[np.intp]:
    """Lengths in sites of all chords of a periodic lattice, along rows, then along columns.

    A row that is mobile all around the box is one chord of the lattice's length.

    Parameters
    ----------
    mobile
        ``[rows, columns]`` bool.
    """
    return np.concatenate([_runs(mobile)[2], _runs(mobile.T)[2]])


def _runs(lines: NDArray) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Line, first site and length of every run of mobile sites along the periodic lines of a lattice."""
    lines = np.asarray(lines, dtype=bool)
    n = lines.shape[1]
    full = np.flatnonzero(lines.all(axis=1))
    before = np.roll(lines, 1, axis=1)
    line, start = np.nonzero(lines & ~before)
    # the first immobile site behind each start, counted around the line
    stop_line, stop = np.nonzero(~lines & before)
    first = np.searchsorted(stop_line, line)
    rank = np.arange(line.size) - np.searchsorted(line, line)
    count = np.searchsorted(stop_line, line, side="right") - first
    # starts and stops of a line alternate; if the first stop lies before the first start, pair with the next
    turned = stop[np.minimum(first, max(stop.size - 1, 0))] < start[np.searchsorted(line, line)]
    behind = stop[first + (rank + turned) % np.maximum(count, 1)] if line.size else start
    length = np.mod(behind - start, n)
    return (
        np.concatenate([full, line]),
        np.concatenate([np.zeros_like(full), start]),
        np.concatenate([np.full(full.size, n, dtype=np.intp), length]),
    )


def _blocks(sites: int, blocks: int) -> NDArray[np.intp]:
    """Block of every row (or column) of a lattice, ``[sites]``."""
    return np.arange(sites) * blocks // sites


def chord_sums(
    propensity: NDArray,
    lattices: list[Lattice],
    mobile_share: float = 0.5,
    threshold: float | None = None,
    blocks: int = 1,
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
        Propensity beyond which a particle is active; the median over all particles by default.
    blocks
        Divide each structure into ``blocks`` x ``blocks`` parts, for errors of few large systems. A chord
        belongs to the part in which it begins.

    Returns
    -------
    ndarray
        ``[structures x blocks^2, 3]``; lengths in length units.
    """
    limit = float(np.median(propensity)) if threshold is None else threshold
    found = []
    for field, lattice in zip(propensity, lattices, strict=True):
        mobile = lattice.mobile(lattice.label.is_active(field, limit), mobile_share)
        block = _blocks(lattice.sites, blocks)
        line, start, length = _runs(mobile)
        other_line, other_start, other_length = _runs(mobile.T)
        part = np.concatenate(
            [block[line] * blocks + block[start], block[other_start] * blocks + block[other_line]]
        )
        sizes = np.concatenate([length, other_length])
        whole = (block[:, None] * blocks + block)[mobile]
        found.append(
            np.stack(
                [
                    np.bincount(part, sizes, blocks**2) * lattice.spacing,
                    np.bincount(part, minlength=blocks**2),
                    np.bincount(whole, minlength=blocks**2),
                ],
                axis=1,
            )
        )
    return np.concatenate(found)


def mean_chord_length(sums: NDArray) -> float:
    """Average over all chords of all structures, from :func:`chord_sums`; NaN without chords."""
    total, number = sums[..., 0].sum(), sums[..., 1].sum()
    return float(total / number) if number > 0 else float("nan")


def chord_lengths(sums: NDArray) -> NDArray[np.float64]:
    """Mean chord lengths ``[...]`` of many fields, from their :func:`chord_sums` ``[..., structures, 3]``."""
    total = sums.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total[..., 0] / total[..., 1])


class ResampledChords(NamedTuple):
    """Mean chord length of one field, its error over structures and the share of mobile sites.

    ``drawn`` ``[resamples, 3]`` are the sums of :func:`chord_sums` of every resample.
    """

    value: float
    error: float
    share: float
    drawn: NDArray[np.float64]


def resampled_chord_length(
    propensity: NDArray,
    lattices: list[Lattice],
    mobile_share: float,
    draws: NDArray[np.intp],
    blocks: int = 1,
) -> ResampledChords:
    """Mean chord length of one field with its bootstrap error.

    Parameters
    ----------
    propensity, lattices, mobile_share, blocks
        As :func:`chord_sums`.
    draws
        ``[resamples, structures x blocks^2]``, :func:`tglassmlp.observables.bootstrap.resamples`.
    """
    sums = chord_sums(propensity, lattices, mobile_share, blocks=blocks)
    drawn = sums[draws].sum(axis=1)
    share = sums[:, 2].sum() / sum(s.sites**2 for s in lattices)
    error = _scatter(drawn[:, 0] / np.maximum(drawn[:, 1], 1)) if draws.shape[1] > 1 else float("nan")
    return ResampledChords(mean_chord_length(sums), error, share, drawn)


def _scatter(values: NDArray) -> float:
    """Return the standard deviation of resampled values; NaN where most of them have none."""
    known = values[np.isfinite(values)]
    # where many resamples have no answer the error of the others would be too small
    return float(np.std(known, ddof=1)) if known.size > 1 and 2 * known.size > values.size else float("nan")


def resampled_chord_length_without_noise(
    chords_of_mean: ResampledChords,
    halves: NDArray,
    lattices: list[Lattice],
    draws: NDArray[np.intp],
    blocks: int = 1,
) -> tuple[float, float]:
    """:func:`chord_length_without_noise` of dynamics with its bootstrap error.

    Parameters
    ----------
    chords_of_mean
        Of the mean over all replicas, from the same draws.
    halves
        ``[2, structures, particles]`` propensities of disjoint halves of the replicas.
    lattices, draws, blocks
        As :func:`resampled_chord_length`.
    """
    step, share = lattices[0].spacing, chords_of_mean.share
    moments = site_moments(halves[0], halves[1], lattices, blocks)
    value = chord_length_without_noise(chords_of_mean.value, step, share, moments.sum(axis=0))
    again = [
        chord_length_without_noise(total / max(number, 1), step, share, moments[d].sum(axis=0))
        for (total, number, _), d in zip(chords_of_mean.drawn, draws, strict=True)
    ]
    return value, _scatter(np.array(again)) if draws.shape[1] > 1 else float("nan")


def chord_length_under_noise(
    propensity: NDArray, halves: NDArray, lattices: list[Lattice], mobile_share: float = 0.5
) -> float:
    """Mean chord length of a prediction with the noise of the replicas of dynamics laid over it.

    Half the difference of the two halves of the replicas has the variance and the spatial correlation of the
    noise of their mean; it is laid over the prediction with either sign.

    Parameters
    ----------
    propensity
        ``[structures, particles]``; those beyond the structures with dynamics are left out.
    halves
        ``[2, structures, particles]``.
    lattices, mobile_share
        As :func:`chord_sums`.
    """
    noise = 0.5 * (halves[0] - halves[1])
    under, n = propensity[: len(noise)], len(noise)
    laid = [chord_sums(under + sign * noise, lattices[:n], mobile_share) for sign in (1, -1)]
    return mean_chord_length(np.sum(laid, axis=0))


def site_moments(
    first: NDArray, second: NDArray, lattices: list[Lattice], blocks: int = 1
) -> NDArray[np.float64]:
    """Return second moments of the lattice fields of two halves of the replicas, for each structure.

    Parameters
    ----------
    first, second
        ``[structures, particles]`` propensities from disjoint halves of the replicas.
    lattices
        One per structure.
    blocks
        As :func:`chord_sums`.

    Returns
    -------
    ndarray
        ``[structures x blocks^2, 4]``, sums over sites: products of the two halves at one site and at
        neighbouring sites (free of noise), then those of their mean with itself; deviations from the mean
        over all structures.
    """
    fields = [
        np.stack([lattice.average(a), lattice.average(b)])
        for a, b, lattice in zip(first, second, lattices, strict=True)
    ]
    mean = np.mean([f.mean() for f in fields])
    found = []
    for pair in fields:
        one, other = pair - mean
        both = 0.5 * (one + other)
        block = _blocks(one.shape[0], blocks)
        part = (block[:, None] * blocks + block).ravel()
        columns = []
        for a, b in ((one, other), (both, both)):
            near = np.mean([a * np.roll(b, k, axis) for axis in (0, 1) for k in (1, -1)], axis=0)
            columns += [np.bincount(part, (a * b).ravel()), np.bincount(part, near.ravel())]
        found.append(np.stack(columns, axis=1))
    return np.concatenate(found)


def chord_length_without_noise(length: float, spacing: float, mobile_share: float, moments: NDArray) -> float:
    """Chord length that an infinite number of replicas would give, see the head of this module.

    An approximation: exact for Gaussian fields whose threshold is not moved by the noise. Of fields predicted
    by networks, with noise taken from real replicas laid over them, it gives back the chord length within a
    few per cent where noise makes up less than half of the variance (``docs/results-log/observables.md``).

    Parameters
    ----------
    length
        Mean chord length of the mean over all replicas.
    spacing
        Of the lattice.
    mobile_share
        Share of mobile sites.
    moments
        :func:`site_moments`, summed or averaged over structures, ``[4]``.

    Returns
    -------
    float
        NaN where noise covers the signal, or chords are not those of a field with any correlation.
    """
    if not (np.isfinite(length) and 0 < mobile_share < 1):
        return float("nan")
    threshold = float(ndtri(mobile_share))
    at, near, noisy_at, noisy_near = (float(m) for m in moments)
    edge = spacing * mobile_share / length

    def excess(c: float) -> float:
        return 2 * float(owens_t(threshold, np.sqrt((1 - c) / (1 + c)))) - edge

    largest = 1 - 1e-9
    if not (at > 0 and near > 0 and noisy_near > 0 and excess(0.0) > 0 > excess(largest)):
        return float("nan")
    correlation = brentq(excess, 0.0, largest) * (near / at) / (noisy_near / noisy_at)
    if not correlation < largest:
        return float("nan")
    return float(spacing * mobile_share / (excess(correlation) + edge))
