r"""Superposition: curves at different temperatures collapse on one master curve :math:`C_B(t / \tau)`.

A curve that ends above the threshold of the relaxation time gets its :math:`\tau` from the shift in
:math:`\ln t` that lays it best on the master curve. Source: Jung, Biroli, Berthier, arXiv:2310.20252, App. A.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression, minimize_scalar

__all__ = ["MasterCurve", "build_master_curve", "overlap_shift"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MasterCurve:
    r"""The collapsed curve :math:`C_B(t / \tau)`, strictly falling.

    It is linear in :math:`\ln(t / \tau)` between its nodes.
    Beyond its ends it goes on linearly in :math:`\mathrm{logit}\, C_B` against :math:`\ln(t / \tau)`,
    so that it stays within (0, 1) and can be inverted everywhere; :attr:`lowest` and :attr:`highest`
    tell where the data end.

    Parameters
    ----------
    log_x
        ``[n]`` rising values of ln(t / tau).
    c_b
        ``[n]`` strictly falling values in (0, 1).
    """

    log_x: tuple[float, ...]
    c_b: tuple[float, ...]

    def __post_init__(self) -> None:
        x, c = np.asarray(self.log_x), np.asarray(self.c_b)
        if x.shape != c.shape or x.size < 2 or np.any(np.diff(x) <= 0) or np.any(np.diff(c) >= 0):
            raise ValueError("a master curve needs at least two nodes, ln(t/tau) rising and C_B falling")
        if c[0] >= 1 or c[-1] <= 0:
            raise ValueError(f"C_B of the master curve must lie in (0, 1), found {c[0]} to {c[-1]}")

    @property
    def lowest(self) -> float:
        """Smallest C_B that the data reach."""
        return self.c_b[-1]

    @property
    def highest(self) -> float:
        """Largest C_B below 1 that the data resolve."""
        return self.c_b[0]

    def _ends(self) -> tuple[Array, Array, float, float]:
        x, c = np.asarray(self.log_x), np.asarray(self.c_b)
        z = np.log(c / (1 - c))
        k = min(3, x.size - 1)
        return x, c, float((z[k] - z[0]) / (x[k] - x[0])), float((z[-1] - z[-1 - k]) / (x[-1] - x[-1 - k]))

    def correlation(self, ratio: ArrayLike) -> Array:
        """C_B at t / tau = ``ratio`` (any shape, positive)."""
        x, c, first, last = self._ends()
        u = np.log(np.asarray(ratio, dtype=float))
        z0, z1 = np.log(c[0] / (1 - c[0])), np.log(c[-1] / (1 - c[-1]))
        inside = np.interp(u, x, c)
        before = 1 / (1 + np.exp(-(z0 + first * (np.minimum(u, x[0]) - x[0]))))
        after = 1 / (1 + np.exp(-(z1 + last * (np.maximum(u, x[-1]) - x[-1]))))
        return np.where(u < x[0], before, np.where(u > x[-1], after, inside))

    def ratio(self, c_b: ArrayLike) -> Array:
        """Ratio t / tau at which the curve has the value ``c_b``: the inverse of :meth:`correlation`.

        Raises
        ------
        ValueError
            For a value outside (0, 1).
        """
        value = np.asarray(c_b, dtype=float)
        if np.any(value <= 0) or np.any(value >= 1):
            raise ValueError(f"C_B must lie between 0 and 1, found {value}")
        x, c, first, last = self._ends()
        z = np.log(value / (1 - value))
        z0, z1 = np.log(c[0] / (1 - c[0])), np.log(c[-1] / (1 - c[-1]))
        inside = np.interp(-value, -c, x)
        before, after = x[0] + (z - z0) / first, x[-1] + (z - z1) / last
        return np.exp(np.where(value > c[0], before, np.where(value < c[-1], after, inside)))


def build_master_curve(
    curves: Sequence[tuple[ArrayLike, ArrayLike, float]], step: float = 0.15
) -> MasterCurve:
    """Master curve from curves with known relaxation times.

    Every curve is read off on one grid in ln(t / tau); the mean over the curves present at each point is made
    non-increasing by isotonic regression (pooling adjacent violators), and flat stretches become one node.

    Parameters
    ----------
    curves
        For each temperature ``(times [F], C_B [F], tau)``.
    step
        Distance of grid points in ln(t / tau).

    Raises
    ------
    ValueError
        If no curve is given, or they do not decay.
    """
    if not curves:
        raise ValueError("a master curve needs at least one curve that reaches the threshold")
    logs = []
    for times, values, tau in curves:
        t, c = np.asarray(times, dtype=float), np.asarray(values, dtype=float)
        keep = t > 0
        logs.append((np.log(t[keep] / tau), c[keep]))
    low = min(x[0] for x, _ in logs)
    high = max(x[-1] for x, _ in logs)
    grid = step * np.arange(np.ceil(low / step), np.floor(high / step) + 1)
    total, number = np.zeros(grid.size), np.zeros(grid.size)
    for x, c in logs:
        inside = (grid >= x[0]) & (grid <= x[-1])
        total[inside] += np.interp(grid[inside], x, c)
        number[inside] += 1
    present = number > 0
    grid, mean = grid[present], total[present] / number[present]
    falling = isotonic_regression(mean, weights=number[present], increasing=False)
    nodes_x, nodes_c = [], []
    for a, b in zip(falling.blocks[:-1], falling.blocks[1:], strict=True):
        value = float(falling.x[a])
        if 1e-6 < value < 1 - 1e-6:
            nodes_x.append(float(grid[a:b].mean()))
            nodes_c.append(value)
    if len(nodes_x) < 2:
        raise ValueError("the curves do not decay: no master curve can be built")
    return MasterCurve(tuple(nodes_x), tuple(nodes_c))


def overlap_shift(
    times: ArrayLike,
    curve: ArrayLike,
    errors: ArrayLike | None,
    master: MasterCurve,
    smallest_decay: float = 0.01,
) -> tuple[float, float | None]:
    """Relaxation time that lays a curve best on the master curve.

    Minimises the squared distance of C_B over the frames that have decayed by at least ``smallest_decay``.

    Parameters
    ----------
    times, curve, errors
        ``[F]`` times, C_B and (or None) its standard errors.
    master
        The master curve.
    smallest_decay
        Frames with C_B above 1 minus this carry no information on the shift and are left out.

    Returns
    -------
    tau, error
        The error is from the error of C_B and the slope of the master curve at the last frame (frames
        of one run are strongly correlated, so that their number does not reduce it); None without
        errors.

    Raises
    ------
    ValueError
        If no frame has decayed by ``smallest_decay``.
    """
    t, c = np.asarray(times, dtype=float), np.asarray(curve, dtype=float)
    keep = (t > 0) & (c < 1 - smallest_decay)
    if not keep.any():
        raise ValueError(
            f"C_B has only fallen to {c.min():.4f} by t = {t[-1]:g}: too little to lay the curve on the "
            "master curve; a longer dynamics_time is needed at this temperature"
        )

    def cost(log_tau: float) -> float:
        return float(np.mean((c[keep] - master.correlation(t[keep] / np.exp(log_tau))) ** 2))

    guess = np.log(t[keep][-1] / float(master.ratio(float(np.clip(c[keep][-1], 1e-6, 1 - 1e-6)))))
    grid = guess + np.linspace(-3, 3, 61)
    best = grid[int(np.argmin([cost(g) for g in grid]))]
    result = minimize_scalar(cost, bounds=(best - 0.2, best + 0.2), method="bounded", options={"xatol": 1e-6})
    log_tau = float(result.x)
    if errors is None:
        return float(np.exp(log_tau)), None
    last = float(np.asarray(errors, dtype=float)[keep][-1])
    ratio = t[keep][-1] / np.exp(log_tau)
    slope = abs(float(master.correlation(ratio * 1.1) - master.correlation(ratio / 1.1))) / np.log(1.21)
    error = last / slope if slope > 0 and np.isfinite(last) else None
    return float(np.exp(log_tau)), None if error is None else float(np.exp(log_tau) * error)
