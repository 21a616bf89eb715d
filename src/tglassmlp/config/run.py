"""The whole configuration of a run, and what follows from it."""

from __future__ import annotations

from pydantic import Field

from tglassmlp.config.sections.equilibration import EquilibrationSettings
from tglassmlp.config.sections.labels import DescriptorSettings, LabelSettings, PropensitySettings
from tglassmlp.config.sections.network import (
    BaselineSettings,
    NetworkSettings,
    StudySettings,
    TrainingSettings,
)
from tglassmlp.config.sections.pictures import FigureSettings, ObservableSettings
from tglassmlp.config.sections.simulation import DynamicsSettings, LargeSystemSettings
from tglassmlp.config.sections.system import (
    EngineName,
    StructureSettings,
    SystemSettings,
    TemperatureSettings,
)
from tglassmlp.division import Split, chunk_ranges, split
from tglassmlp.mixture import Mixture
from tglassmlp.network.settings import PredictionSettings
from tglassmlp.settings import Settings
from tglassmlp.settings.ranges import Positive, Seed, Share
from tglassmlp.simulation.minimisation_settings import MinimisationSettings
from tglassmlp.state_point import canonical

__all__ = ["Config"]


class Config(Settings):
    """Everything that defines a run's numbers and pictures."""

    run: str = Field(
        description="name of the run; products go to results/<run>",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
    )
    seed: Seed = Field(description="seed from which all random numbers derive")
    engine: EngineName = Field("native", description="engine of the trajectories")
    system: SystemSettings = Field(SystemSettings(), description="what is simulated")
    temperatures: tuple[TemperatureSettings, ...] = Field(
        json_schema_extra={"minItems": 2},
        description="temperatures, from high to low; those with a dynamics_time are measured",
    )
    glass_transition: Positive = Field(description="temperature of the glass transition, one of the list")
    structures: StructureSettings = Field(description="independent structures and their division")
    equilibration: EquilibrationSettings = Field(EquilibrationSettings(), description="swap Monte Carlo")
    minimisation: MinimisationSettings = Field(MinimisationSettings(), description="inherent structures")
    dynamics: DynamicsSettings = Field(
        DynamicsSettings(), description="isoconfigurational molecular dynamics"
    )
    propensity: PropensitySettings = Field(PropensitySettings(), description="bond-breaking propensity")
    c_b: tuple[Share, ...] = Field(
        (0.99, 0.94, 0.90, 0.85, 0.80, 0.75, 0.65, 0.50, 0.25, 0.15, 0.075),
        json_schema_extra={"minItems": 2},
        description="grid of mean propensities C_B, strictly decreasing",
    )
    descriptors: DescriptorSettings = Field(DescriptorSettings(), description="structural descriptors")
    labels: LabelSettings = Field(LabelSettings(), description="the label map")
    network: NetworkSettings = Field(NetworkSettings(), description="layers of tGlassMLP")
    training: TrainingSettings = Field(description="the two-step training")
    baselines: BaselineSettings = Field(
        BaselineSettings(), description="baselines with which the network is compared"
    )
    studies: StudySettings = Field(StudySettings(), description="studies of the network and its training")
    prediction: PredictionSettings = Field(PredictionSettings(), description="mean-corrected prediction")
    large_systems: LargeSystemSettings = Field(description="tiled systems for snapshots and S_4(q)")
    observables: ObservableSettings = Field(ObservableSettings(), description="susceptibilities and lengths")
    figures: FigureSettings = Field(FigureSettings(), description="appearance of the figures")

    def structure_engine(self) -> str:
        """Return the name of the engine that is asked for structures (``structures.engine``)."""
        return self.structures.engine or self.engine

    def mixture(self) -> Mixture:
        """Return the mixture of the unit system (named or inline, divided by ``system.divisor``)."""
        return self.system.build()

    def temperature(self, name: str) -> TemperatureSettings:
        """Entry of a temperature by its canonical name.

        Raises
        ------
        ValueError
            If the run has no such temperature.
        """
        for entry in self.temperatures:
            if canonical(entry.value) == name:
                return entry
        known = ", ".join(canonical(t.value) for t in self.temperatures)
        raise ValueError(f"temperature {name} is not part of run {self.run!r}, which has {known}")

    def structures_at(self, name: str) -> int:
        """Return the number of structures of a temperature, by its canonical name.

        Those that networks only predict are not counted; their numbers come behind.
        """
        return self.structures.number + self.temperature(name).extra_structures

    def predicted_at(self, name: str) -> range:
        """Return the numbers of the structures of a temperature that networks only predict."""
        first = self.structures_at(name)
        return range(first, first + self.temperature(name).predicted_structures)

    def structure_chunks(self, name: str, predicted: bool = False) -> list[range]:
        """Return the numbers of the structures in each chunk of a temperature, by its canonical name.

        Parameters
        ----------
        name
            The temperature.
        predicted
            With those that networks only predict, which fill chunks of their own behind the others: files of
            the others, and full ones of theirs, stay what they are when more are asked for.
        """
        size = self.structures.chunk
        found = chunk_ranges(self.structures_at(name), size)
        further = self.predicted_at(name)
        if predicted and further:
            first = further.start
            found += [range(first + r.start, first + r.stop) for r in chunk_ranges(len(further), size)]
        return found

    def rung_above(self, name: str) -> str | None:
        """Return the temperature whose structures those of another go on from, by their canonical names.

        None where structures are given or start by themselves: without a ladder, and on its highest rung.
        Structures of a data set are proved like generated ones and may be gone on from; published ones and
        those of another program are no rungs.
        """
        given, own = self.structures.given(), self.temperature(name).value
        if self.equilibration.start != "ladder" or own in given:
            return None
        foreign = () if self.structures.source == "dataset" else given
        higher = [t.value for t in self.temperatures if t.value > own and t.value not in foreign]
        return canonical(min(higher)) if higher else None

    def structure_place(self, name: str, number: int) -> tuple[int, int]:
        """Return the chunk of a structure of a temperature, and its place there.

        Raises
        ------
        ValueError
            If there is no such structure.
        """
        for chunk, numbers in enumerate(self.structure_chunks(name, predicted=True)):
            if number in numbers:
                return chunk, numbers.index(number)
        raise ValueError(f"there is no structure {number} at T = {name}")

    def extended_temperatures(self) -> list[float]:
        """Return the temperatures whose first structures go on (``equilibration.extended_check``)."""
        check = self.equilibration.extended_check
        if check is None:
            return []
        return list(check.temperatures or [min(t.value for t in self.temperatures)])

    def structure_split(self) -> Split:
        """Training, validation and test structures of every temperature."""
        return split(
            self.structures.number, self.structures.test_fraction, self.structures.validation_fraction
        )
