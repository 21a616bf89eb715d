"""Networks of one's own from measured propensities, without the files of a run.

This is the short way for notebooks: structures with measured propensities in, trained networks out. It learns
the measured labels only. The two steps of the method, which carry labels to temperatures without dynamics,
are those of the workflow (:mod:`tglassmlp.network.training_run`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import carried_mixture
from tglassmlp.dynamics.labels import Labels, label_structures
from tglassmlp.limits import DESCRIPTOR_CUTOFF
from tglassmlp.local_structure.quantities import PAPER
from tglassmlp.local_structure.standardise import Scaling, fit_scaling
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.network.calibration import Measured, assembled, mean_field, with_contrast
from tglassmlp.network.dataset import Structures, TrainingSet, training_set
from tglassmlp.network.domain import Domain
from tglassmlp.network.networks import Networks
from tglassmlp.network.run_files import metadata, model_of
from tglassmlp.network.settings import Execution

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FEW_STRUCTURES", "LENGTHS", "Examples", "calibrate_networks", "train_networks"]

#: Coarse-graining lengths that serve few structures best (docs/deviations.md).
LENGTHS: Final = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0)

#: Settings of ``config/laptop.yaml``, found with 4 to 24 structures (docs/results-log/network.md).
FEW_STRUCTURES: Final[Mapping[str, Mapping[str, Any]]] = {
    "network": {"output": "deviation"},
    "training": {
        "phase1": [{"epochs": 60, "rate": 0.006}],
        "phase2": [],
        "rate_decay": "cosine",
        "error_scale": "variance",
        "weight_decay": 0.01,
    },
}


@dataclass(frozen=True)
class Examples:
    """Structures of one temperature with their measured propensities.

    Parameters
    ----------
    temperature
        Temperature of the dynamics.
    configurations
        S thermal configurations with the same numbers of particles of each species and the same box.
    times
        ``[F]`` times of the frames, rising, the first 0 (Lennard-Jones units).
    propensity
        ``[S, F, N]`` mean over all replicas, of all species.
    half
        ``[S, 2, F, N]`` the same from two halves of the replicas; training with a variance term needs them
        to tell signal from noise.

    Raises
    ------
    ValueError
        If the shapes do not fit or there is no structure.
    """

    temperature: float
    configurations: tuple[Configuration, ...]
    times: NDArray[np.float64]
    propensity: NDArray[np.float64]
    half: NDArray[np.float64]

    def __post_init__(self) -> None:
        structures = tuple(self.configurations)
        object.__setattr__(self, "configurations", structures)
        for name in ("times", "propensity", "half"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        if not structures:
            raise ValueError("Examples need at least one configuration, found none")
        frames, particles = len(self.times), structures[0].n_particles
        expected = (len(structures), frames, particles)
        if self.propensity.shape != expected or self.half.shape != (expected[0], 2, frames, particles):
            raise ValueError(
                f"Examples of {len(structures)} configurations of {particles} particles with {frames} times "
                f"need propensity of shape {list(expected)} and half of shape "
                f"{[expected[0], 2, *expected[1:]]}, found {list(self.propensity.shape)} and "
                f"{list(self.half.shape)}"
            )

    def __len__(self) -> int:
        return len(self.configurations)

    @classmethod
    def of(cls, ensemble: Any, numbers: Sequence[int] | None = None) -> Examples:
        """Take structures of a data set, at the times that all of them have.

        Parameters
        ----------
        ensemble
            ``tglassmlp.load_dataset().at(T)``.
        numbers
            Numbers of the structures; by default all that have dynamics.

        Examples
        --------
        >>> import tglassmlp as tg
        >>> len(Examples.of(tg.load_dataset().at(0.40), [0, 1, 2]))
        3
        """
        found = ensemble.stacked(numbers)
        chosen = ensemble.configurations([int(k) for k in found["structures"]])
        return cls(
            float(ensemble.temperature), tuple(chosen), found["times"], found["propensity"], found["half"]
        )


def train_networks(
    examples: Sequence[Examples],
    c_b: Sequence[float],
    *,
    validation: Sequence[Examples] = (),
    networks: int = 8,
    temperatures: Sequence[float] = (),
    lengths: Sequence[float] = LENGTHS,
    cutoff: float = DESCRIPTOR_CUTOFF,
    central_species: int = 1,
    quantities: Sequence[str] = PAPER,
    network: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    seed: int = 0,
    mixture: Mixture | None = None,
) -> tuple[Networks, pd.DataFrame]:
    """Train networks that predict measured propensities from the structure.

    Inherent structures and descriptors are computed, the labels are read off the measured propensities where
    the mean of the central species passes each C_B, and all networks learn all state points together. No
    label is extrapolated to temperatures without dynamics: that is the first step of the workflow's training.

    Parameters
    ----------
    examples
        Structures to learn from, one entry for each temperature.
    c_b
        Values of C_B, falling. A temperature has labels at those that its dynamics reaches.
    validation
        Structures to watch while training; they teach nothing.
    networks
        Number of networks, which differ in their random start.
    temperatures
        Further temperatures at which the networks are meant to be used.
    lengths, cutoff, quantities
        Descriptors, as for :func:`tglassmlp.descriptors`.
    central_species
        Species whose particles are learnt.
    network, training
        Keys of the sections ``network`` and ``training`` of the configuration that differ from those of
        ``config/laptop.yaml``, which serve a handful of structures.
    seed
        Root of the random numbers.
    mixture
        Mixture of the structures; None: the one that they carry, or KA2D.

    Returns
    -------
    networks : tglassmlp.network.networks.Networks
        What :func:`tglassmlp.load_networks` returns too; :func:`tglassmlp.save_networks` writes them.
    history : pandas.DataFrame
        Loss and Pearson correlation of each network after each epoch.

    Raises
    ------
    ValueError
        If there are no examples, no temperature reaches any C_B, a structure is not of the mixture, or a
        setting is not known or out of range.

    Examples
    --------
    >>> import tglassmlp as tg
    >>> liquid = tg.load_dataset().at(0.40)  # doctest: +SKIP
    >>> examples = [tg.Examples.of(liquid, [0, 1, 2, 3])]  # doctest: +SKIP
    >>> networks, history = tg.train_networks(examples, [0.9, 0.7, 0.5], networks=4)  # doctest: +SKIP
    """
    # training needs JAX and pandas, which an installation for predictions does not have
    from tglassmlp.network.training_run import train_networks as train_sets

    if not examples:
        raise ValueError("train_networks needs examples of at least one temperature, found none")
    if networks < 1:
        raise ValueError(f"train_networks needs at least one network, found {networks}")
    every = [c for e in (*examples, *validation) for c in e.configurations]
    own = mixture or carried_mixture(every, "train_networks") or KA2D
    domain = Domain(own, tuple(map(float, lengths)), float(cutoff), central_species, tuple(quantities))
    described = [[domain.central(c) for c in e.configurations] for e in (*examples, *validation)]
    names = described[0][0][1]
    values = [np.stack([x for x, _ in found]) for found in described]
    learnt = [e.temperature for e in examples]
    scaling = fit_scaling(values[: len(examples)], names, learnt)
    sets = [
        _labelled(e, x, names, scaling, c_b, central_species)
        for e, x in zip((*examples, *validation), values, strict=True)
    ]
    taught = [s for s in sets[: len(examples)] if s is not None]
    if not taught:
        raise ValueError(
            f"no temperature reaches any of the C_B {list(c_b)}: longer dynamics or larger C_B are needed"
        )
    watched = [s for s in sets[len(examples) :] if s is not None]
    run = {
        "seed": seed,
        "temperatures": sorted({*learnt, *map(float, temperatures)}, reverse=True),
        "c_b": [float(c) for c in c_b],
        "network": {**FEW_STRUCTURES["network"], **(network or {})},
        "training": {**FEW_STRUCTURES["training"], **(training or {})},
        "descriptors": {
            "lengths": list(domain.lengths),
            "cutoff": domain.cutoff,
            "central_species": central_species,
            "quantities": list(domain.quantities),
            "mixture": asdict(own),
        },
    }
    model = model_of(run)
    result = train_sets(
        run, (taught, watched), ("full_training", 0), networks, model, Execution(label="training")
    )
    measured = [
        [e.temperature, sorted({float(c) for c in s.c_b}, reverse=True)]
        for e, s in zip(examples, sets, strict=False)
        if s is not None
    ]
    record = metadata(run, scaling, model, {"measured": measured, "numbers": list(range(networks))})
    return Networks(result.parameters, record), result.history


def calibrate_networks(
    networks: Networks,
    examples: Sequence[Examples],
    c_b: Sequence[float],
    others: Mapping[float, Sequence[Configuration]] | None = None,
    law: str = "onset",
) -> Networks:
    """Give networks a contrast from measured propensities of structures that they have not learnt from.

    As :func:`tglassmlp.network.calibration.calibrated`, without the files of a run: for networks of a
    notebook, and for those that come with the package.

    Parameters
    ----------
    networks
        Networks without a contrast.
    examples
        Structures with propensities, one entry for each temperature. None of them was learnt from.
    c_b
        Values of C_B, falling.
    others
        Temperature -> structures without dynamics, where networks shall predict.
    law
        ``power`` or ``onset``.

    Returns
    -------
    Networks
        The same networks with ``contrast`` and ``residual``.

    Raises
    ------
    ValueError
        If the networks have a contrast already, or a structure is not for them.
    tglassmlp.network.contrast.NoLaw
        If too little was measured.
    """
    if networks.contrast is not None:
        raise ValueError("these networks have a contrast already")
    grid = sorted(map(float, c_b), reverse=True)
    given = {e.temperature: e.configurations for e in examples} | {
        float(t): tuple(found) for t, found in (others or {}).items()
    }
    measured = {e.temperature: e for e in examples}
    temperatures = sorted(given, reverse=True)
    found: list[Measured] = []
    deviation = np.full((len(temperatures), len(grid)), np.nan)
    central = networks.domain.central_species
    for i, t in enumerate(temperatures):
        described = (networks.domain.central(c) for c in given[t])
        x = np.stack([networks.scaling.apply(*one) for one in described]).astype(np.float32)
        fields = [mean_field(networks, x, t, c) for c in grid]
        deviation[i] = [field.std() for field in fields]
        if t not in measured:
            continue
        e = measured[t]
        labels = _labels(e, grid, central)
        rows = np.stack([fields[grid.index(float(c))] for c in labels.c_b])
        positions = _positions(e, central)
        box = e.configurations[0].box_length
        halves, unseen = np.moveaxis(labels.half, 2, 0), list(range(len(e)))
        found.append(Measured(t, labels.c_b.tolist(), halves, rows, unseen, positions, box))
    contrast, residual = assembled(found, deviation, temperatures, grid, law)
    return with_contrast(networks, contrast, residual)


def _labels(examples: Examples, c_b: Sequence[float], central_species: int) -> Labels:
    """Labels of one temperature at the C_B that it reaches."""
    species = np.stack([c.species for c in examples.configurations])
    return label_structures(examples.propensity, examples.half, examples.times, species, c_b, central_species)


def _positions(examples: Examples, central_species: int) -> NDArray[np.float64]:
    """Thermal positions ``[S, P, 2]`` of the particles that are learnt."""
    return np.stack([c.wrapped()[c.of_species(central_species)] for c in examples.configurations])


def _labelled(
    examples: Examples,
    values: NDArray[np.float64],
    names: Sequence[str],
    scaling: Scaling,
    c_b: Sequence[float],
    central_species: int,
) -> TrainingSet | None:
    """Batches of one temperature at the C_B that it reaches, None if it reaches none."""
    labels = _labels(examples, c_b, central_species)
    if not len(labels.c_b):
        return None
    first = examples.configurations[0]
    structures = Structures(
        examples.temperature,
        np.asarray(scaling.apply(values, names), dtype=np.float32),
        _positions(examples, central_species),
        first.box_length,
    )
    return training_set(structures, labels.c_b.tolist(), labels.propensity, range(len(examples)), labels.half)
