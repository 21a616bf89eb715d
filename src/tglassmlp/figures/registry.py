"""All figures: where each one is drawn, which tables it needs, and what it is called.

To add a figure: write a module with ``draw(tables, meta) -> Drawn`` and :func:`register` it, or add an entry
to :data:`FIGURES`; a figure that reads a new table names its place in :data:`TABLES`. Importing this module
does not load matplotlib.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tglassmlp import paths
from tglassmlp.limits import check_name

__all__ = ["FIGURES", "TABLES", "FigureSpec", "register"]


@dataclass(frozen=True)
class FigureSpec:
    """One figure: where it is drawn, what it needs, and what it is called.

    Parameters
    ----------
    function
        ``.module:function`` below :mod:`tglassmlp.figures`, or ``package.module:function`` anywhere.
    tables
        Names in :data:`TABLES`.
    title, caption
        For the report; the caption may use the keys of ``meta`` in braces, and ``network``: its title.
    category
        Chapter of the report.
    label
        What the paper calls it.
    """

    function: str
    tables: tuple[str, ...]
    title: str
    caption: str
    category: str
    label: str


def _table(name: str) -> str:
    return paths.TABLE.place.replace("{table}", name)


#: Tables by name: place below the run's folder; {t_min} runs over all of them.
TABLES: Final[dict[str, str]] = {
    **{
        name: _table(name)
        for name in (
            "pearson", "susceptibility", "structure_factor", "correlation_length", "chord_length",
            "attention", "attention_length", "bottleneck", "bottleneck_separation", "network_separation",
            "length_scales", "equilibration", "contrast", "energies", "radial_distribution",
            "partial_structure_factor",
        )
    },
    "snapshots": paths.SNAPSHOTS.place,
    "relaxation": paths.RELAXATION.place,
    "relaxation_curves": paths.RELAXATION_CURVES.place,
    "label_map": paths.LABEL_MAP.place,
    "training_history": paths.FULL_HISTORY.place,
}  # fmt: skip

FIGURES: Final[dict[str, FigureSpec]] = {
    "fig01_network": FigureSpec(
        ".network_sketch:draw",
        (),
        "The network",
        "Sketch of {network}. The state point (T, C_B) enters twice: through MLP1, whose outputs "
        "weight the descriptors in the attention layer, and through MLP2 behind the bottleneck.",
        "1 Method",
        "Figure 1",
    ),
    "fig02_pearson": FigureSpec(
        ".pearson_correlation:draw",
        ("pearson",),
        "Pearson correlation with dynamics",
        "Pearson correlation between the predicted and the measured {learnt} of the particles of species "
        "{central_species} in test structures against time, one panel per temperature. Error bars: bootstrap "
        "over structures and spread over networks in quadrature. The dotted line at the top is the highest "
        "value that {replicas} replicas allow: the ceiling.{published_correlations}",
        "2 Validation",
        "Figure 2",
    ),
    "fig03_snapshots": FigureSpec(
        ".snapshots:draw_methods",
        ("snapshots",),
        "Snapshots of dynamics and predictions",
        "One configuration: {learnt} of the particles of species {central_species} from molecular dynamics "
        "and from the networks (mean over those that reach C_B), blue arrested, red active{others}.{shifted} "
        "The colour scale spans {color_span}. Dynamics carries the noise of its replicas, and so varies more "
        "from particle to particle than predictions.",
        "2 Validation",
        "Figure 3",
    ),
    "fig04_susceptibility": FigureSpec(
        ".susceptibility:draw_validation",
        ("susceptibility",),
        "Dynamic susceptibility, dynamics and models",
        "chi_4 against time on the test structures: molecular dynamics (symbols, errors over "
        "structures, at least those of Gaussian fluctuations), {network} (lines; dashed for the network "
        "that saw only the higher temperatures) and GlassMLP at each state point (crosses). Errors of "
        "networks are their spread: they share the structures with dynamics.{predicted} Error bars multiply "
        "and divide by 1 + relative error. Symbols hold the noise of the replicas, which claims leave out.",
        "2 Validation",
        "Figure 4",
    ),
    "fig05_evolution": FigureSpec(
        ".snapshots:draw_evolution",
        ("snapshots",),
        "Relaxation at the glass transition",
        "Predicted {learnt} of one configuration at the run's glass transition temperature T = "
        "{glass_transition:g} at falling C_B (mean over the kept networks). The colour scale spans "
        "{color_span}{far_means}. The movie "
        "shows the same, smooth in the logarithm of time.",
        "3 Prediction",
        "Figure 5",
    ),
    "fig06_susceptibility_low": FigureSpec(
        ".susceptibility:draw_prediction",
        ("susceptibility",),
        "Dynamic susceptibility down to the glass transition",
        "chi_4 predicted by {network} at all temperatures (lines) and measured where there is dynamics "
        "(open symbols), on the test structures.{predicted} Error bars, of structures and networks "
        "together, multiply and divide by 1 + relative error. Times below the lowest simulated temperature "
        "come from superposition and extrapolated relaxation times; one horizontal bar for each curve shows "
        "by which factor they are uncertain together, the choice of extrapolation included.",
        "3 Prediction",
        "Figure 6",
    ),
    "fig07_correlation_length": FigureSpec(
        ".correlation_length:draw",
        ("correlation_length", "structure_factor"),
        "Dynamic correlation length",
        "(a) xi_4 against time from the fit of equation (11) to S_4(q) of the large systems; (b) "
        "S_4(q) at C_B nearest to 0.5 with the fits (lines) in the fitted range; wave vectors with the "
        "period of the tiles are left out. State points whose fit does not determine xi_4 are left out and "
        "counted in the figure. Error bars: fit and spread over networks; of S_4, number of modes.",
        "3 Prediction",
        "Figure 7",
    ),
    "fig08_chord_length": FigureSpec(
        ".chord_length:draw",
        ("chord_length",),
        "Chord length of mobile regions",
        "Mean chord length of mobile regions against time, {network} (lines) and molecular dynamics (open "
        "squares), on (a) the test structures and (b) large systems. Replica noise shortens the chords of "
        "dynamics: diamonds estimate infinitely many replicas (left out where the error exceeds half the "
        "value), dotted lines are predictions with that noise laid over them, to be compared with the "
        "squares.{predicted} Grey: the same share of mobile sites without "
        "correlations. Error bars: bootstrap over structures (parts of large systems) and spread over "
        "networks.",
        "3 Prediction",
        "Figure 8",
    ),
    "fig09_attention": FigureSpec(
        ".attention:draw",
        ("attention", "attention_length"),
        "Attention over length scales",
        "(a) Attention weight P(L) of the descriptors coarse-grained over L at C_B nearest to 0.5, "
        "per temperature; (b) its mean <L> against temperature. Error bars: spread over the kept "
        "networks.",
        "4 Inside the network",
        "Figure 9",
    ),
    "fig10_bottleneck_time": FigureSpec(
        ".bottleneck_map:draw_times",
        ("bottleneck", "network_separation"),
        "The bottleneck in time",
        "Values of the bottleneck units of a sample of test particles at the lowest temperature "
        "whose dynamics reaches the most C_B, at falling C_B, coloured by measured {learnt}: deviation "
        "from the panel's mean in units of its standard deviation. One of the kept networks; D: distance "
        "between the most active and the most arrested fifth in units of their width, of this network and, "
        "in brackets, mean and standard deviation over all kept ones. (A network with one unit is shown "
        "against the propensity, one with more than two in the first two principal axes of its units.)",
        "4 Inside the network",
        "Figure 10",
    ),
    "fig11_bottleneck_temperature": FigureSpec(
        ".bottleneck_map:draw_temperatures",
        ("bottleneck", "bottleneck_separation", "network_separation"),
        "The bottleneck at several temperatures",
        "As Figure 10 at one C_B for all temperatures; colours are measured propensities where there "
        "is dynamics, predicted ones elsewhere. D (with dynamics only): distance between the most "
        "active and the most arrested fifth in units of their width, of the network shown and, in brackets, "
        "mean and standard deviation over all kept networks.",
        "4 Inside the network",
        "Figure 11",
    ),
    "fig12_length_scales": FigureSpec(
        ".length_scales:draw",
        ("length_scales",),
        "All length scales",
        "Dynamic length scales at C_B nearest to 0.5 against temperature, scaled by the factors in "
        "the legend (chord length by 1/2; the attention length by one factor that lays it on the "
        "others). Chord lengths are those of the test structures; diamonds estimate dynamics without the "
        "noise of its replicas.",
        "3 Prediction",
        "Figure 12",
    ),
    "fig13_relaxation": FigureSpec(
        ".relaxation_curves:draw",
        ("relaxation_curves", "relaxation"),
        "Relaxation and superposition",
        "(a) Mean bond-breaking correlation of particles of species {central_species}; (b) the same against "
        "t/tau with the master curve; (c) relaxation times against 1/T, a parabola through the lowest "
        "measured ones, its continuation and its tangent, and what is used between them; the band is the "
        "error of the fit and of the choice together.",
        "1 Method",
        "Figure 13",
    ),
    "fig14_geometry": FigureSpec(
        ".geometry:draw",
        ("correlation_length",),
        "Prefactor of the cubic term",
        "A of equation (12) at C_B nearest to 0.5 against temperature. Temperatures where the fit "
        "does not determine A are named in the figure.",
        "3 Prediction",
        "Figure 14",
    ),
    "table1_label_map": FigureSpec(
        ".label_map:draw",
        ("label_map",),
        "Labels of every state point",
        "Where the labels of each state point come from: x molecular dynamics, t extrapolated by the "
        "networks of the first step, r reached by the full network only.",
        "1 Method",
        "Table 1",
    ),
    "table2_schedule": FigureSpec(
        ".schedule:draw",
        (),
        "Training schedule",
        "Epochs, learning rates and losses of the two phases of every training.",
        "1 Method",
        "Table 2",
    ),
    "equilibration": FigureSpec(
        ".equilibration:draw",
        ("equilibration",),
        "Equilibration of the structures",
        "Potential energy per particle against Monte Carlo sweeps from two starts, from above (quenched from "
        "the melt, or going on from the temperature above) and heated, mean over structures. Equal plateaus "
        "are necessary, and show equilibrium only if the heated start lay below (check heated_below, "
        "docs/equilibrium.md). (b) Large "
        "systems begin as equal tiles: share of particles with one of their species at the same place in "
        "the neighbouring tile (independent configurations of {mixture}: {chance_overlap:.2f}, dotted)."
        "{published_energies}",
        "5 Checks",
        "",
    ),
    "energies": FigureSpec(
        ".energies:draw",
        ("energies",),
        "Energies down to the glass transition",
        "(a) Potential energy per particle and energy of the inherent structures against temperature, mean "
        "over structures. (b) The slope of the potential energy between neighbouring temperatures (bars over "
        "the interval) beside the heat capacity from the fluctuations of the energy (diamonds): in "
        "equilibrium the slope lies between its values at both ends. Error bars: standard errors over "
        "structures.",
        "5 Checks",
        "",
    ),
    "radial_distribution": FigureSpec(
        ".pair_structure:draw_distances",
        ("radial_distribution",),
        "Radial distributions",
        "Radial distribution functions g_ab(r) of all pairs of species of {mixture}, thermal unit systems, "
        "mean over structures. Bands: standard errors over structures. A crystal would have sharp peaks at "
        "large r (check peak, docs/equilibrium.md).",
        "5 Checks",
        "",
    ),
    "partial_structure_factor": FigureSpec(
        ".pair_structure:draw_wave_numbers",
        ("partial_structure_factor",),
        "Partial structure factors",
        "Partial structure factors S_ab(q) (Ashcroft and Langreth) of all pairs of species of {mixture}: "
        "unit systems (lines) and, at the wave numbers below, large systems (symbols). Bands and bars: "
        "standard errors over structures; of a single one, that of Gaussian amplitudes. Species that "
        "separate would make S_ab rise towards the smallest q.",
        "5 Checks",
        "",
    ),
    "contrast": FigureSpec(
        ".contrast:draw",
        ("contrast",),
        "Contrast of predictions",
        "Predictions beside dynamics without the noise of its replicas, against C_B: (a) slope of the "
        "regression of measured on predicted {learnt} (mean field of the networks); (b) to (d) variance over "
        "particles, chi_4 and S_4(q < 1) of fields drawn with a residual, over those of dynamics; (e), (f) "
        "share of particles within their intervals. Grey: what is aimed at. Filled symbols: below T_min, on "
        "structures whose dynamics nobody has seen; open: temperatures learnt from, on the test structures. "
        "Error bars: jackknife over structures; values with an error above one are left out.",
        "5 Checks",
        "",
    ),
    "training_history": FigureSpec(
        ".training_history:draw",
        ("training_history",),
        "Training of the full networks",
        "Loss and Pearson correlation on validation structures during the training of the full "
        "networks; where there is a phase 2, a line marks its beginning.",
        "5 Checks",
        "",
    ),
}


def register(name: str, spec: FigureSpec, tables: Mapping[str, str] | None = None) -> None:
    """Add a figure.

    Parameters
    ----------
    name
        Name of its files.
    spec
        The figure.
    tables
        Tables that no other figure reads: name -> place below the run's folder.

    Raises
    ------
    TypeError
        If it is no :class:`FigureSpec`.
    ValueError
        If there is another figure of this name, the name is none, the figure needs a table that has no place
        or one that has another, or its function is not ``package.module:function``.
    """
    if not isinstance(spec, FigureSpec):
        raise TypeError(f"figure {name!r} must be a FigureSpec, found {type(spec).__name__}")
    check_name("figure", name)
    module, _, function = spec.function.partition(":")
    if not (module and function):
        raise ValueError(
            f"figure {name!r}: function must be 'package.module:function', found {spec.function!r}"
        )
    if isinstance(spec.tables, str):
        raise ValueError(f"figure {name!r}: tables must be a tuple of names, found {spec.tables!r}")
    for table, place in (tables or {}).items():
        if TABLES.get(table, place) != place:
            raise ValueError(
                f"figure {name!r}: table {table!r} has the place {TABLES[table]!r}, found {place!r}"
            )
    if FIGURES.get(name, spec) != spec:
        raise ValueError(f"there is another figure called {name!r}")
    known = {**TABLES, **(tables or {})}
    missing = [table for table in spec.tables if table not in known]
    if missing:
        raise ValueError(f"figure {name!r} needs table {missing[0]!r}, known: {', '.join(known)}")
    TABLES.update(known)
    FIGURES[name] = spec
