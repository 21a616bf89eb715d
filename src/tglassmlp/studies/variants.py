"""The variants of a run that studies train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tglassmlp.network import models
from tglassmlp.network.contrast import LAWS
from tglassmlp.network.glassmlp import GLASSMLP
from tglassmlp.state_point import canonical, is_same

__all__ = ["Variant", "variants"]

Record = Mapping[str, Any]

#: The paper's own training, as far as known: keys of ``network`` and of ``training``.
PAPER_NETWORK: Final[dict[str, Any]] = {"output": "propensity", "input_limit": None}
PAPER_TRAINING: Final[dict[str, Any]] = {
    "phase1": [
        {"epochs": 10, "rate": 1e-3},
        {"epochs": 50, "rate": 5e-4},
        {"epochs": 25, "rate": 2e-4},
    ],
    "phase2": [{"epochs": 50, "rate": 4e-5}],
    "rate_decay": "none",
    "minimum_steps": 0,
    "equi_time_blind": 0.0,
    "error_scale": "none",
    "weight_decay": 0.0,
    "variance_weight": 1.0,
    "correlation_weight": 0.5,
    "contrast": "none",
}
#: A phase 2 for runs without one.
SHORT_PHASE2: Final[list[dict[str, float]]] = [{"epochs": 10, "rate": 5e-4}]
#: Lists of state features compared with the run's.
FEATURES: Final[dict[str, list[str]]] = {
    "T and c_b only": ["T", "c_b"],
    "with log(T)": ["T", "log(T)", "1/T", "c_b", "log(c_b)", "log(1-c_b)"],
    "products": ["T", "1/T", "c_b", "c_b^2", "T*c_b", "c_b/T"],
}


@dataclass(frozen=True)
class Variant:
    """One row of the table: what differs from the run.

    Parameters
    ----------
    study, name
        What is studied, and the value of it.
    network, training
        Keys of these sections that differ.
    lengths
        Coarse-graining lengths that are used; None: all.
    structures
        Number of training structures; None: all.
    t_min
        Lowest temperature learnt from; None: that of the studies.
    method
        Name of the model; networks of one that does not read the state point are trained at one each.
    """

    study: str
    name: str
    network: Record = field(default_factory=dict)
    training: Record = field(default_factory=dict)
    lengths: tuple[float, ...] | None = None
    structures: int | None = None
    t_min: float | None = None
    method: str = models.DEFAULT

    @property
    def slug(self) -> str:
        """Name of its files: letters, digits, dots and hyphens."""
        text = f"{self.study}-{self.name}".lower()
        kept = "".join(c if c.isalnum() or c in ".-" else "-" for c in text)
        return "-".join(p for p in kept.split("-") if p)


def variants(
    run: Record, labelled: Sequence[float], t_min: float, lengths: Sequence[float], training: int
) -> list[Variant]:
    """All variants of a run.

    Parameters
    ----------
    run
        The run's record (sections ``network`` and ``training``).
    labelled
        Temperatures with dynamics.
    t_min
        Lowest temperature learnt from where nothing else is said.
    lengths
        Coarse-graining lengths of the run.
    training
        Number of training structures.
    """
    phase2 = {"phase2": run["training"].get("phase2") or SHORT_PHASE2}
    found = [
        Variant("defaults", "as configured"),
        Variant("defaults", "the paper's", PAPER_NETWORK, PAPER_TRAINING),
        Variant("defaults", "GlassMLP per state point", method=GLASSMLP.name),
        Variant("steps", "direct", training={"procedure": "direct"}),
        *(
            Variant("steps", f"{share:g} of step 1 blind", training={"equi_time_blind": share})
            for share in (0.0, 0.5, 1.0)
        ),
        Variant("attention", "none", {"attention": False}),
        Variant("attention", "with bias", {"attention_bias": True}),
        Variant("network", "output propensity", {"output": "propensity"}),
        Variant("network", "outliers as they are", {"input_limit": None}),
        Variant("network", "outliers softened", {"input_limit": 3.0}),
        Variant("network", "four bottleneck units", {"bottleneck": 4}),
        Variant("training", "no weight decay", training={"weight_decay": 0.0}),
        Variant("training", "plain squared error", training={"error_scale": "none"}),
        Variant("phase 2", "none", training={"phase2": []}),
        Variant("phase 2", "short", training=phase2),
        Variant(
            "phase 2",
            "the paper's weights",
            training={"variance_weight": 1.0, "correlation_weight": 0.5, **phase2},
        ),
        Variant("phase 2", "labels as they are", training={"label_noise": "ignored", **phase2}),
        *(Variant("contrast", law, training={"contrast": law}) for law in LAWS),
    ]
    # what the run does anyway is no variant of it
    found = [v for v in found if v.name == "as configured" or v.method != models.DEFAULT or _differs(v, run)]
    features = list(run["network"]["state_features"])
    found += [
        Variant("state features", name, {"state_features": list(given)})
        for name, given in FEATURES.items()
        if list(given) != features
    ]
    ordered = sorted(lengths)
    found += [
        Variant("lengths", f"up to {ordered[k - 1]:g}", lengths=tuple(ordered[:k]))
        for k in sorted({len(ordered) // 2, (3 * len(ordered)) // 4} - {0, 1, len(ordered)})
    ]
    if len(ordered) > 3:
        found.append(Variant("lengths", "every second", lengths=tuple(ordered[::2])))
    found += [
        Variant("structures", f"{n} for training", structures=n)
        for n in sorted({max(1, training // 4), max(1, training // 2)} - {training})
    ]
    found += [Variant("T_min", canonical(t), t_min=t) for t in sorted(labelled)[:-1] if not is_same(t, t_min)]
    return found


def _differs(variant: Variant, run: Record) -> bool:
    changes = (("network", variant.network), ("training", variant.training))
    return any(run[section].get(key) != value for section, keys in changes for key, value in keys.items())
