"""All figures: what each one shows, which tables it needs, and how to draw it into files.

To add a figure: write a module with ``draw(tables, meta) -> Drawn`` and add an entry to :data:`FIGURES`.
Importing this module does not load matplotlib.
"""

from __future__ import annotations

import importlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tglassmlp.figures.style import Drawn

__all__ = ["FIGURES", "TABLES", "FigureSpec", "caption", "draw", "load_tables", "render", "save"]


@dataclass(frozen=True)
class FigureSpec:
    """One figure: where it is drawn, what it needs, and what it is called.

    Parameters
    ----------
    function
        ``module.function`` below :mod:`tglassmlp.figures`.
    tables
        Names in :data:`TABLES`.
    title, caption
        For the report; the caption may use the keys of ``meta`` in braces.
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


#: Tables by name: pattern below the run's folder; {t_min} and {temperature} run over all of them.
TABLES: Final[dict[str, str]] = {
    "pearson": "tables/pearson.parquet",
    "susceptibility": "tables/susceptibility.parquet",
    "structure_factor": "tables/structure_factor.parquet",
    "correlation_length": "tables/correlation_length.parquet",
    "chord_length": "tables/chord_length.parquet",
    "attention": "tables/attention.parquet",
    "attention_length": "tables/attention_length.parquet",
    "bottleneck": "tables/bottleneck.parquet",
    "bottleneck_separation": "tables/bottleneck_separation.parquet",
    "network_separation": "tables/network_separation.parquet",
    "length_scales": "tables/length_scales.parquet",
    "snapshots": "tables/snapshots.h5",
    "relaxation": "relaxation/relaxation.json",
    "relaxation_curves": "relaxation/curves.parquet",
    "label_map": "label_map/tmin{t_min}.parquet",
    "equilibration": "tables/equilibration.parquet",
    "training_history": "networks/full/tmin{t_min}.history.parquet",
}

FIGURES: Final[dict[str, FigureSpec]] = {
    "fig01_network": FigureSpec(
        "network_sketch.draw",
        (),
        "The network",
        "Sketch of tGlassMLP. The state point (T, C_B) enters twice: through MLP1, whose outputs "
        "weight the descriptors in the attention layer, and through MLP2 behind the bottleneck.",
        "1 Method",
        "Figure 1",
    ),
    "fig02_pearson": FigureSpec(
        "pearson_correlation.draw",
        ("pearson",),
        "Pearson correlation with dynamics",
        "Pearson correlation between predicted and measured propensities of particles of species "
        "{central_species} in test structures against time, one panel per temperature. Error bars: bootstrap "
        "over structures and spread over networks in quadrature. The dotted line at the top is the highest "
        "value that {replicas} replicas permit.{published_correlations}",
        "2 Validation",
        "Figure 2",
    ),
    "fig03_snapshots": FigureSpec(
        "snapshots.draw_methods",
        ("snapshots",),
        "Snapshots of dynamics and predictions",
        "One configuration: propensity of the particles of species {central_species} from molecular dynamics "
        "and from the networks (mean over those that reach C_B), blue arrested, red active{others}. A method "
        "without mean correction is shifted to C_B by the number in its title. The colour scale spans the "
        "central 98 % of the values shown. Dynamics carries the noise of its replicas, and so varies more "
        "from particle to particle than predictions.",
        "2 Validation",
        "Figure 3",
    ),
    "fig04_susceptibility": FigureSpec(
        "susceptibility.draw_validation",
        ("susceptibility",),
        "Dynamic susceptibility, dynamics and models",
        "chi_4 against time on the test structures: molecular dynamics (symbols, errors over "
        "structures, at least those of Gaussian fluctuations), tGlassMLP (lines; dashed for the network "
        "that saw only the higher temperatures) and GlassMLP at each state point (crosses). Errors of "
        "networks are their spread: they share the structures with dynamics. Error bars multiply and divide "
        "by 1 + relative error. Symbols hold the noise of the replicas, which claims leave out.",
        "2 Validation",
        "Figure 4",
    ),
    "fig05_evolution": FigureSpec(
        "snapshots.draw_evolution",
        ("snapshots",),
        "Relaxation at the glass transition",
        "Predicted propensities of one configuration at the run's glass transition temperature T = "
        "{glass_transition:g} at falling C_B (mean over the kept networks). The colour scale spans "
        "the central 98 % of the values shown; a mean far from C_B is given in the title. The movie "
        "shows the same, smooth in the logarithm of time.",
        "3 Prediction",
        "Figure 5",
    ),
    "fig06_susceptibility_low": FigureSpec(
        "susceptibility.draw_prediction",
        ("susceptibility",),
        "Dynamic susceptibility down to the glass transition",
        "chi_4 predicted by tGlassMLP at all temperatures (lines) and measured where there is dynamics "
        "(open symbols), on the test structures. Error bars, of structures and networks together, multiply "
        "and divide by 1 + relative error. Times below the lowest simulated temperature come from "
        "superposition and extrapolated relaxation times; one horizontal bar for each curve shows by which "
        "factor they are uncertain together, the choice of extrapolation included.",
        "3 Prediction",
        "Figure 6",
    ),
    "fig07_correlation_length": FigureSpec(
        "correlation_length.draw",
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
        "chord_length.draw",
        ("chord_length",),
        "Chord length of mobile regions",
        "Mean chord length of mobile regions against time, tGlassMLP (lines) and molecular dynamics (open "
        "squares), on (a) the test structures and (b) large systems. Replica noise shortens the chords of "
        "dynamics: diamonds estimate infinitely many replicas (left out where the error exceeds half the "
        "value), dotted lines are predictions with that noise laid over them, to be compared with the "
        "squares. Grey: the same share of mobile sites without "
        "correlations. Error bars: bootstrap over structures (parts of large systems) and spread over "
        "networks.",
        "3 Prediction",
        "Figure 8",
    ),
    "fig09_attention": FigureSpec(
        "attention.draw",
        ("attention", "attention_length"),
        "Attention over length scales",
        "(a) Attention weight P(L) of the descriptors coarse-grained over L at C_B nearest to 0.5, "
        "per temperature; (b) its mean <L> against temperature. Error bars: spread over the kept "
        "networks.",
        "4 Inside the network",
        "Figure 9",
    ),
    "fig10_bottleneck_time": FigureSpec(
        "bottleneck_map.draw_times",
        ("bottleneck", "network_separation"),
        "The bottleneck in time",
        "Values of the bottleneck units of a sample of test particles at the lowest temperature "
        "whose dynamics reaches the most C_B, at falling C_B, coloured by measured propensity: deviation "
        "from the panel's mean in units of its standard deviation. One of the kept networks; D: distance "
        "between the most active and the most arrested fifth in units of their width, of this network and, "
        "in brackets, mean and standard deviation over all kept ones. (A network with one unit is shown "
        "against the propensity, one with more than two in the first two principal axes of its units.)",
        "4 Inside the network",
        "Figure 10",
    ),
    "fig11_bottleneck_temperature": FigureSpec(
        "bottleneck_map.draw_temperatures",
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
        "length_scales.draw",
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
        "relaxation_curves.draw",
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
        "geometry.draw",
        ("correlation_length",),
        "Prefactor of the cubic term",
        "A of equation (12) at C_B nearest to 0.5 against temperature. Temperatures where the fit "
        "does not determine A are named in the figure.",
        "3 Prediction",
        "Figure 14",
    ),
    "table1_label_map": FigureSpec(
        "label_map.draw",
        ("label_map",),
        "Labels of every state point",
        "Where the labels of each state point come from: x molecular dynamics, t extrapolated by the "
        "networks of the first step, r reached by the full network only.",
        "1 Method",
        "Table 1",
    ),
    "table2_schedule": FigureSpec(
        "schedule.draw",
        (),
        "Training schedule",
        "Epochs, learning rates and losses of the two phases of every training.",
        "1 Method",
        "Table 2",
    ),
    "equilibration": FigureSpec(
        "equilibration.draw",
        ("equilibration",),
        "Equilibration of the structures",
        "Potential energy per particle against Monte Carlo sweeps from two starts, quenched from high "
        "and heated from low temperature, mean over structures. Equal plateaus are necessary, and show "
        "equilibrium only if the heated start lay below (check heated_below, docs/equilibrium.md). (b) Large "
        "systems begin as equal tiles: share of particles with one of their species at the same place in "
        "the neighbouring tile (independent configurations of {mixture}: {chance_overlap:.2f}, dotted)."
        "{published_energies}",
        "5 Checks",
        "",
    ),
    "training_history": FigureSpec(
        "training_history.draw",
        ("training_history",),
        "Training of the full networks",
        "Loss and Pearson correlation on validation structures during the training of the full "
        "networks; where there is a phase 2, a line marks its beginning.",
        "5 Checks",
        "",
    ),
}


def caption(name: str, meta: Mapping[str, Any]) -> str:
    """Caption of a figure with the run's name, liquid and scale.

    Published numbers are spoken of only where they are drawn: see :mod:`tglassmlp.published`.
    """
    spec = FIGURES[name]
    known = {k: v for k, v in meta.items() if not isinstance(v, dict | list)}
    text = spec.caption.format(**known, **_passages(meta))
    scale = (
        f"Run {meta['run']}, {meta['mixture']}: N = {meta['n_particles']} ({meta['composition']}), "
        f"{meta['scale']}, {meta['replicas']} replicas each; "
        f"{meta['large_number']} large systems of N = {meta['large_particles']}."
    )
    return " ".join(part for part in (f"{spec.label}." if spec.label else "", text, scale) if part)


def _passages(meta: Mapping[str, Any]) -> dict[str, str]:
    """Parts of captions that hold for some systems only."""
    from tglassmlp.published import published_for

    found = {"published_correlations": "", "published_energies": "", "others": ""}
    if len(meta["diameters"]) > 1:
        nearest = f"the nearest particle of species {meta['central_species']}"
        found["others"] = f"; other species in a pale shade of {nearest}"
    published = published_for(meta["system"])
    if published is None:
        return found
    at = [f"{t:.2f}" for t in meta["labelled"] if published.correlations_at(t)]
    if at:
        found["published_correlations"] = (
            f" Values called published, at T = {' and '.join(at)} only: GlassBench (2023) for "
            f"{published.name}, networks trained and tested at each of these times alone."
        )
    if any(published.energies_at(t) for t in meta["temperatures"]):
        found["published_energies"] = (
            f" Marks at the right: single published configurations of {published.name} (GlassBench)."
        )
    return found


def load_tables(files: Mapping[str, Sequence[str | PathLike[str]]]) -> dict[str, Any]:
    """Read the files of each table.

    Parquet files of one name are joined, with columns ``t_min`` and ``temperature`` from the path where they
    lack them; JSON files give their content, HDF5 files their arrays with the attributes under
    ``"attributes"``.
    """
    import pandas as pd

    from tglassmlp.storage import read_arrays, read_attributes, read_json, read_table

    found: dict[str, Any] = {}
    for name, paths in files.items():
        parts = []
        for path in map(Path, paths):
            if path.suffix == ".json":
                found[name] = read_json(path)
            elif path.suffix == ".h5":
                found[name] = {**read_arrays(path, finite=False), "attributes": read_attributes(path)}
            else:
                table = read_table(path)
                for column, pattern in (("t_min", r"tmin(\d+\.\d+)"), ("temperature", r"\bT(\d+\.\d+)")):
                    match = re.search(pattern, path.as_posix())
                    if match and column not in table.columns:
                        table[column] = match[1] if column == "t_min" else float(match[1])
                parts.append(table)
        if parts:
            found[name] = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    return found


def draw(name: str, tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw one figure from its tables.

    Raises
    ------
    ValueError
        If there is no such figure.
    """
    from tglassmlp.figures.style import style

    if name not in FIGURES:
        raise ValueError(f"unknown figure {name!r}, known: {', '.join(FIGURES)}")
    module, function = FIGURES[name].function.split(".")
    with style():
        return getattr(importlib.import_module(f"tglassmlp.figures.{module}"), function)(tables, meta)


