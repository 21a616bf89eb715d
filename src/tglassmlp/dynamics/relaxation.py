r"""Relaxation: mean correlation C_B(t), relaxation times, superposition, times where nothing was measured.

The mean bond-breaking correlation :math:`C_B(t)` falls from 1 to 0. Its relaxation time :math:`\tau` is
where it passes a threshold (0.5). Curves at different temperatures collapse on one master curve
:math:`C_B(t / \tau)`; a curve that ends above the threshold gets its :math:`\tau` from the shift in
:math:`\ln t` that lays it best on the master curve. Relaxation times at temperatures without any dynamics
come from :mod:`tglassmlp.dynamics.extrapolation`, and a state point :math:`(T, C_B)` becomes a time through
the master curve. Source: Jung, Biroli, Berthier, arXiv:2310.20252, App. A.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression, minimize_scalar

from tglassmlp.dynamics.correlations import of_species, split_half_ceiling
from tglassmlp.dynamics.extrapolation import Extrapolation, Form, LocalSlope, fit_extrapolation, local_slopes

__all__ = [
    "Crossing",
    "MasterCurve",
    "Relaxation",
    "RelaxationTime",
    "crossing_time",
    "measure_relaxation",
    "relaxation_time",
    "summarise_curves",
]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Crossing:
    """Where a decaying curve first falls below a level: ``index`` (real frame index) and ``time``."""

    index: float
    time: float


def crossing_time(times: ArrayLike, curve: ArrayLike, level: float) -> Crossing | None:
    """First passage of a curve below ``level``, linear in the frame index and so in log time.

    Parameters
    ----------
    times
        ``[F]`` rising times of the frames; the first may be 0, and is then joined to the second
        linearly in time.
    curve
        ``[F]`` values.
    level
        The value to pass.

    Returns
    -------
    Crossing or None
        None if the curve never falls below ``level``.

    Raises
    ------
    ValueError
        If the shapes differ, the times do not rise, or the curve starts below ``level``.
    """
    t, c = np.asarray(times, dtype=float), np.asarray(curve, dtype=float)
    if t.ndim != 1 or t.shape != c.shape or t.size < 2:
        raise ValueError(
            f"times and curve must have one shape [F] with F >= 2, found {t.shape} and {c.shape}"
        )
    if t[0] < 0 or np.any(np.diff(t) <= 0):
        raise ValueError("times must rise and must not be negative")
    below = np.flatnonzero(c < level)
    if below.size == 0:
        return None
    f = int(below[0])
    if f == 0:
        raise ValueError(f"the curve starts at {c[0]:g}, already below {level:g}")
    part = float((c[f - 1] - level) / (c[f - 1] - c[f]))
    index = f - 1 + part
    if t[f - 1] == 0:
        return Crossing(index, float(part * t[f]))
    return Crossing(index, float(np.exp((1 - part) * np.log(t[f - 1]) + part * np.log(t[f]))))


@dataclass(frozen=True)
class RelaxationTime:
    """A relaxation time, its standard error (None if unknown) and how it was found.

    ``how`` is ``"threshold"``, ``"continued"`` (no curve of the run reaches the threshold: the furthest
    decayed one is continued linearly in logit C_B against log time), ``"overlap"`` (superposition),
    ``"interpolated"`` (between measured temperatures) or ``"extrapolated"``. ``tau_e`` is
    the time at which C_B = 1/e, None if the curve ends above.
    """

    tau: float
    tau_error: float | None
    how: str
    tau_e: float | None = None


def relaxation_time(
    times: ArrayLike, curves: ArrayLike, threshold: float = 0.5
) -> tuple[float, float | None] | None:
    """Relaxation time of the mean of several structures' curves, with its jackknife error.

    Parameters
    ----------
    times
        ``[F]`` times of the frames.
    curves
        ``[S, F]`` C_B(t) of every structure.
    threshold
        The value to pass.

    Returns
    -------
    (tau, error) or None
        The error is the jackknife over structures of ln tau, times tau; None with fewer than two
        structures. When a jackknife curve ends above the threshold, the error of C_B divided by the
        slope is used. None if the mean curve ends above the threshold.

    Raises
    ------
    ValueError
        As :func:`crossing_time`.
    """
    c = np.asarray(curves, dtype=float)
    if c.ndim != 2:
        raise ValueError(f"curves must have shape [structures, frames], found {c.shape}")
    found = crossing_time(times, c.mean(axis=0), threshold)
    if found is None:
        return None
    s = c.shape[0]
    if s < 2:
        return found.time, None
    logs = []
    for k in range(s):
        other = crossing_time(times, np.delete(c, k, axis=0).mean(axis=0), threshold)
        if other is None:
            break
        logs.append(np.log(other.time))
    if len(logs) == s:
        error = float(np.sqrt((s - 1) * np.var(logs)))
    else:
        f = min(int(found.index), c.shape[1] - 2)
        t = np.asarray(times, dtype=float)
        mean = c.mean(axis=0)
        slope = (mean[f] - mean[f + 1]) / np.log(t[f + 1] / max(t[f], 1e-3 * t[f + 1]))
        spread = np.interp(found.index, np.arange(c.shape[1]), c.std(axis=0, ddof=1)) / np.sqrt(s)
        error = float(spread / slope)
    return found.time, found.time * error


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


@dataclass(frozen=True)
class Relaxation:
    """Relaxation of all temperatures of a run: times, master curve and extrapolation.

    Parameters
    ----------
    threshold
        C_B at the relaxation time.
    times
        Canonical temperature -> :class:`RelaxationTime`; measured and extrapolated ones.
    master
        The collapsed curve.
    extrapolation
        Relaxation times below the measured temperatures, or None when only one was measured.
    """

    threshold: float
    times: Mapping[str, RelaxationTime]
    master: MasterCurve
    extrapolation: Extrapolation | None

    def tau(self, temperature: float | str) -> tuple[float, float | None]:
        """Relaxation time and its error: as measured, else interpolated or extrapolated.

        Raises
        ------
        ValueError
            If the temperature was not measured and there is no extrapolation.
        """
        for name, entry in self.times.items():
            if abs(float(name) - float(temperature)) < 1e-9:
                return entry.tau, entry.tau_error
        entry = self._unmeasured(float(temperature))
        return entry.tau, entry.tau_error

    def _unmeasured(self, temperature: float) -> RelaxationTime:
        measured = sorted(self.measured().items())
        lower = [m for m in measured if m[0] < temperature]
        upper = [m for m in measured if m[0] > temperature]
        if lower and upper:
            (t0, e0), (t1, e1) = lower[-1], upper[0]
            part = (1 / temperature - 1 / t0) / (1 / t1 - 1 / t0)
            tau = float(np.exp((1 - part) * np.log(e0.tau) + part * np.log(e1.tau)))
            error = None
            if e0.tau_error is not None and e1.tau_error is not None:
                error = tau * float(
                    np.hypot((1 - part) * e0.tau_error / e0.tau, part * e1.tau_error / e1.tau)
                )
            return RelaxationTime(tau, error, "interpolated")
        if self.extrapolation is None:
            raise ValueError(
                f"no relaxation time for T = {temperature:g}: with dynamics at one temperature only there "
                "is nothing to extrapolate from"
            )
        return RelaxationTime(*self.extrapolation.tau(temperature), "extrapolated")

    def measured(self) -> dict[float, RelaxationTime]:
        """Relaxation times of the temperatures with dynamics."""
        return {float(n): e for n, e in self.times.items() if e.how in ("threshold", "continued", "overlap")}

    def local_slopes(self) -> list[LocalSlope]:
        """Activation energies between neighbouring measured temperatures, from high to low."""
        entries = self.measured()
        return local_slopes(
            list(entries), [e.tau for e in entries.values()], [e.tau_error for e in entries.values()]
        )

    def time_of(self, temperature: float | str, c_b: ArrayLike) -> Array:
        """Time at which C_B has the value ``c_b`` (any shape): master curve times tau(T)."""
        return self.master.ratio(c_b) * self.tau(temperature)[0]

    def correlation_of(self, temperature: float | str, time: ArrayLike) -> Array:
        """C_B at a time (any shape): the inverse of :meth:`time_of`."""
        return self.master.correlation(np.asarray(time, dtype=float) / self.tau(temperature)[0])

    def to_json(self) -> dict[str, Any]:
        """JSON-like record, ``relaxation.json``."""
        return {
            "threshold": self.threshold,
            "temperatures": {name: asdict(entry) for name, entry in self.times.items()},
            "extrapolation": None if self.extrapolation is None else asdict(self.extrapolation),
            "local_slopes": [asdict(slope) for slope in self.local_slopes()],
            "master_curve": {"log_ratio": list(self.master.log_x), "c_b": list(self.master.c_b)},
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Relaxation:
        """Rebuild what :meth:`to_json` gave.

        Raises
        ------
        ValueError
            If a key is missing.
        """
        try:
            fit = record["extrapolation"]
            if fit is not None:
                covariance = None if fit["covariance"] is None else tuple(map(tuple, fit["covariance"]))
                fit = Extrapolation(
                    **{**fit, "covariance": covariance, "temperatures": tuple(fit["temperatures"])}
                )
            return cls(
                record["threshold"],
                {name: RelaxationTime(**entry) for name, entry in record["temperatures"].items()},
                MasterCurve(tuple(record["master_curve"]["log_ratio"]), tuple(record["master_curve"]["c_b"])),
                fit,
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a relaxation record: {error}") from error


def _continued(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]], threshold: float, highest: float = 0.85
) -> tuple[str, RelaxationTime]:
    """Continue the furthest decayed curve to the threshold when no curve reaches it."""
    if not curves:
        raise ValueError("no temperature has dynamics")
    name = min(curves, key=lambda key: float(np.asarray(curves[key][1]).mean(axis=0).min()))
    times, values = curves[name]
    mean = np.asarray(values, dtype=float).mean(axis=0)
    if mean.min() > highest:
        raise ValueError(
            f"no temperature has dynamics long enough for C_B = {threshold:g}; "
            f"the lowest C_B is {mean.min():.3f}, at T = {name}: raise a dynamics_time"
        )
    master = build_master_curve([(times, mean, 1.0)])
    return name, RelaxationTime(float(master.ratio(threshold)), None, "continued")


def measure_relaxation(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    temperatures: Sequence[str] = (),
    threshold: float = 0.5,
    extrapolation_temperatures: int = 4,
    form: Form = "between",
) -> Relaxation:
    """Relaxation times of all temperatures, from the threshold, by superposition, or extrapolated.

    Parameters
    ----------
    curves
        Canonical temperature -> (times ``[F]``, C_B of every structure ``[S, F]``), central species.
    temperatures
        Further canonical temperatures, without dynamics, whose tau is wanted.
    threshold
        C_B at the relaxation time.
    extrapolation_temperatures, form
        How many of the lowest measured temperatures are extrapolated from, and how; see
        :func:`tglassmlp.dynamics.extrapolation.fit_extrapolation`.

    Raises
    ------
    ValueError
        If no curve comes near the threshold, or one has hardly decayed; the message names the temperature.
    """
    found: dict[str, RelaxationTime] = {}
    reaching: list[tuple[ArrayLike, ArrayLike, float]] = []
    for name, (times, values) in curves.items():
        c = np.asarray(values, dtype=float)
        result = relaxation_time(times, c, threshold)
        if result is not None:
            inverse_e = crossing_time(times, c.mean(axis=0), float(np.exp(-1)))
            found[name] = RelaxationTime(*result, "threshold", None if inverse_e is None else inverse_e.time)
            reaching.append((times, c.mean(axis=0), result[0]))
    if not reaching:
        name, continued = _continued(curves, threshold)
        found[name] = continued
        reaching.append((curves[name][0], np.asarray(curves[name][1]).mean(axis=0), continued.tau))
    master = build_master_curve(reaching)
    for name, (times, values) in curves.items():
        if name not in found:
            c = np.asarray(values, dtype=float)
            errors = _standard_error(c) if c.shape[0] > 1 else None
            try:
                found[name] = RelaxationTime(*overlap_shift(times, c.mean(axis=0), errors, master), "overlap")
            except ValueError as error:
                raise ValueError(f"T = {name}: {error}") from None
    line = None
    if len(found) >= 2:
        line = fit_extrapolation(
            [float(n) for n in found],
            [e.tau for e in found.values()],
            [e.tau_error for e in found.values()],
            extrapolation_temperatures,
            form,
        )
    measured = Relaxation(threshold, found, master, line)
    everything = dict(found)
    for name in temperatures:
        if name not in everything and (line is not None):
            everything[name] = measured._unmeasured(float(name))
    ordered = dict(sorted(everything.items(), key=lambda item: -float(item[0])))
    return Relaxation(threshold, ordered, master, line)


def summarise_curves(
    temperature: float,
    times: ArrayLike,
    species: ArrayLike,
    propensity: ArrayLike,
    half: ArrayLike,
    scattering: ArrayLike,
    displacement2: ArrayLike,
) -> pd.DataFrame:
    """Mean curves of one temperature with errors over structures, one row per species and frame.

    Parameters
    ----------
    temperature
        For the first column.
    times, species
        ``[frame]`` and ``[structure, particle]``.
    propensity, half
        ``[structure, frame, particle]`` and ``[structure, 2, frame, particle]``.
    scattering, displacement2
        ``[structure, species, frame]``.

    Returns
    -------
    pandas.DataFrame
        Columns temperature, species, frame, time, c_b, error, scattering, scattering_error, displacement2,
        displacement2_error, ceiling (largest Pearson correlation that finite replicas allow; see
        :func:`tglassmlp.dynamics.correlations.split_half_ceiling`). Errors are NaN for a single structure.
    """
    t, kinds = np.asarray(times, dtype=float), np.asarray(species)
    c, h = np.asarray(propensity, dtype=float), np.asarray(half, dtype=float)
    tables = []
    for s in range(1, int(kinds.max()) + 1):
        if not (kinds == s).any():
            continue
        halves = of_species(h, kinds, s)
        columns: dict[str, Any] = {
            "temperature": temperature,
            "species": s,
            "frame": np.arange(t.size),
            "time": t,
        }
        for name, error, values in (
            ("c_b", "error", of_species(c, kinds, s).mean(axis=2)),
            ("scattering", "scattering_error", np.asarray(scattering)[:, s - 1]),
            ("displacement2", "displacement2_error", np.asarray(displacement2)[:, s - 1]),
        ):
            columns[name] = values.mean(axis=0)
            columns[error] = _standard_error(values)
        columns["ceiling"] = [split_half_ceiling(np.moveaxis(halves[:, :, f], 1, 0)) for f in range(t.size)]
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def _standard_error(values: Array) -> Array:
    """Estimate the standard error of the mean over the first axis; NaN for one value."""
    n = values.shape[0]
    if n < 2:
        return np.full(values.shape[1:], np.nan)
    spread: Array = values.std(axis=0, ddof=1) / np.sqrt(n)
    return spread
