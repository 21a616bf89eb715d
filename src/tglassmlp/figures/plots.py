"""Plots of arrays in axes of the caller: a map of propensities, a relaxation curve, Pearson correlations.

These are the public functions :func:`tglassmlp.plot_propensity`, :func:`tglassmlp.plot_relaxation` and
:func:`tglassmlp.plot_pearson`. Each draws into the axes that are given, or into new ones, and returns them,
so that a plot becomes a panel of any figure. They leave the settings of matplotlib as they are. Figures of a
run are drawn from its tables by the other modules of this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp import labels
from tglassmlp.configuration import Configuration, check_is_configuration
from tglassmlp.correlation import pearson
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.dynamics.correlations import of_species, split_half_ceiling, standard_error
from tglassmlp.labels import BOND_BREAKING, Label
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.observables.pearson import pearson_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_pearson", "plot_propensity", "plot_relaxation"]

#: Resamples of whole structures behind an error bar.
_RESAMPLES: Final = 500


@takes_mixture(refuse=False)
def plot_propensity(
    configuration: Configuration,
    propensity: ArrayLike,
    ax: Axes | None = None,
    *,
    limits: tuple[float, float] | None = None,
    label: str | Label = BOND_BREAKING,
    species: int = 1,
    colorbar: bool = True,
    mixture: Mixture = KA2D,
) -> Axes:
    """Draw a configuration as a map of its propensity: blue particles are arrested, red ones are active.

    Every particle is a disc of its diameter. Particles without a propensity have a pale shade of the colour
    of the nearest particle that has one. Readers with any common kind of colour vision can tell red from
    blue.

    Parameters
    ----------
    configuration
        The configuration; its positions may be unwrapped.
    propensity
        Propensities ``[N_1]`` of the particles of ``species`` in ascending index, as
        :meth:`tglassmlp.network.networks.Networks.predict` returns them, or ``[N]`` of all particles, where
        NaN marks those without one. An axis before it (networks or replicas) is averaged over.
    ax
        Axes to draw into; None makes a new figure.
    limits
        Values at the ends of the colour scale. None: the range of the label, 0 to 1 for bond breaking; where
        that range has no upper end, the central 98 % of the values.
    label
        The quantity, a name or a :class:`tglassmlp.labels.Label`; it says which values are active.
    species
        The species whose particles have a propensity, if ``[N_1]`` values are given.
    colorbar
        Whether a colour bar is drawn beside the axes.
    mixture
        Mixture whose diameters are drawn, by default that of the configuration.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn into.

    Raises
    ------
    TypeError
        If ``configuration`` is no configuration.
    ValueError
        If the propensities are neither ``[N_1]`` nor ``[N]``, none is finite, one is infinite or, among
        ``[N_1]`` values, NaN, if there is no particle of ``species``, or if the limits do not rise.

    Examples
    --------
    >>> networks = tg.load_networks("laptop")  # doctest: +SKIP
    >>> propensity = networks.predict(configuration, temperature=0.30, c_b=0.5)  # doctest: +SKIP
    >>> tg.plot_propensity(configuration, propensity).figure.savefig("map.png")  # doctest: +SKIP
    """
    check_is_configuration(configuration, "plot_propensity")
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    from tglassmlp.figures.particles import color_limits, color_map, in_units, snapshot

    shown = label if isinstance(label, Label) else labels.label(label)
    central, values = _central(configuration, propensity, species)
    scale = np.asarray(color_limits(values, shown) if limits is None else limits, dtype=float)
    if scale.shape != (2,) or not np.isfinite(scale).all() or scale[0] >= scale[1]:
        raise ValueError(f"plot_propensity: limits must be two rising numbers, found {limits}")
    low, high = map(float, scale)
    ax = _axes(ax)
    configuration.check_mixture(mixture.n_species)
    diameters = np.diagonal(mixture.sigma_matrix)[configuration.species - 1]
    colors = color_map(shown)
    snapshot(
        ax, configuration.wrapped(), diameters, configuration.box_length, central, values, (low, high), colors
    )  # fmt: skip
    if colorbar:
        below, above = bool((values < low).any()), bool((values > high).any())
        ends = "both" if below and above else "min" if below else "max" if above else "neither"
        bar = ax.figure.colorbar(
            ScalarMappable(Normalize(low, high), colors), ax=ax, fraction=0.045, pad=0.03, extend=ends
        )
        words = ("active", "arrested") if shown.direction == "falls" else ("arrested", "active")
        bar.set_label(f"{shown.title}{in_units(shown)}\n(low: {words[0]}, high: {words[1]})")
    return ax


def plot_relaxation(
    times: ArrayLike,
    propensity: ArrayLike,
    ax: Axes | None = None,
    *,
    species: ArrayLike | None = None,
    central_species: int = 1,
    threshold: float | None = 0.5,
    **line: Any,
) -> Axes:
    r"""Draw a relaxation curve C_B(t), the mean bond-breaking propensity, against the logarithm of time.

    Parameters
    ----------
    times
        ``[F]`` times in Lennard-Jones units; frames at t = 0 are left out.
    propensity
        ``[F]`` mean propensities, ``[F, N]`` propensities of one structure, or ``[S, F, N]`` of S structures;
        the band is then the standard error of the mean over the structures.
    ax
        Axes to draw into; None makes a new figure.
    species
        ``[N]`` or ``[S, N]`` species of the particles; the mean is then over those of ``central_species``.
        None: over all particles.
    central_species
        As said above.
    threshold
        Value of C_B that defines the relaxation time, drawn as a grey line; None: no line.
    **line
        What :meth:`matplotlib.axes.Axes.plot` understands: ``label``, ``color`` ...

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn into.

    Raises
    ------
    ValueError
        If the shapes do not fit, no frame lies after t = 0, or a time or propensity is NaN or infinite.

    Examples
    --------
    >>> liquid = tg.load_dataset().at(0.40).stacked()  # doctest: +SKIP
    >>> tg.plot_relaxation(
    ...     liquid["times"], liquid["propensity"], species=liquid["species"], label="T = 0.40"
    ... )  # doctest: +SKIP
    """
    t, c = np.asarray(times, dtype=float), np.asarray(propensity, dtype=float)
    frames = c.shape[0] if 0 < c.ndim < 3 else c.shape[1] if c.ndim == 3 else -1
    if t.ndim != 1 or frames != t.size:
        raise ValueError(
            "plot_relaxation: propensity must have shape [F], [F, N] or [S, F, N] with the F = "
            f"{t.size} frames of times, found {c.shape}"
        )
    _check_finite("plot_relaxation", times=t, propensity=c)
    if species is not None:
        if c.ndim == 1:
            raise ValueError("plot_relaxation: species need propensities of particles, found a mean [F]")
        each = c[None] if c.ndim == 2 else c
        kinds = np.asarray(species)
        if kinds.shape not in ((each.shape[2],), (each.shape[0], each.shape[2])):
            raise ValueError(
                f"plot_relaxation: species must have shape [{each.shape[2]}] or "
                f"[{each.shape[0]}, {each.shape[2]}], like the particles, found {list(kinds.shape)}"
            )
        if not (kinds == central_species).any(axis=-1).all():
            raise ValueError(
                f"plot_relaxation: no particle of species {central_species} (central_species), "
                f"found {np.unique(kinds).tolist()}"
            )
        kinds = np.broadcast_to(kinds, (each.shape[0], each.shape[2]))
        each = of_species(each, kinds, central_species)
        c = each[0] if c.ndim == 2 else each
    later = t > 0
    if not later.any():
        raise ValueError("plot_relaxation: no frame lies after t = 0")
    ax = _axes(ax)
    curves = c[None] if c.ndim == 1 else c.mean(axis=-1).reshape(-1, t.size)
    mean, error = curves.mean(axis=0)[later], standard_error(curves)[later]
    (drawn,) = ax.plot(t[later], mean, **line)
    if np.isfinite(error).any():
        ax.fill_between(
            t[later], mean - error, mean + error, color=drawn.get_color(), alpha=0.25, linewidth=0
        )
    if threshold is not None:
        ax.axhline(threshold, color="#AAAAAA", linewidth=0.8, zorder=0)
    ax.set(xscale="log", xlabel=r"time $t$ (LJ units)", ylabel=r"mean propensity $C_B$", ylim=(0, 1.03))
    if "label" in line:
        ax.legend(frameon=False)
    return ax


def plot_pearson(
    x: ArrayLike,
    predicted: ArrayLike,
    measured: ArrayLike,
    ax: Axes | None = None,
    *,
    half: ArrayLike | None = None,
    against: str = "time",
    seed: int = 0,
    **line: Any,
) -> Axes:
    r"""Draw the Pearson correlation of predicted with measured propensities against time or C_B.

    The correlation is that of all particles of all structures at one state point (equation 8 of
    arXiv:2310.20252). Error bars are bootstrap errors of whole structures; one structure has none.

    Parameters
    ----------
    x
        ``[K]`` times (Lennard-Jones units) or values of C_B of the state points.
    predicted, measured
        ``[K, S, P]`` propensities of P particles of S structures, or ``[K, P]`` of one structure.
        ``predicted`` may have an axis of networks after the first, ``[K, networks, S, P]``: their mean is
        drawn.
    ax
        Axes to draw into; None makes a new figure.
    half
        ``[K, S, 2, P]`` measured propensities of two halves of the replicas. The ceiling that the finite
        number of replicas sets is then drawn as a dotted line.
    against
        ``"time"`` or ``"c_b"``: what ``x`` is. Time has a logarithmic axis, and C_B falls to the right.
    seed
        Seed of the bootstrap.
    **line
        What :meth:`matplotlib.axes.Axes.errorbar` understands: ``label``, ``color``, ``marker`` ...

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn into.

    Raises
    ------
    ValueError
        If the shapes do not fit, a value is NaN or infinite, or ``against`` is neither.

    Examples
    --------
    >>> ax = tg.plot_pearson(times, predicted, measured, half=half, label="tGlassMLP")  # doctest: +SKIP
    """
    if against not in ("time", "c_b"):
        raise ValueError(f"plot_pearson: against must be 'time' or 'c_b', found {against!r}")
    at, truth, model = (np.asarray(a, dtype=float) for a in (x, measured, predicted))
    if model.ndim == 4:
        model = model.mean(axis=1)
    if truth.ndim == 2 and model.ndim == 2:
        truth, model = truth[:, None], model[:, None]
    if truth.ndim != 3 or truth.shape != model.shape or at.shape != (truth.shape[0],):
        raise ValueError(
            "plot_pearson: predicted and measured must have one shape [K, S, P] or [K, P], and x the shape "
            f"[K], found {np.shape(predicted)}, {np.shape(measured)} and {at.shape}"
        )
    _check_finite("plot_pearson", x=at, predicted=model, measured=truth)
    ceiling = None
    if half is not None:
        halves = np.asarray(half, dtype=float)
        expected = (truth.shape[0], truth.shape[1], 2, truth.shape[2])
        if halves.shape != expected:
            raise ValueError(f"plot_pearson: half must have shape {expected}, found {halves.shape}")
        _check_finite("plot_pearson", half=halves)
        ceiling = np.array([split_half_ceiling(np.moveaxis(h, 1, 0)) for h in halves])
    rng = np.random.default_rng(seed)
    value = np.array([pearson(m, r) for m, r in zip(model, truth, strict=True)])
    error = np.array([pearson_error(m, r, _RESAMPLES, rng) for m, r in zip(model, truth, strict=True)])
    order = np.argsort(at)
    ax = _axes(ax)
    style = {"marker": "o", "markersize": 4, "capsize": 2, **line}
    drawn = ax.errorbar(
        at[order], value[order], yerr=error[order] if np.isfinite(error).any() else None, **style
    )
    if ceiling is not None:
        ax.plot(
            at[order],
            ceiling[order],
            linestyle=":",
            color=drawn[0].get_color(),
            label="ceiling",
        )
    lowest = float(np.nanmin(np.append(value, 0.0)))
    ax.set(ylabel=r"Pearson correlation $\rho_P$", ylim=(min(0.0, 1.1 * lowest), 1.02))
    if against == "time":
        ax.set(xscale="log", xlabel=r"time $t$ (LJ units)")
    else:
        ax.set(xlim=(1.0, 0.0), xlabel=r"mean propensity $C_B$")
    if "label" in line or ceiling is not None:
        ax.legend(frameon=False)
    return ax


def _check_finite(function: str, **arrays: NDArray[np.float64]) -> None:
    """Refuse arrays with values that would leave gaps in a plot without a word."""
    for name, array in arrays.items():
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            raise ValueError(
                f"{function}: {name} must be finite; {len(bad)} of {array.size} values are NaN or infinite, "
                f"the first at index {bad[0].tolist()}"
            )


def _axes(ax: Axes | None) -> Axes:
    """Axes that were given, or those of a new figure."""
    from matplotlib.axes import Axes

    if ax is None:
        import matplotlib.pyplot as plt

        return plt.subplots(layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be axes of matplotlib, found {type(ax).__name__}")
    return ax


def _central(
    configuration: Configuration, propensity: ArrayLike, species: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Find the particles that have a propensity: their indices and their values."""
    given = np.asarray(propensity, dtype=float)
    found = given.mean(axis=0) if given.ndim == 2 else given
    own = configuration.of_species(species)
    if not own.size:
        raise ValueError(
            f"plot_propensity: no particle is of species {species}, "
            f"found {np.unique(configuration.species).tolist()}"
        )
    if found.shape not in ((own.size,), (configuration.n_particles,)):
        raise ValueError(
            f"plot_propensity: propensities must have shape [{own.size}] (the particles of species "
            f"{species}) or [{configuration.n_particles}] (all particles), perhaps with one axis before it, "
            f"found {given.shape}"
        )
    every = found.shape == (configuration.n_particles,)
    index = np.arange(configuration.n_particles) if every else own
    known = ~np.isnan(found) if every else np.full(found.shape, True)
    if not known.any():
        raise ValueError("plot_propensity: no particle has a propensity, all of them are NaN")
    _check_finite("plot_propensity", propensity=found[known])
    return index[known], found[known]
