"""What decides the numbers of a training, and how the work is carried out."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from tglassmlp.settings import Settings, refuse_out_of_range
from tglassmlp.settings.ranges import Positive

__all__ = ["DATA_MEMORY", "DistributionSettings", "Execution", "PredictionSettings", "TrainingSettings"]

#: Bytes of descriptors and correlation kernels that a training holds in memory.
DATA_MEMORY: Final = 4e9


@dataclass(frozen=True)
class TrainingSettings:
    """Schedule and losses; the defaults are the paper's.

    Parameters
    ----------
    phase1, phase2
        Entries ``{"epochs": n, "rate": r}`` trained one after the other with the squared error and
        with :func:`tglassmlp.network.loss.structure_loss`.
    correlation_weight, variance_weight, correlation_radii, correlation_width
        Of the second loss.
    select_epoch
        ``"last"``: the networks after the last epoch, as in the paper; ``"validation"``: each network after
        the epoch of the last phase with its highest validation Pearson correlation.
    label_noise
        ``"removed"``: variance and correlations that phase 2 aims at are those between halves of the
        replicas, free of the noise of their finite number; ``"ignored"``: those of the labels as they are
        (the paper), which makes predictions too heterogeneous when replicas are few.
    rate_decay
        ``"none"``: every entry keeps its rate; ``"cosine"``: within each entry the rate rises linearly over
        the first twentieth of its epochs and falls along half a cosine to zero.
    error_scale
        What the squared error of phase 1 is measured against: ``"none"``, as in the paper, or
        ``"variance"``, the variance of the training labels at the same C_B (see
        :func:`tglassmlp.network.data_stream.label_variance`).
    minimum_steps
        If phase 1 has fewer optimisation steps (batches times epochs), all epochs are multiplied by the
        smallest whole number that gives it this many: networks of few structures learn as long as others.
    weight_decay
        Decoupled decay of the matrices: each step takes rate times this share off them (AdamW); 0: Adam.
    checkpoint_seconds
        Time between checkpoints.
    """

    phase1: tuple[tuple[int, float], ...] = ((10, 1e-3), (50, 5e-4), (25, 2e-4))
    phase2: tuple[tuple[int, float], ...] = ((50, 4e-5),)
    correlation_weight: Annotated[
        float, Field(ge=0, le=1e6, description="weight of the spatial-correlation term, phase 2")
    ] = 0.5
    variance_weight: Annotated[
        float, Field(ge=0, le=1e6, description="weight of the variance term, phase 2")
    ] = 1.0
    correlation_radii: Annotated[
        tuple[Positive, ...],
        Field(
            description="distances at which the correlation is compared, increasing, at most half the "
            "box of one unit system"
        ),
    ] = (2.0, 5.0, 8.0)
    correlation_width: Annotated[Positive, Field(description="width of the window around each distance")] = (
        1.0
    )
    select_epoch: Annotated[
        Literal["last", "validation"],
        Field(
            description="networks after the last epoch, or after the best one of phase 2 on validation data"
        ),
    ] = "last"
    label_noise: Annotated[
        Literal["removed", "ignored"],
        Field(
            description="phase 2 aims at the variance between halves of the replicas (removed) or of "
            "the labels"
        ),
    ] = "removed"
    rate_decay: Annotated[
        Literal["none", "cosine"],
        Field(
            description="each entry keeps its rate (none), or the rate falls to zero over its epochs (cosine)"
        ),
    ] = "none"
    error_scale: Annotated[
        Literal["none", "variance"],
        Field(
            description="normalisation of the squared error: none, or the largest label variance at the C_B"
        ),
    ] = "none"
    minimum_steps: Annotated[
        int,
        Field(
            ge=0,
            le=10**9,
            description="smallest number of optimisation steps of phase 1; all epochs are multiplied to "
            "reach it",
        ),
    ] = 0
    weight_decay: Annotated[
        float,
        Field(
            ge=0,
            le=1000,
            description="decoupled weight decay (AdamW): fraction of the weights removed in each step, times "
            "the learning rate",
        ),
    ] = 0.0
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        for name in ("phase1", "phase2"):
            entries = tuple(
                (int(e["epochs"]), float(e["rate"])) if isinstance(e, Mapping) else (int(e[0]), float(e[1]))
                for e in getattr(self, name)
            )
            if any(n < 0 or rate <= 0 for n, rate in entries):
                raise ValueError(f"{name} needs epochs >= 0 and rates > 0, found {entries}")
            object.__setattr__(self, name, entries)
        refuse_out_of_range(self)

    @classmethod
    def from_settings(cls, section: Mapping[str, Any]) -> TrainingSettings:
        """Take the keys that concern one training from the run's ``training`` section."""
        return cls(**{f.name: section[f.name] for f in fields(cls) if f.name in section})

    def schedule(self, batches: int) -> list[tuple[int, float]]:
        """``(phase, rate)`` of every epoch of a training with so many batches."""
        steps = batches * sum(epochs for epochs, _ in self.phase1)
        factor = max(1, math.ceil(self.minimum_steps / steps)) if steps else 1
        decay = _cosine if self.rate_decay == "cosine" else _constant
        return [
            (phase, rate)
            for phase, entries in ((1, self.phase1), (2, self.phase2))
            for epochs, highest in entries
            for rate in decay(factor * epochs, highest)
        ]


def _constant(epochs: int, rate: float) -> list[float]:
    return [rate] * epochs


def _cosine(epochs: int, highest: float) -> list[float]:
    """Rates of the epochs of one entry: a short rise, then half a cosine."""
    when = (np.arange(epochs) + 0.5) / max(epochs, 1)
    return (highest * np.minimum(1.0, 20.0 * when) * 0.5 * (1.0 + np.cos(np.pi * when))).tolist()


@dataclass(frozen=True)
class Execution:
    """How a training is carried out; it does not change the networks.

    Parameters
    ----------
    label
        Name on the progress lines.
    checkpoint
        File to resume from and to keep while training. It stays after the end, for a caller that may yet fail
        and be called again; the caller removes it.
    status_file
        See :class:`tglassmlp.progress.Progress`.
    memory
        Bytes that descriptors and correlation kernels may take; beyond it they stay on disk, beside the
        checkpoint, and blocks of half of this are loaded in turn.
    epochs_per_call
        Stop after so many epochs with a checkpoint written (a planned interruption); None: go on to the end.
    """

    label: str = "training"
    checkpoint: str | os.PathLike[str] | None = None
    status_file: str | os.PathLike[str] | None = None
    memory: float = DATA_MEMORY
    epochs_per_call: int | None = None


class PredictionSettings(Settings):
    """Mean-corrected prediction."""

    iterations: Annotated[int, Field(ge=0, le=10_000)] = Field(
        6, description="largest number of corrections of the input C_B"
    )
    tolerance: Annotated[float, Field(ge=1e-6, lt=1)] = Field(
        0.005, description="largest distance of the mean prediction from C_B that counts as converged"
    )
    fields: Annotated[int, Field(ge=0, le=1000)] = Field(
        8, description="fields with a residual drawn at each state point (training.contrast); 0: none"
    )


class DistributionSettings(Settings):
    """What is drawn from a predicted distribution."""

    fields: Annotated[int, Field(ge=1, le=10_000)] = Field(20, description="fields that are drawn")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="of the random numbers")
