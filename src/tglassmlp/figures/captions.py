"""Captions of figures, with the run's name, liquid and scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tglassmlp.figures.registry import FIGURES
from tglassmlp.labels import recorded
from tglassmlp.methods import NETWORK
from tglassmlp.published import published_for

__all__ = ["caption"]


def caption(name: str, meta: Mapping[str, Any]) -> str:
    """Caption of a figure with the run's name, liquid and scale.

    Published numbers are spoken of only where they are drawn: see :mod:`tglassmlp.published`.
    """
    spec = FIGURES[name]
    known = {k: v for k, v in meta.items() if k != "network" and not isinstance(v, dict | list)}
    text = spec.caption.format(network=NETWORK.title, **known, **_passages(meta))
    scale = (
        f"Run {meta['run']}, {meta['mixture']}: N = {meta['n_particles']} ({meta['composition']}), "
        f"{meta['scale']}, {meta['replicas']} replicas each; "
        f"{meta['large_number']} large systems of N = {meta['large_particles']}."
    )
    return " ".join(part for part in (f"{spec.label}." if spec.label else "", text, scale) if part)


def _passages(meta: Mapping[str, Any]) -> dict[str, str]:
    """Parts of captions that hold for some systems only."""
    learnt = recorded(meta)
    passages = {"published_correlations": "", "published_energies": "", "others": "", "predicted": ""}
    bounded = math.isfinite(learnt.lowest) and math.isfinite(learnt.highest)
    span = f"{learnt.lowest:g} to {learnt.highest:g}" if bounded else "the central 98 % of the values shown"
    passages |= {"learnt": learnt.title, "shifted": "", "far_means": "", "color_span": span}
    if more := [f"{n} at T = {float(t):.2f}" for t, n in meta.get("predicted", {}).items()]:
        passages["predicted"] = (
            f" Networks are evaluated on further structures that they only predict ({', '.join(more)})."
        )
    if learnt.is_clock:
        passages["shifted"] = (
            " A method without mean correction is shifted to C_B by the number in its title."
        )
        passages["far_means"] = "; a mean far from C_B is given in the title"
    if len(meta["diameters"]) > 1:
        nearest = f"the nearest particle of species {meta['central_species']}"
        passages["others"] = f"; other species in a pale shade of {nearest}"
    published = published_for(meta["system"])
    if published is None:
        return passages
    at = [f"{t:.2f}" for t in meta["labelled"] if published.correlations_at(t)]
    if at:
        passages["published_correlations"] = (
            f" Values called published, at T = {' and '.join(at)} only: GlassBench (2023) for "
            f"{published.name}, networks trained and tested at each of these times alone."
        )
    if any(published.energies_at(t) for t in meta["temperatures"]):
        passages["published_energies"] = (
            f" Marks at the right: single published configurations of {published.name} (GlassBench)."
        )
    return passages
