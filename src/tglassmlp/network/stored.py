"""An ensemble of trained networks as its file holds it: parameters, and the record of what they are."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp import labels
from tglassmlp.labels import Label
from tglassmlp.local_structure.standardise import Scaling
from tglassmlp.mixture import Mixture
from tglassmlp.network import models
from tglassmlp.network.contrast import Contrast
from tglassmlp.network.domain import Domain, mixture_of
from tglassmlp.network.protocol import Model, WithAttention, WithBottleneck
from tglassmlp.network.residual import Residual
from tglassmlp.network.state_features import StateFeatures

__all__ = ["StoredNetworks"]


@dataclass(frozen=True)
class StoredNetworks:
    """An ensemble of trained networks with everything needed to use them, as their file holds it.

    Parameters
    ----------
    parameters
        ``name -> [networks, ...]`` float32.
    metadata
        Record with ``kind``, ``architecture``, ``scaling``, ``state_point``, ``descriptors`` (lengths,
        cut-off, central species, mixture), ``numbers`` (numbers of these networks within the training).
    """

    parameters: Mapping[str, NDArray[np.float32]]
    metadata: Mapping[str, Any]

    @property
    def n_networks(self) -> int:
        """Number of networks, 0 for an empty file."""
        return len(next(iter(self.parameters.values()))) if self.parameters else 0

    def __len__(self) -> int:
        return self.n_networks

    @property
    def scaling(self) -> Scaling:
        """Names, means and standard deviations of the descriptors."""
        return Scaling.from_json(self.metadata["scaling"])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the descriptors that enter, in order."""
        return self.scaling.names

    @property
    def state_features(self) -> StateFeatures:
        """Features of the state point."""
        return StateFeatures.from_record(self.metadata["state_point"])

    @property
    def model(self) -> Model:
        """What kind of networks these are.

        Raises
        ------
        ValueError
            If no model of this name is registered (:func:`tglassmlp.network.models.register`).
        """
        return models.named(self.metadata["kind"])

    @property
    def label(self) -> Label:
        """What these networks predict of each particle."""
        return labels.recorded(self.metadata)

    def offers(self, diagnostic: str) -> bool:
        """Whether these networks can be asked for their ``"attention"`` or ``"bottleneck"``."""
        return isinstance(self.model, {"attention": WithAttention, "bottleneck": WithBottleneck}[diagnostic])

    @property
    def domain(self) -> Domain:
        """Structures like those that the networks learnt from."""
        return Domain.of(self.metadata["descriptors"])

    @property
    def contrast(self) -> Contrast | None:
        """Law by which deviations from the mean are rescaled; None for networks that were trained without."""
        record = self.metadata.get("contrast")
        return None if record is None else Contrast.from_record(record)

    @property
    def residual(self) -> Residual | None:
        """Spatial correlation of what predictions leave open; None for networks that were trained without."""
        record = self.metadata.get("residual")
        return None if record is None else Residual.from_record(record)

    @property
    def kept(self) -> tuple[int, ...]:
        """Positions of the networks that passed the selection; all of them if none was made."""
        return tuple(self.metadata.get("kept", range(self.n_networks)))

    def of(self, positions: ArrayLike) -> Self:
        """Only the networks at these positions.

        Parameters
        ----------
        positions
            Whole numbers from 0 to ``n_networks - 1``, or a mask ``[n_networks]`` of booleans.

        Raises
        ------
        ValueError
            If it is neither, a mask has another length, or there is no network at a position.
        """
        chosen = _chosen(positions, self.n_networks)
        numbers = self.metadata.get("numbers", list(range(self.n_networks)))
        record = {**self.metadata, "numbers": [numbers[k] for k in chosen], "kept": list(range(len(chosen)))}
        return type(self)({name: values[chosen] for name, values in self.parameters.items()}, record)

    @property
    def mixture(self) -> Mixture:
        """Mixture of the structures that the networks were trained on."""
        return mixture_of(self.metadata["descriptors"]["mixture"])

    def __repr__(self) -> str:
        return f"<Networks: {'; '.join(f'{name} {text}' if name else text for name, text in self.summary())}>"

    def _repr_html_(self) -> str:
        """Short table for notebooks."""
        rows = "".join(
            f"<tr><th>{html.escape(name or 'networks')}</th><td>{html.escape(text)}</td></tr>"
            for name, text in self.summary()
        )
        return f"<table>{rows}</table>"

    def summary(self) -> list[tuple[str, str]]:
        """List what is worth knowing at a glance, as pairs of a name and a text."""
        m = self.metadata
        kind = models.MODELS[m["kind"]].title if m["kind"] in models.MODELS else str(m["kind"])
        if not self.n_networks:
            return [("", f"no {kind} ({m.get('note', 'none was trained')})")]
        found = [("", f"{self.n_networks} {kind} of {len(self.names)} descriptors")]
        learnt = [f"{float(t):g}" for t, _ in m.get("measured", [])]
        if learnt:
            found.append(("learnt from dynamics at T =", ", ".join(learnt)))
        low, high = m["state_point"]["temperature_range"]
        c_low, c_high = m["state_point"]["c_b_range"]
        found.append(("meant for T =", f"{low:g} to {high:g}, C_B = {c_low:g} to {c_high:g}"))
        if "descriptors" in m:
            found.append(("mixture", self.mixture.name))
        return found


def _chosen(positions: ArrayLike, count: int) -> list[int]:
    """Positions of some of ``count`` networks, from whole numbers or a mask."""
    found = np.asarray(positions)
    if found.ndim != 1:
        raise ValueError(
            f"networks are chosen by a list of positions or a mask, found an array of shape {found.shape}"
        )
    if found.dtype.kind == "b":
        if found.size != count:
            raise ValueError(f"a mask of networks must have shape [{count}], found {found.shape}")
        return [int(k) for k in np.flatnonzero(found)]
    mixed = not isinstance(positions, np.ndarray) and any(
        isinstance(k, bool | np.bool_)
        for k in positions  # type: ignore[union-attr]
    )
    if found.size and (found.dtype.kind not in "iu" or mixed):
        shown = list(positions) if mixed else found.tolist()  # type: ignore[arg-type]
        raise ValueError(f"positions of networks must be whole numbers, or a mask of booleans, found {shown}")
    outside = [int(k) for k in found if not 0 <= k < count]
    if outside:
        raise ValueError(
            f"there is no network at position {outside[0]}, "
            + (f"positions are 0 to {count - 1}" if count else "there are no networks")
        )
    return [int(k) for k in found]
