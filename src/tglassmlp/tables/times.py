"""Time of every state point: the measured one if its label exists, else that of the master curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tglassmlp.dynamics.relaxation_times import Relaxation
from tglassmlp.paths import File, temperature_of
from tglassmlp.state_point import StatePoint
from tglassmlp.storage import read_arrays, read_json

__all__ = ["Times"]


class Times:
    """Time of every state point: the measured one if its label exists, else that of the master curve.

    Parameters
    ----------
    relaxation
        ``relaxation.json``.
    labels
        Label files.
    """

    def __init__(self, relaxation: File, labels: Sequence[File] = ()) -> None:
        self.relaxation = Relaxation.from_json(read_json(relaxation))
        self._measured: dict[StatePoint, float] = {}
        for path in labels:
            temperature = temperature_of(path)
            arrays = read_arrays(path, ["c_b", "time"])
            for c, t in zip(arrays["c_b"], arrays["time"], strict=True):
                self._measured[StatePoint.of(temperature, c)] = float(t)

    def columns(self, temperature: float, c_b: float) -> dict[str, Any]:
        """Columns ``time``, ``time_error``, ``time_from``, ``tau`` of one state point.

        A time from superposition has the relative error of tau, and so that of its extrapolation; a measured
        one has none of it. The error is that of ln time multiplied by the time.
        """
        measured = self._measured.get(StatePoint.of(temperature, c_b))
        try:
            tau, error = self.relaxation.tau(temperature)
            time = float(self.relaxation.time_of(temperature, c_b)) if measured is None else measured
        except ValueError:  # nothing to extrapolate from: a temperature without dynamics has no time
            tau, error, time = float("nan"), None, float("nan") if measured is None else measured
        return {
            "time": time,
            "time_error": 0.0
            if measured is not None
            else float("nan")
            if error is None
            else time * error / tau,
            "time_from": "superposition" if measured is None else "dynamics",
            "tau": tau,
        }
