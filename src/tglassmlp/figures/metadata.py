"""Name and scale of a run as figures and captions state them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["describe", "scale"]


def scale(config: Mapping[str, Any]) -> str:
    """Structures of a run in words, with the temperatures that have more of them."""
    from tglassmlp.division import split

    s = config["structures"]
    number = int(s["number"])
    test = len(split(number, s["test_fraction"], s["validation_fraction"]).test)
    more = "".join(
        f", {number + t['extra_structures']} in all at T = {float(t['value']):.2f}"
        for t in config["temperatures"]
        if t.get("extra_structures")
    )
    further = ", ".join(
        f"{t['predicted_structures']} at T = {float(t['value']):.2f}"
        for t in config["temperatures"]
        if t.get("predicted_structures")
    )
    further = f", and {further} that networks only predict" if further else ""
    return f"{number} structures per temperature ({test} for testing{more}){further}"


def describe(config: Mapping[str, Any], mixture: Any) -> dict[str, Any]:
    """Return what figures need to know about a run, as plain numbers, strings and lists.

    Parameters
    ----------
    config
        The run's configuration as plain dictionaries.
    mixture
        The run's :class:`tglassmlp.mixture.Mixture`.
    """
    from tglassmlp.division import split
    from tglassmlp.equilibration.overlap import chance_overlap
    from tglassmlp.published import system_key
    from tglassmlp.state_point import canonical

    structures, learnt = config["structures"], config["propensity"]
    parts = split(structures["number"], structures["test_fraction"], structures["validation_fraction"])
    n = int(sum(mixture.composition))
    large = config["large_systems"]
    temperatures = config["temperatures"]
    return {
        "run": config["run"],
        "mixture": mixture.name,
        "composition": " : ".join(str(k) for k in mixture.composition),
        "system": system_key(mixture, int(learnt["central_species"]), learnt["label"]),
        "label": learnt["label"],
        "chance_overlap": chance_overlap(mixture.composition, float(mixture.box_length)),
        "n_particles": n,
        "structures": structures["number"],
        "scale": scale(config),
        "predicted": {
            canonical(t["value"]): int(t["predicted_structures"])
            for t in temperatures
            if t.get("predicted_structures")
        },
        "train": len(parts.train),
        "validation": len(parts.validation),
        "test": len(parts.test),
        "replicas": config["dynamics"]["replicas"],
        "temperatures": [float(t["value"]) for t in temperatures],
        "labelled": [float(t["value"]) for t in temperatures if t.get("dynamics_time") is not None],
        "t_min": [canonical(t) for t in config["training"]["t_min"]],
        "glass_transition": float(config["glass_transition"]),
        "threshold": float(config["propensity"]["relaxation_threshold"]),
        "central_species": int(config["propensity"]["central_species"]),
        "diameters": [float(mixture.sigma[s][s]) for s in range(len(mixture.composition))],
        "large_number": int(large["number"]),
        "large_particles": n * int(large["tiles"]) ** 2,
        "large_replicas": int(large["dynamics"]["replicas"]) if large["dynamics"] else 0,
        "fit_q_max": float(config["observables"]["fit_q_max"]),
        "network": config["network"],
        "training": config["training"],
        "lengths": [float(x) for x in config["descriptors"]["lengths"]],
        "dpi": int(config["figures"]["dpi"]),
        "movie": config["figures"]["movie"],
    }
