"""GlassMLP, the baseline of one state point: tGlassMLP without attention and without state point.

M descriptors pass through the bottleneck and the head; :mod:`tglassmlp.network.tglassmlp` has the equations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tglassmlp.network import plain_layers as plain
from tglassmlp.network.architecture import Architecture
from tglassmlp.network.protocol import Columns, Ensemble, Reads

if TYPE_CHECKING:
    from flax import nnx

__all__ = ["GLASSMLP", "GlassMLPModel"]


#: All descriptors of the run.
READS: Final = Reads()


@dataclass(frozen=True)
class GlassMLPModel:
    """The model (:class:`tglassmlp.network.protocol.Model`), with a bottleneck to look at."""

    name: str = "glassmlp"
    title: str = "GlassMLP"
    reads: Reads = READS
    reads_state: bool = False
    state_matrices: tuple[str, ...] = ()

    def architecture(self, settings: Mapping[str, Any]) -> Architecture:
        """Widths from a run's ``network`` section, or a file's record; those it lacks do not count."""
        return Architecture.from_settings(settings)

    def module(
        self, n_descriptors: int, architecture: Architecture, generator: np.random.Generator,
        mean_label: float,
    ) -> nnx.Module:  # fmt: skip
        """Make a network at its start, in JAX."""
        from tglassmlp.network.flax_modules import GlassMLP  # loads JAX

        return GlassMLP(n_descriptors, architecture, generator, mean_label)

    def bottleneck(self, ensemble: Ensemble) -> Columns:
        """Return the function from descriptors ``[M, P]`` to the values of the units, ``[n, units, P]``."""
        matrix = ensemble.parameters["bottleneck/matrix"]
        return plain.bottleneck(ensemble.parameters, matrix, ensemble.architecture.bottleneck_activation)

    def forward(self, ensemble: Ensemble) -> Columns:
        """Return the function from descriptors ``[M, P]`` to outputs ``[n, P]``, whatever the state point."""
        units = self.bottleneck(ensemble)
        hidden = len(ensemble.architecture.head)
        return lambda columns: plain.head(ensemble.parameters, units(columns), None, hidden)


#: The one there is.
GLASSMLP: Final = GlassMLPModel()
