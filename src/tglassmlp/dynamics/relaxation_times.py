r"""Relaxation times of all temperatures, and the time that a state point means.

The relaxation time :math:`\tau` is where the mean correlation :math:`C_B(t)` passes a threshold (0.5). A
curve that ends above it gets its :math:`\tau` by superposition (:mod:`tglassmlp.dynamics.master_curve`).
Relaxation times at temperatures without any dynamics come from :mod:`tglassmlp.dynamics.extrapolation`, and a
state point :math:`(T, C_B)` becomes a time through the master curve. Source: Jung, Biroli, Berthier,
arXiv:2310.20252, App. A.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp.dynamics.clock import crossing_time
from tglassmlp.dynamics.correlations import standard_error
from tglassmlp.dynamics.extrapolation import Extrapolation, Form, LocalSlope, fit_extrapolation, local_slopes
from tglassmlp.dynamics.master_curve import MasterCurve, build_master_curve, overlap_shift
from tglassmlp.state_point import is_same

__all__ = ["Relaxation", "RelaxationTime", "measure_relaxation", "relaxation_time"]

Array = NDArray[np.float64]


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
            if is_same(name, temperature):
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
            errors = standard_error(c) if c.shape[0] > 1 else None
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
