"""What is measured of predictions, and how figures and the movie look."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tglassmlp.config.sections.network import StatePoint
from tglassmlp.settings import Settings
from tglassmlp.settings.ranges import Share

__all__ = [
    "FigureSettings",
    "MovieSettings",
    "ObservableSettings",
]


class ObservableSettings(Settings):
    """Susceptibilities and lengths."""

    fit_q_max: Annotated[float, Field(gt=0, le=10)] = Field(
        0.5, description="largest wave number of the S_4 fits"
    )
    lattice_spacing: Annotated[float, Field(ge=0.1)] = Field(
        1.5, description="lattice on which chords are measured, at most a quarter of the box of a unit system"
    )
    mobile_share: Share = Field(
        0.5, description="fraction of active particles above which a lattice site is mobile"
    )
    replica_noise: Literal["estimated", "ignored"] = Field(
        "estimated",
        description="whether the effect of the replicas' noise on the chords of dynamics is estimated or "
        "ignored",
    )
    attention_per_length: Literal["mean", "sum"] = Field(
        "mean", description="P(L): mean or sum of the attention over the descriptors of one length"
    )
    bootstrap: Annotated[int, Field(ge=20, le=1_000_000)] = Field(
        500, description="number of bootstrap samples of structures for error bars"
    )


class MovieSettings(Settings):
    """The movie of relaxation at the glass transition."""

    frames: Annotated[int, Field(ge=2, le=100_000)] = Field(
        60, description="frames of the movie, evenly spaced in log time"
    )
    frames_per_second: Annotated[int, Field(ge=1, le=1000)] = Field(15, description="frames shown per second")


class FigureSettings(Settings):
    """Appearance; changes nothing but pictures."""

    formats: tuple[Literal["png", "pdf", "svg"], ...] = Field(
        ("png", "pdf"), description="file formats, png first"
    )
    dpi: Annotated[int, Field(ge=50, le=1200)] = Field(200, description="dots per inch of png")
    snapshot: StatePoint | None = Field(
        None,
        description="state point of the snapshots; null: that of the large dynamics, else the main t_min",
    )
    movie: MovieSettings = Field(MovieSettings(), description="length and speed of the movie")
