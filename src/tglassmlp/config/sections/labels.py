"""What is measured of structures and dynamics: propensities, descriptors, the label map."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tglassmlp.limits import DESCRIPTOR_CUTOFF
from tglassmlp.local_structure.names import QUANTITIES
from tglassmlp.settings import Settings
from tglassmlp.settings.ranges import Count, Positive

__all__ = [
    "DescriptorSettings",
    "LabelSettings",
    "PropensitySettings",
]


class PropensitySettings(Settings):
    """Bond-breaking propensity and relaxation time."""

    label: str = Field(
        "bond_breaking",
        max_length=100,
        description="quantity that networks learn; C_B remains the mean bond-breaking correlation",
    )
    r_in: Annotated[float, Field(ge=1, le=100)] = Field(
        1.4, description="initial neighbours: r < r_in sigma_ab"
    )
    r_out: Annotated[float, Field(gt=1, le=100)] = Field(
        1.8, description="a bond is broken at r >= r_out sigma_ab"
    )
    central_species: Count = Field(1, description="species for which labels and predictions are made")
    relaxation_threshold: Annotated[float, Field(ge=0.01, le=0.99)] = Field(
        0.5, description="value of C_B that defines the relaxation time tau"
    )
    extrapolation: Literal["between", "parabola", "line"] = Field(
        "between",
        description="ln tau against 1/T below the measured temperatures: parabola, straight line, or between "
        "parabola and its tangent",
    )
    extrapolation_temperatures: Annotated[int, Field(ge=2, le=1000)] = Field(
        4, description="number of the lowest measured temperatures that enter the extrapolation"
    )
    glass_transition_ratio: float = Field(
        1e12,
        gt=1,
        le=1e30,
        description="T_g is reported as the temperature at which tau is this many LJ times",
    )
    wave_number: Annotated[float, Field(ge=0.1, le=100)] = Field(
        6.283, description="wave number of the scattering function: first peak of the structure factor"
    )


class DescriptorSettings(Settings):
    """Structural descriptors of the inherent structure."""

    lengths: tuple[Annotated[float, Field(ge=0, le=1000)], ...] = Field(
        (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0),
        description="coarse-graining lengths, increasing; 0 is the particle itself",
    )
    cutoff: Positive = Field(
        DESCRIPTOR_CUTOFF,
        description="range of the coarse-graining sums, at most half the box of one unit system",
    )
    quantities: tuple[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")], ...] = Field(
        QUANTITIES,
        description="per-particle quantities that are averaged: the paper's four, hexatic_order, "
        "voronoi_area, voronoi_neighbours, local_density (freud), and own ones",
    )
    own: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Python file that registers own quantities; null: none"
    )


class LabelSettings(Settings):
    """Which state points are measured, extrapolated, or left to the full network (Table 1)."""

    lowest_ratio: float = Field(
        0.7, gt=0, le=1, description="step 1 extrapolates down to this multiple of the lowest measured T"
    )
    minimum_labelled: Count = Field(
        3, description="number of measured temperatures that extrapolation at a C_B needs"
    )
    minimum_predicted: Count = Field(
        2,
        description="number of measured temperatures that a prediction at a C_B needs where nothing is "
        "extrapolated",
    )