def render(
    name: str,
    files: Mapping[str, Sequence[str | PathLike[str]]],
    meta: Mapping[str, Any],
    outputs: Sequence[str | PathLike[str]],
    data: str | PathLike[str],
) -> None:
    """Draw one figure into its files, and write the numbers drawn as Parquet and CSV.

    Parameters
    ----------
    name
        In :data:`FIGURES`.
    files
        Table name -> files.
    meta
        Run's name and scale, see :func:`tglassmlp.figures.metadata.describe`.
    outputs
        Images; the suffix gives the format.
    data
        Parquet file.
    """
    save(name, draw(name, load_tables(files), meta), meta, outputs, data)


def save(
    name: str,
    drawn: Drawn,
    meta: Mapping[str, Any],
    outputs: Sequence[str | PathLike[str]],
    data: str | PathLike[str],
) -> None:
    """Write a drawn figure and its numbers; parameters as :func:`render`."""
    from tglassmlp.figures.style import style
    from tglassmlp.provenance import collect
    from tglassmlp.storage import atomic_path, write_table

    # subsetting fonts for PDF remarks on the font's date
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    record = collect("figures", figure=name, run=meta["run"])
    text = json.dumps({**{k: record[k] for k in ("version", "commit", "run")}, "mixture": meta["mixture"]})
    for path in map(Path, outputs):
        fields = {
            "png": {"Software": "tglassmlp", "Comment": text},
            "pdf": {"Creator": "tglassmlp", "Subject": text, "CreationDate": None},
            "svg": {"Creator": "tglassmlp", "Date": None},
        }
        with style(), atomic_path(path) as temporary:
            drawn.figure.savefig(
                temporary, dpi=meta["dpi"], format=path.suffix[1:], metadata=fields.get(path.suffix[1:])
            )
    write_table(data, drawn.data, record)
