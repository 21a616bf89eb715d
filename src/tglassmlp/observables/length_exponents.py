"""Exponents of the correlation length, from the structure factors of all state points at once.

A length whose fit is not determined must not be left out of a trend, since those with large noise, or small
lengths, would be. Here the likelihood of all structure factors together is maximised, in which every state
point weighs as much as it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tglassmlp.observables.bootstrap import jackknife_error
from tglassmlp.observables.structure_factor import Shells, structure_factor_fft
from tglassmlp.observables.trends import LARGEST_EXPONENT, Estimate

__all__ = ["FactorsByState", "GroupedModes", "length_exponents"]

#: Groups of modes that the jackknife of lengths deletes.
MODE_GROUPS = 8


class GroupedModes:
    """Modes of large systems below a largest q, in groups that a jackknife deletes.

    The same modes of the same systems at all temperatures form a group. Wave vectors with the period of the
    tiles are left out.

    Parameters
    ----------
    shells
        Box and largest wave number.
    tiles
        Unit systems per side of the large systems.
    systems
        Number of large systems.
    rng
        Draws the groups.
    """

    def __init__(self, shells: Shells, tiles: int, systems: int, rng: np.random.Generator) -> None:
        vectors, box = shells.vectors(), shells.box_length
        self.shells, self.systems = shells, systems
        self.used = ~shells.on_tiles(tiles) & (2 * np.pi / box * np.hypot(*vectors.T) < shells.q_max)
        square, self.shell = np.unique((vectors[self.used] ** 2).sum(axis=1), return_inverse=True)
        self.q = 2 * np.pi / box * np.sqrt(square)
        number = systems * int(self.used.sum())
        self.number = 0
        self.group = np.empty((systems, 0), dtype=np.intp)
        if number:
            drawn = rng.permutation(np.arange(number) % min(MODE_GROUPS, number))
            self.group = drawn.reshape(systems, -1)
            self.number = int(self.group.max()) + 1
        self.count = np.zeros((self.number, square.size))
        for g in range(self.number):
            for s in range(systems):
                self.count[g] += np.bincount(self.shell[self.group[s] == g], minlength=square.size)

    def sums(self, values: NDArray[np.float64], positions: NDArray) -> NDArray[np.float64]:
        """Sum the power of every group and shell.

        Parameters
        ----------
        values
            ``[C, networks, systems, n]`` deviations from the mean.
        positions
            ``[systems, n, 2]``.

        Returns
        -------
        ndarray
            ``[groups, C, networks, shells]``.
        """
        total = np.zeros((self.number, *values.shape[:2], self.q.size))
        for s in range(self.systems):
            flat = values[:, :, s].reshape(-1, values.shape[-1])
            power = structure_factor_fft(flat, positions[s], self.shells)
            power = power[:, self.used].reshape(*values.shape[:2], -1)
            for g in range(self.number):
                mine = self.group[s] == g
                member = np.zeros((int(mine.sum()), self.q.size))
                member[np.arange(len(member)), self.shell[mine]] = 1
                total[g] += power[..., mine] @ member
        return total


@dataclass(frozen=True)
class FactorsByState:
    """S_4 of all state points: of each network, of their mean, and of the mean without groups of modes.

    Parameters
    ----------
    modes
        Their groups.
    networks
        ``[networks, T, C, shells]``.
    mean
        ``[T, C, shells]``.
    without
        ``[groups, T, C, shells]``.
    """

    modes: GroupedModes
    networks: NDArray[np.float64]
    mean: NDArray[np.float64]
    without: NDArray[np.float64]

    @classmethod
    def empty(cls, modes: GroupedModes, networks: int, temperatures: int, c_bs: int) -> FactorsByState:
        """NaN everywhere, to be filled by :meth:`put`."""
        shape = (temperatures, c_bs, modes.q.size)
        return cls(
            modes,
            np.full((networks, *shape), np.nan),
            np.full(shape, np.nan),
            np.full((modes.number, *shape), np.nan),
        )

    def put(self, k: int, j: int, total: NDArray[np.float64], good: NDArray[np.bool_]) -> None:
        """Set state point ``(k, j)`` from the sums ``[groups, networks, shells]`` of its good networks."""
        count = self.modes.count
        whole = total.sum(axis=0) / count.sum(axis=0)
        self.networks[good, k, j] = whole[good]
        self.mean[k, j] = whole[good].mean(axis=0)
        rest = total.sum(axis=0) - total  # [groups, networks, shells]
        modes = count.sum(axis=0) - count
        with np.errstate(invalid="ignore", divide="ignore"):
            self.without[:, k, j] = np.where(
                modes > 0, rest[:, good].mean(axis=1) / np.maximum(modes, 1), 0.0
            )

    def estimates(
        self, columns: NDArray[np.float64], combinations: Mapping[str, Sequence[float]], cubic: bool
    ) -> dict[str, Estimate]:
        """Estimate combinations of exponents of xi_4 (or A, with ``cubic``), see :func:`length_exponents`.

        Parameters
        ----------
        columns, combinations
            See :func:`tglassmlp.observables.trends.ranges`.
        cubic
            A in place of xi_4.
        """
        modes = self.modes.count.sum(axis=0)

        def fit(s4: NDArray, number: NDArray) -> NDArray[np.float64]:
            seen = number > 0
            return length_exponents(
                self.modes.q[seen], s4[..., seen], number[seen], columns, self.modes.shells.box_length, cubic
            )

        every = np.array([fit(s4, modes) for s4 in self.networks])
        whole = fit(self.mean, modes)
        without = np.array([fit(s4, m) for s4, m in zip(self.without, modes - self.modes.count, strict=True)])
        found = {}
        for name, of in combinations.items():
            error = jackknife_error(without @ np.array(of))
            # what is lost with a few modes is not determined by all of them
            each = every @ np.array(of) + (0.0 if np.isfinite(error) else np.nan)
            spread = float(np.nanstd(each, ddof=1)) if np.isfinite(each).sum() > 1 else float("nan")
            value = float(whole @ np.array(of)) if np.isfinite(error) else float("nan")
            found[name] = Estimate(value, error, spread, each)
        return found


def length_exponents(
    q: NDArray[np.float64],
    s4: NDArray[np.float64],
    modes: NDArray[np.float64],
    columns: NDArray[np.float64],
    largest: float,
    cubic: bool = False,
) -> NDArray[np.float64]:
    r"""Exponents of a length, from the structure factors of all state points at once.

    The length is that of

    .. math:: 1/S_4(q) = c_0 \left(1 + (q \xi_4)^2\right) \quad\text{or}\quad
              c_0 \left(1 + (q A)^3\right) + c_2 q^2

    with :math:`c_0` (and :math:`c_2`) free at every state point, and :math:`\ln\xi_4` (or :math:`\ln A`) a
    constant for each C_B plus ``columns @ exponents``. Amplitudes are exponentially distributed about S_4, as
    in :func:`tglassmlp.observables.structure_factor.fit_structure_factor`.

    Parameters
    ----------
    q, modes
        ``[shells]`` in the fitted range, and the number of modes in each average.
    s4
        ``[T, C, shells]``; NaN at state points that are missing.
    columns
        ``[T, k]``, see :func:`tglassmlp.observables.trends.exponents`.
    largest
        Longest length allowed.
    cubic
        Fit A in place of xi_4.

    Returns
    -------
    ndarray
        ``[k]``; NaN if the search does not end, or ends at a limit.
    """
    n_c, k, power = s4.shape[1], columns.shape[1], 3 if cubic else 2
    known = np.isfinite(s4).all(axis=2) & (s4 > 0).any(axis=2)
    t, c = np.nonzero(known)
    if not any(len(set(t[c == j])) > k for j in range(n_c)):
        return np.full(k, np.nan)
    data, m = s4[t, c], np.asarray(modes, dtype=np.float64)
    used = np.unique(c)
    # what the length of every state point is made of: a constant for each C_B, and the exponents
    design = np.concatenate([c[:, None] == used, (columns - columns.mean(axis=0))[t]], axis=1).astype(float)
    whole = np.concatenate([np.zeros(used.size), np.ones(k)]) > 0
    low = -np.log(data @ m / m.sum())
    limits = np.log([1e-2 / q.max(), largest])

    def model(free: NDArray, fixed: NDArray) -> tuple[NDArray, NDArray]:
        """1/S_4 and its logarithmic derivatives by the parameters of each state point and by ln(length)."""
        c0 = np.exp(free[:, :1])
        u = (q * np.exp(np.clip(design @ fixed, *limits))[:, None]) ** power
        terms = [c0 * (1 + u)]
        if cubic:
            terms.append(np.exp(free[:, 1:]) * q**2)
        inverse = np.sum(terms, axis=0)
        return inverse, np.stack([*terms, c0 * power * u], axis=1) / inverse[:, None]

    def loss(inverse: NDArray) -> float:
        return float((m * (data * inverse - np.log(inverse))).sum())

    # damped Fisher scoring; the parameters of each state point are eliminated from the steps of the others
    free = low[:, None] + np.array([0.5, -1.0] if cubic else [0.5])
    fixed = np.where(whole, 0.0, np.log(2 / q.max()))
    damping, idle, r = 1e-2, 0, free.shape[1]
    inverse, by = model(free, fixed)
    here = loss(inverse)
    for _ in range(300):
        score = np.einsum("npk,nk->np", by, m * (data * inverse - 1))
        information = np.einsum("npk,nqk,k->npq", by, by, m)
        information += (damping * information + 1e-9 * m.sum()) * np.eye(r + 1)
        inner, cross = information[:, :r, :r], information[:, :r, r]
        solved = np.linalg.solve(inner, np.stack([cross, score[:, :r]], axis=2))
        weight = information[:, r, r] - (cross * solved[:, :, 0]).sum(axis=1)
        slope = score[:, r] - (cross * solved[:, :, 1]).sum(axis=1)
        outer = (design.T * weight) @ design
        step = np.linalg.solve(outer + 1e-12 * np.trace(outer) * np.eye(len(outer)), design.T @ slope)
        shift = solved[:, :, 1] - solved[:, :, 0] * (design @ step)[:, None]
        shift = free - np.maximum(free - shift, low[:, None] - 14)
        size = max(1.0, float(np.abs(step).max()), 0.5 * float(np.abs(shift).max()))
        new_free = free - shift / size
        new_fixed = fixed - step / size
        inverse_there, by_there = model(new_free, new_fixed)
        there = loss(inverse_there)
        if there <= here:
            gain = here - there
            free, fixed, inverse, by, here = new_free, new_fixed, inverse_there, by_there, there
            damping = max(damping / 4, 1e-9)
            # a parameter that the data leave at zero walks on without gain
            idle = idle + 1 if gain < 1e-9 * len(t) else 0
            if idle == 3:
                break
        else:
            damping *= 8
            if damping > 1e8:
                break
    else:
        return np.full(k, np.nan)
    p = fixed[whole]
    return p if np.abs(p).max() < LARGEST_EXPONENT else np.full(k, np.nan)
