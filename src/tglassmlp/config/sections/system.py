"""What is simulated: the mixture, the temperatures, and how many structures of each."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from tglassmlp import engines
from tglassmlp.mixture import MIXTURES, Mixture
from tglassmlp.settings import Settings
from tglassmlp.settings.ranges import Count, Positive, Scale, Share, Temperature

__all__ = [
    "EngineName",
    "FileSettings",
    "GlassBenchSettings",
    "MixtureSettings",
    "StructureSettings",
    "SystemSettings",
    "TemperatureSettings",
]


def _known_engine(name: Any) -> Any:
    """Refuse an engine that is not declared."""
    known = engines.names()
    if name not in known:
        raise ValueError(" or ".join([", ".join(map(repr, known[:-1])), repr(known[-1])]))
    return name


def _named_engines(schema: dict[str, Any]) -> None:
    schema["enum"] = list(engines.names())


#: Name of an engine that is declared in :mod:`tglassmlp.engines`.
EngineName = Annotated[str, BeforeValidator(_known_engine), Field(json_schema_extra=_named_engines)]


class MixtureSettings(Settings):
    """A pair mixture of the smoothed Lennard-Jones family, written out in the config."""

    # one thing: what a mixture leaves out must not come from another one that it is laid over
    laid_over_whole: ClassVar[bool] = True

    name: str = Field(description="name used in files and figures", pattern=r"^[A-Za-z0-9_.-]{1,40}$")
    sigma: tuple[tuple[Scale, ...], ...] = Field(description="symmetric matrix of pair diameters")
    epsilon: tuple[tuple[Scale, ...], ...] = Field(description="symmetric matrix of pair energies")
    composition: tuple[Annotated[int, Field(ge=1, le=1_000_000)], ...] = Field(
        description="particles of each of the two to four species in the unit system"
    )
    box_length: Annotated[float, Field(gt=0, le=1e6)] = Field(
        description="side of the square box of one unit system"
    )
    cutoff: float = Field(
        2.5, gt=2.0 ** (1.0 / 6.0), le=100, description="cut-off of every pair in units of sigma_ab"
    )
    radii: tuple[Scale, ...] = Field((), description="radical Voronoi radii; empty: sigma_aa / 2")

    def build(self) -> Mixture:
        """Return the mixture; its own checks raise ValueError."""
        return Mixture(
            self.name, self.sigma, self.epsilon, self.composition, self.box_length, self.cutoff, self.radii
        )


class SystemSettings(Settings):
    """What is simulated."""

    mixture: Literal["KA2D"] | MixtureSettings = Field(
        "KA2D", description="named mixture, or one written out (sigma, epsilon, composition, box_length, ...)"
    )
    divisor: Count = Field(
        1, description="factor by which the unit system is made smaller at the same density (for tests)"
    )

    def build(self) -> Mixture:
        """Return the mixture of the unit system, named or written out, divided by ``divisor``."""
        base = MIXTURES[self.mixture] if isinstance(self.mixture, str) else self.mixture.build()
        return base if self.divisor == 1 else base.scaled(self.divisor)


class TemperatureSettings(Settings):
    """One temperature."""

    value: Temperature = Field(description="temperature, reduced units, at most six decimals")
    dynamics_time: Positive | None = Field(
        None,
        description="length of each isoconfigurational run (LJ times); null: no dynamics, prediction only",
    )
    extended_time: Positive | None = Field(
        None,
        description="length to which finished runs of dynamics_time are extended; velocities are resampled "
        "where the extension starts",
    )
    sweeps: Annotated[int, Field(ge=10, le=10**12)] = Field(
        description="swap Monte Carlo sweeps (N attempted moves each) of the equilibration from each start"
    )
    extra_structures: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="additional structures at this temperature beyond structures.number, all for training",
    )
    predicted_structures: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="further structures that the networks only predict (no dynamics, no training), a "
        "multiple of structures.chunk",
    )


class GlassBenchSettings(Settings):
    """Published data that take the place of our own structures, inherent structures and trajectories."""

    path: Annotated[str, Field(min_length=1)] = Field(
        description="folder with KA2D_trajectories and KA2D_results (GlassBench, doi 10.5281/zenodo.10118191)"
    )
    temperatures: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(
        description="temperatures taken from the data; the others are generated"
    )


class FileSettings(Settings):
    """Structures and trajectories of another program that take the place of our own."""

    temperatures: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(
        description="temperatures taken from the files; the others are generated"
    )
    structures: str | None = Field(
        None,
        description="path of each structure with {temperature} and {structure} in it; null: the first frames "
        "of the trajectories",
    )
    trajectories: str | None = Field(
        None,
        description="path of each trajectory with {temperature}, {structure} and {replica} in it; null: none",
    )
    species: dict[str, Count] | None = Field(
        None, description="what each type of the files means; null: types are named 1, 2, ... or A, B, ..."
    )
    time_step: Positive | None = Field(
        None, description="time of one step of the files (LJ times); null: the files name their times"
    )


class DatasetSettings(Settings):
    """Structures and propensities of a data set that take the place of our own."""

    path: str | None = Field(
        None, description="folder of the data set; null: datasets/ka2d of the source tree"
    )
    temperatures: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(
        description="temperatures taken from the data set; the others are generated"
    )


class StructureSettings(Settings):
    """How many independent equilibrium structures, and their division."""

    source: Literal["generate", "dataset", "glassbench", "files"] = Field(
        "generate",
        description="our own structures (generate), those of a data set (dataset), published ones "
        "(glassbench), or those of another program (files)",
    )
    dataset: DatasetSettings | None = Field(None, description="which data set; null: none")
    glassbench: GlassBenchSettings | None = Field(None, description="which published data; null: none")
    files: FileSettings | None = Field(None, description="which files of another program; null: none")
    number: Annotated[int, Field(ge=2, le=1_000_000)] = Field(
        description="independent structures per temperature"
    )
    test_fraction: Share = Field(
        0.5, description="fraction of the structures reserved for the reported numbers"
    )
    validation_fraction: Share = Field(
        0.2, description="fraction of the training structures used to choose between networks and epochs"
    )
    chunk: Count = Field(description="number of structures per job; results do not depend on it")
    engine: EngineName | None = Field(
        None,
        description="engine that makes structures; null: the run's own, if it offers what the method takes",
    )

    def given(self) -> tuple[float, ...]:
        """Temperatures whose structures are not generated."""
        data = self.data()
        return () if data is None else data.temperatures

    def data(self) -> DatasetSettings | GlassBenchSettings | FileSettings | None:
        """Return the settings of the source, None where structures are generated."""
        return None if self.source == "generate" else getattr(self, self.source)
