"""Both steps of a training one after the other, in one process: what studies and folds repeat many times."""

from __future__ import annotations

from pathlib import Path

from tglassmlp.dynamics.label_map import LabelMap
from tglassmlp.network import training_run
from tglassmlp.network.run_files import Record, TrainingFiles, direct
from tglassmlp.network.settings import Execution
from tglassmlp.state_point import canonical

__all__ = ["both_steps"]


def both_steps(
    folder: Path, files: TrainingFiles, t_min: float, glass_transition: float, run: Record, minimum: int
) -> Path:
    """Full networks of one T_min, by the stages of the workflow.

    Parameters
    ----------
    folder
        Where networks and checkpoints lie. What is finished there is kept, so that a killed job goes on.
    files
        What is learnt from.
    t_min, glass_transition, run
        As the stages take them.
    minimum
        Measured temperatures that step 1 needs at a C_B.

    Returns
    -------
    Path
        File of the full networks, with the list of those selected.

    Raises
    ------
    tglassmlp.network.selection.SelectionError
        If no network of a step is consistent.
    """
    name = f"tmin{canonical(t_min)}"
    extrapolated_points = () if direct(run) else LabelMap.read(files.label_map).extrapolated
    targets = sorted({point.c_b for point in extrapolated_points})
    ensembles = [folder / f"equi_time/{name}/cb{canonical(c)}.npz" for c in targets]
    for c_b, path in zip(targets, ensembles, strict=True):
        if not path.exists():
            how = Execution(checkpoint=folder / f"state/equi_time_{canonical(t_min)}_{canonical(c_b)}.npz")
            history = path.with_suffix(".history.parquet")
            training_run.equi_time_networks(path, history, files, t_min, c_b, run, minimum, how)
    extrapolated = folder / f"extrapolated/{name}.h5"
    if not extrapolated.exists():
        training_run.extrapolated_labels(
            extrapolated, extrapolated.with_suffix(".parquet"), ensembles, files.descriptors, files.label_map,
            t_min, run,
        )  # fmt: skip
    full = folder / f"full/{name}.npz"
    if not full.exists():
        training_run.full_networks(
            full, full.with_suffix(".parquet"), full.with_suffix(".history.parquet"), files, extrapolated,
            t_min, glass_transition, run, Execution(checkpoint=folder / f"state/full_{canonical(t_min)}.npz"),
        )  # fmt: skip
    return full
