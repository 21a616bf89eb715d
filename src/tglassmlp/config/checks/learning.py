"""Contradictions of what is learnt: grids, lengths in the box, training, state points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import numpy as np

from tglassmlp import labels
from tglassmlp.config.checks.names import too_long_for_names
from tglassmlp.config.run import Config
from tglassmlp.config.sections.network import StatePoint
from tglassmlp.config.sections.system import MixtureSettings
from tglassmlp.division import split
from tglassmlp.limits import OutOfRange, check_lengths, check_rings
from tglassmlp.local_structure import quantities
from tglassmlp.settings.messages import Problem, shown
from tglassmlp.settings.ranges import MOST_PARTICLES


def range_problems(c: Config) -> Iterable[Problem]:
    """Find lengths that do not fit the box or the liquid: they would be noticed after all dynamics only."""
    try:
        mixture = c.mixture()
    except ValueError:
        return  # said elsewhere
    box, t = mixture.box_length, c.training
    diameters = np.diag(mixture.sigma_matrix)
    packing = 0.25 * math.pi * float(np.sum(np.asarray(mixture.composition) * diameters**2)) / box**2
    if not 0.1 <= packing <= 2:
        key = "composition" if isinstance(c.system.mixture, MixtureSettings) else "box_length"
        yield Problem(
            f"system.mixture.{key}",
            f"discs of diameter sigma_aa on {packing:.3g} of the area",
            "0.1 to 2 (KA2D: 0.83): less is a gas, and more cannot be set up without overlaps",
        )
    large = sum(mixture.composition) * c.large_systems.tiles**2
    if large > MOST_PARTICLES:
        yield Problem(
            "large_systems.tiles",
            str(c.large_systems.tiles),
            f"at most {MOST_PARTICLES:.0e} particles in a large system (these are {large:.3g})",
        )
    if c.propensity.central_species <= mixture.n_species:
        central = mixture.composition[c.propensity.central_species - 1]
        if central < 10:
            yield Problem(
                "propensity.central_species",
                f"a species of {central} particles",
                "a species of at least 10 particles in the unit system, whose propensities can be correlated",
            )
        radii = t.correlation_radii
        if len(radii) >= 2 and all(b > a for a, b in itertools.pairwise(radii)):
            try:
                check_rings(radii, t.correlation_width, box, central)
            except OutOfRange as error:
                yield Problem(
                    f"training.correlation_{error.name}",
                    error.found,
                    error.allowed.replace("box", "box of one unit system"),
                )
    nearest = c.propensity.r_in * float(mixture.sigma_matrix.max())
    if c.descriptors.cutoff < nearest:
        yield Problem(
            "descriptors.cutoff",
            f"{c.descriptors.cutoff:g}",
            f"at least the distance of neighbours ({nearest:g}): sums over no particle are no descriptors",
        )
    if c.observables.lattice_spacing > 0.25 * box:
        yield Problem(
            "observables.lattice_spacing",
            f"{c.observables.lattice_spacing:g}",
            f"at most a quarter of the box of one unit system ({0.25 * box:.4g})",
        )
    smallest = 2.0 * math.pi / (box * c.large_systems.tiles)
    if c.observables.fit_q_max <= smallest:
        yield Problem(
            "observables.fit_q_max",
            f"{c.observables.fit_q_max:g}",
            f"more than the smallest wave number of a large system ({smallest:.4g})",
        )


def grid_problems(c: Config) -> Iterable[Problem]:
    """Find values of C_B, lengths, formats and state points that do not fit their lists."""
    yield from too_long_for_names(c.c_b, "c_b[{}]")
    if len(c.c_b) < 2:
        yield Problem("c_b", f"{len(c.c_b)} entries", "at least 2 entries")
    for k in range(1, len(c.c_b)):
        if c.c_b[k] >= c.c_b[k - 1]:
            yield Problem(f"c_b[{k}]", f"{c.c_b[k]:g}", f"less than the one before it ({c.c_b[k - 1]:g})")
    yield from _quantity_problems(c)
    lengths = c.descriptors.lengths
    if not lengths:
        yield Problem("descriptors.lengths", "an empty list", "at least one length")
    for k in range(1, len(lengths)):
        if lengths[k] <= lengths[k - 1]:
            yield Problem(
                f"descriptors.lengths[{k}]",
                f"{lengths[k]:g}",
                f"more than the one before it ({lengths[k - 1]:g})",
            )
    if lengths and not any(b <= a for a, b in itertools.pairwise(lengths)):
        try:
            check_lengths(lengths, c.descriptors.cutoff)
        except ValueError as error:
            yield Problem("descriptors.lengths", shown(list(lengths)), str(error))
    if (
        not c.figures.formats
        or c.figures.formats[0] != "png"
        or len(set(c.figures.formats)) < len(c.figures.formats)
    ):
        yield Problem("figures.formats", shown(list(c.figures.formats)), "different formats, png first")
    for path, point in (
        ("figures.snapshot", c.figures.snapshot),
        ("baselines.transferred_from", c.baselines.transferred_from),
    ):
        if point is not None:
            yield from _state_point_problems(c, path, point)
    source = c.baselines.transferred_from
    labelled = [t.value for t in c.temperatures if t.dynamics_time is not None]
    if source is not None and source.temperature not in labelled:
        yield Problem(
            "baselines.transferred_from.temperature",
            f"{source.temperature:g}",
            f"a temperature with a dynamics_time ({', '.join(f'{t:g}' for t in labelled)})",
        )


#: Quantities that are shown beside the networks as single descriptors.
_SHOWN = ("density", "energy", "perimeter")


def _quantity_problems(c: Config) -> Iterable[Problem]:
    """Find quantities that nobody declares, or that the baselines lack."""
    names = c.descriptors.quantities
    if len(set(names)) < len(names) or not set(_SHOWN) <= set(names):
        yield Problem(
            "descriptors.quantities",
            shown(list(names)),
            f"different names, {', '.join(_SHOWN)} (which the networks are compared with) among them",
        )
    try:
        quantities.load(c.descriptors.own)
    except Exception as error:  # whatever the user's own file raises
        yield Problem("descriptors.own", shown(c.descriptors.own), f"a Python file that runs ({error})")
        return
    for k, name in enumerate(names):
        if name not in quantities.known():
            yield Problem(
                f"descriptors.quantities[{k}]",
                shown(name),
                f"one of {', '.join(quantities.known())}, or one that the file of descriptors.own registers",
            )


def label_problems(c: Config) -> Iterable[Problem]:
    """Find a label that nobody declares, or one that networks cannot be held to as they are asked to."""
    if c.propensity.label not in labels.names():
        yield Problem("propensity.label", shown(c.propensity.label), f"one of {', '.join(labels.names())}")
    elif c.network.output == "deviation" and not labels.label(c.propensity.label).is_clock:
        yield Problem(
            "network.output",
            "deviation",
            f"propensity: the mean of the label {c.propensity.label} is not C_B",
        )


def _state_point_problems(c: Config, path: str, point: StatePoint) -> Iterable[Problem]:
    values = [t.value for t in c.temperatures]
    if point.temperature not in values:
        yield Problem(
            f"{path}.temperature",
            f"{point.temperature:g}",
            f"one of the temperatures ({', '.join(f'{v:g}' for v in values)})",
        )
    if point.c_b not in c.c_b:
        yield Problem(f"{path}.c_b", f"{point.c_b:g}", f"one of c_b ({', '.join(f'{v:g}' for v in c.c_b)})")


def training_problems(c: Config) -> Iterable[Problem]:
    """Find trainings without data, epochs or layers."""
    labelled = [t.value for t in c.temperatures if t.dynamics_time is not None]
    known = ", ".join(f"{t:g}" for t in labelled)
    t = c.training
    if not t.t_min:
        yield Problem(
            "training.t_min", "an empty list", f"at least one of the measured temperatures ({known})"
        )
    if len(set(t.t_min)) < len(t.t_min):
        yield Problem("training.t_min", shown(list(t.t_min)), "different temperatures")
    for k, value in enumerate(t.t_min):
        if value not in labelled:
            yield Problem(
                f"training.t_min[{k}]", f"{value:g}", f"a temperature with a dynamics_time ({known})"
            )
        elif sum(x >= value for x in labelled) < 2:
            yield Problem(
                f"training.t_min[{k}]",
                f"{value:g}",
                f"at least two measured temperatures at or above it ({known})",
            )
    yield from _fold_problems(c)
    if c.labels.minimum_predicted > len(labelled):
        yield Problem(
            "labels.minimum_predicted",
            str(c.labels.minimum_predicted),
            f"at most the number of measured temperatures ({len(labelled)}): nothing is predicted otherwise",
        )
    for phase in ("phase1", "phase2"):
        for k, entry in enumerate(getattr(t, phase)):
            if entry.rate * t.weight_decay >= 1:
                yield Problem(
                    "training.weight_decay",
                    f"{t.weight_decay:g}",
                    f"less than 1/rate of training.{phase}[{k}] ({1 / entry.rate:g}): a step would take off "
                    "all of the weights",
                )
    if sum(p.epochs for p in (*t.phase1, *t.phase2)) < 1:
        yield Problem("training.phase1", "no epoch", "at least one epoch in phase1 or phase2")
    radii = t.correlation_radii
    if len(radii) < 2 or any(b <= a for a, b in itertools.pairwise(radii)):
        yield Problem("training.correlation_radii", shown(list(radii)), "at least two increasing distances")
    if len(set(c.network.state_features)) < len(c.network.state_features) or not c.network.state_features:
        yield Problem(
            "network.state_features",
            shown(list(c.network.state_features)),
            "different features, at least one",
        )
    for key in ("mlp1", "mlp2", "head"):
        if not getattr(c.network, key):
            yield Problem(f"network.{key}", "an empty list", "at least one layer")


def _fold_problems(c: Config) -> Iterable[Problem]:
    folds, s = c.training.folds, c.structures
    if folds == 0:
        return
    try:
        parts = split(s.number, s.test_fraction, s.validation_fraction)
    except ValueError:
        return  # said elsewhere
    learnt = len(parts.train) + len(parts.validation)
    least = 3 if parts.validation else 2  # one left out, one to train on, one for validation
    if not 2 <= folds <= learnt or learnt - -(-learnt // folds) < least - 1:
        yield Problem(
            "training.folds",
            str(folds),
            f"0, or 2 to {learnt} folds of the {learnt} structures learnt from, each of which leaves "
            f"{least - 1} or more",
        )
