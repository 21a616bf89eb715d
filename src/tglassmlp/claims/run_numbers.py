"""Numbers that are quoted from label maps, networks, selections and the relaxation times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tglassmlp.claims.collection import Collection
from tglassmlp.dynamics.label_map import LabelMap
from tglassmlp.dynamics.relaxation_times import Relaxation
from tglassmlp.paths import File, t_min_of
from tglassmlp.state_point import decimal_text
from tglassmlp.storage import read_npz, read_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "PAPER_TOLERANCE",
    "add_kept_networks",
    "add_label_map",
    "add_networks",
    "add_relaxation",
    "add_selection",
]

#: Largest |mean prediction - C_B| of the networks that the paper keeps.
PAPER_TOLERANCE: Final = 0.05


def add_label_map(numbers: Collection, path: File) -> None:
    """Where the labels of the state points come from."""
    found = LabelMap.read(path)
    origins = {
        "measured": found.measured,
        "extrapolated": found.extrapolated,
        "network_only": found.predicted,
    }
    for name, points in origins.items():
        numbers.add(f"state_points/tmin{t_min_of(path)}/{name}", len(points), "label map")


def add_networks(numbers: Collection, path: File) -> None:
    """Parameters of one network."""
    arrays, _ = read_npz(path)
    per_network = sum(int(np.prod(a.shape[1:])) for a in arrays.values())
    numbers.add(
        f"parameters/tmin{t_min_of(path)}", per_network, "network file", note="learnable, one network"
    )


def add_kept_networks(numbers: Collection, path: File) -> None:
    """Networks that are kept, and how far the worst of them is from C_B."""
    table = read_table(path, ["network", "kept"])
    by = table.groupby("network")["kept"].all()
    numbers.add(f"kept_networks/tmin{t_min_of(path)}", int(by.sum()), "selection table", n=int(by.size))
    if _held_to_c_b(table):
        worst = float(table.loc[table["kept"].astype(bool), "deviation"].max())
        numbers.add(
            f"largest_deviation_of_mean/tmin{t_min_of(path)}", worst, "selection table",
            note="largest |mean prediction - C_B| of kept networks at the glass transition, uncorrected",
        )  # fmt: skip


def _held_to_c_b(table: pd.DataFrame) -> bool:
    """Whether networks were selected by their mean, which only that of bond breaking can be."""
    return "deviation" in table and bool(table["deviation"].notna().any())


def add_selection(numbers: Collection, path: File, output: str) -> None:
    """Networks that pass the paper's test of the uncorrected mean, with the run's output or the other one."""
    table = read_table(path)
    if "mean_prediction" not in table or not _held_to_c_b(table):
        return
    output = str(table["output"].iloc[0]) if "output" in table else output
    worst = (table["mean_prediction"] - table["c_b"]).abs().groupby(table["network"]).max()
    numbers.add(
        f"selection/{output}/tmin{t_min_of(path)}", int((worst < PAPER_TOLERANCE).sum()), "selection table",
        n=int(worst.size),
        note=f"networks with |mean prediction - C_B| < {PAPER_TOLERANCE:g} at T = "
        f"{decimal_text(float(table['temperature'].iloc[0]))} and every C_B, means uncorrected",
        smallest=float(worst.min()), median=float(worst.median()), largest=float(worst.max()),
    )  # fmt: skip


def add_relaxation(
    numbers: Collection, relaxation: Relaxation, glass_transition: float, ratio: float
) -> None:
    """Relaxation times, their slopes, and what their extrapolation says of the glass transition."""
    source = "relaxation/relaxation.json"
    for name, entry in relaxation.times.items():
        numbers.add(f"tau/T{name}", entry.tau, source, entry.tau_error, unit="LJ times", note=entry.how)
        if entry.tau_e is not None:
            numbers.add(f"tau_1_over_e/T{name}", entry.tau_e, source, unit="LJ times")
    for slope in relaxation.local_slopes():
        numbers.add(
            f"activation_energy/T{decimal_text(slope.upper)}-{decimal_text(slope.lower)}", slope.energy,
            source, slope.error, unit="epsilon_11", note="slope of ln tau against 1/T between the two",
        )  # fmt: skip
    fit = relaxation.extrapolation
    if fit is None:
        return
    n, at = len(fit.temperatures), f"at T = {decimal_text(fit.reference)}"
    numbers.add(
        "extrapolation/energy", fit.energy, source, fit.energy_error, n, "epsilon_11", f"{fit.form}, {at}"
    )
    numbers.add(
        "extrapolation/curvature", float("nan") if fit.curvature is None else fit.curvature, source,
        fit.curvature_error, n, "epsilon_11^2", "second derivative of ln tau with respect to 1/T",
    )  # fmt: skip
    tau, tau_error = relaxation.tau(glass_transition)
    numbers.add(
        "glass_transition/tau", tau, source, tau_error, n, "LJ times",
        f"at T = {decimal_text(glass_transition)}; the error is that of ln tau times tau, the choice of "
        "extrapolation included",
    )  # fmt: skip
    hottest = max(relaxation.times, key=float)
    known = tau_error is not None
    numbers.add(
        "glass_transition/decades", np.log10(tau / relaxation.times[hottest].tau), source,
        (tau_error or 0.0) / tau / np.log(10.0) if known else None, unit="decades",
        note=f"tau at T = {decimal_text(glass_transition)} over tau at T = {hottest}",
    )  # fmt: skip
    try:
        value, error = fit.glass_transition(ratio)
    except ValueError as refused:
        value, error, note = float("nan"), None, str(refused)
    else:
        note = f"where tau is {ratio:g} LJ times"
    numbers.add("glass_transition/temperature", value, source, error, n, "epsilon_11", note)
