"""What a model is to the rest of the package: what it reads, how it starts, its forward pass, what it shows.

A model is written twice, and a test holds both against each other: with JAX, by which it is trained, and with
NumPy, by which its networks predict on machines without JAX. Everything around it is shared: training,
selection, extrapolation, mean correction and files know a model by this protocol only.
``tests/unit/test_models.py`` adds one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tglassmlp.local_structure.standardise import Scaling

if TYPE_CHECKING:
    from flax import nnx

__all__ = [
    "AnyArchitecture",
    "Columns",
    "Ensemble",
    "Model",
    "Parameters",
    "Reads",
    "WithAttention",
    "WithBottleneck",
    "keep_lengths",
]

#: Parameters of an ensemble, ``name -> [networks, ...]`` float32, as networks files hold them.
Parameters = Mapping[str, NDArray[np.float32]]
#: A function of the descriptors of particles, ``[M, P]`` float32.
Columns = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class Ensemble(NamedTuple):
    """Networks of one architecture at one temperature.

    Parameters
    ----------
    parameters
        Of n networks, under the names that the parameters of :meth:`Model.module` have.
    architecture
        What :meth:`Model.architecture` returned.
    state
        State features each network is told, ``[n, F]``.
    """

    parameters: Parameters
    architecture: Any
    state: NDArray[np.float32]


def keep_lengths(scaling: Scaling, lengths: tuple[float, ...] | None) -> Scaling:
    """Scaling that hands over the columns of some coarse-graining lengths and drops the others; None: all.

    Raises
    ------
    ValueError
        If none is left.
    """
    if lengths is None:
        return scaling
    wanted = {f"L{length:g}" for length in lengths}
    kept = [k for k, name in enumerate(scaling.names) if name.rsplit("/", 1)[-1] in wanted]
    if not kept:
        raise ValueError(f"no descriptor has one of the lengths {lengths}")
    return replace(
        scaling,
        names=tuple(scaling.names[k] for k in kept),
        mean=tuple(scaling.mean[k] for k in kept),
        std=tuple(scaling.std[k] for k in kept),
        dropped=(*scaling.dropped, *(n for k, n in enumerate(scaling.names) if k not in kept)),
    )


@dataclass(frozen=True)
class Reads:
    """What a model reads of a structure.

    Every particle is handed over as a column of standardised descriptors, which say what lies around it.

    Parameters
    ----------
    lengths
        Coarse-graining lengths of the descriptors that are handed over; ``(0.0,)``: those of the particle
        itself; None: all lengths of the run.
    """

    lengths: tuple[float, ...] | None = None

    def columns(self, scaling: Scaling) -> Scaling:
        """Scaling that hands over what is read and drops the rest; raises as :func:`keep_lengths`."""
        return keep_lengths(scaling, self.lengths)


class AnyArchitecture(Protocol):
    """Widths and switches of one model; what every model has of them."""

    @property
    def state_features(self) -> tuple[str, ...]:
        """Names in :data:`tglassmlp.network.state_features.STATE_FEATURES`."""

    @property
    def output(self) -> str:
        """``"propensity"``: the model gives C_i; ``"deviation"``: C_i - C_B."""

    @property
    def input_limit(self) -> float | None:
        """Descriptors x enter as l tanh(x / l) with this l; None: as they are."""

    def as_record(self) -> dict[str, Any]:
        """Plain record for the networks file."""


class Model(Protocol):
    """One kind of network."""

    @property
    def name(self) -> str:
        """Name in files and in the registry (:mod:`tglassmlp.network.models`)."""

    @property
    def title(self) -> str:
        """Name in texts."""

    @property
    def reads(self) -> Reads:
        """What it reads of a structure."""

    @property
    def reads_state(self) -> bool:
        """Whether it reads the state point.

        Networks of a model that does are trained in two steps, on all state points together; others at one
        state point each.
        """

    @property
    def state_matrices(self) -> tuple[str, ...]:
        """Names of the parameters whose columns are weights of the state features, in their order."""

    def architecture(self, settings: Mapping[str, Any]) -> Any:
        """Read widths and switches (:class:`AnyArchitecture`) from a run's ``network`` section or a file.

        Keys that are left out have their defaults, unknown ones are refused.
        """

    def module(
        self, n_descriptors: int, architecture: Any, generator: np.random.Generator, mean_label: float
    ) -> nnx.Module:
        """Make a network at its start, in JAX.

        Parameters
        ----------
        n_descriptors
            M.
        architecture
            What :meth:`architecture` returned.
        generator
            Source of the initial parameters.
        mean_label
            Mean of the labels, where the output may start.

        Returns
        -------
        flax.nnx.Module
            Callable: descriptors ``[M, P]`` and state features ``[F]`` to the output ``[P]``. Parameters
            whose name holds ``bias`` do not decay.
        """

    def forward(self, ensemble: Ensemble) -> Columns:
        """Return the forward pass in NumPy: from descriptors ``[M, P]`` to outputs ``[n, P]``."""


@runtime_checkable
class WithAttention(Protocol):
    """A model that weighs the descriptors by the state point."""

    def attention(self, ensemble: Ensemble, n_descriptors: int) -> NDArray[np.float32]:
        """Attention weights of the n networks, ``[n, M]``, each of sum 1."""


@runtime_checkable
class WithBottleneck(Protocol):
    """A model whose descriptors pass through a few units, which can be looked at."""

    def bottleneck(self, ensemble: Ensemble) -> Columns:
        """Return the function from descriptors ``[M, P]`` to the values of the units, ``[n, units, P]``."""
