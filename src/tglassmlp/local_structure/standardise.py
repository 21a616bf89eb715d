"""Standardisation of descriptors: one scaling for all temperatures, from training structures only.

A scaling per temperature would hide from the network how the structure shifts with temperature, and one that
saw the test structures would leak. Columns that are constant for the central species (averages over no
particle, such as another species at L = 0) are dropped, by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Scaling", "fit_scaling"]


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of every kept column.

    Parameters
    ----------
    names
        Names of the columns kept, in the order of ``mean`` and ``std``.
    dropped
        Names of the constant columns left out.
    mean, std
        ``[M]`` each.
    temperatures
        Temperatures whose training structures entered.
    n_structures
        How many structures entered, all temperatures together.
    """

    names: tuple[str, ...]
    dropped: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    temperatures: tuple[float, ...] = ()
    n_structures: int = 0

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.mean) == len(self.std):
            raise ValueError(
                f"a scaling needs one mean and one std per name, found {len(self.names)} names, "
                f"{len(self.mean)} means and {len(self.std)} stds"
            )
        if not self.names:
            raise ValueError("a scaling needs at least one column")
        if any(not np.isfinite(s) or s <= 0 for s in self.std) or not np.all(np.isfinite(self.mean)):
            raise ValueError("means must be finite and stds positive")

    def __repr__(self) -> str:
        return (
            f"<Scaling of {len(self.names)} descriptors ({len(self.dropped)} constant ones left out) from "
            f"{self.n_structures} structures>"
        )

    def apply(self, values: ArrayLike, names: Sequence[str]) -> NDArray[np.float64]:
        """Standardise raw descriptors ``[..., M_raw]`` with their ``names``: ``[..., M]``.

        Columns are picked by name, whatever their order; columns that the scaling does not know are left out.

        Raises
        ------
        ValueError
            If a column that the scaling was fitted to is missing or is there twice.
        """
        given = [str(n) for n in names]
        raw = np.asarray(values, dtype=float)
        if raw.shape[-1] != len(given):
            raise ValueError(f"{raw.shape[-1]} columns were given with {len(given)} names")
        place = {n: k for k, n in enumerate(given)}
        missing = [n for n in self.names if n not in place]
        if missing:
            foreign = [n for n in given if n not in {*self.names, *self.dropped}]
            raise ValueError(
                "these descriptors are not the ones the scaling was fitted to: "
                f"{_some(missing)} missing and {_some(foreign)} unknown"
            )
        if len(place) < len(given):
            double = next(n for n in given if given.count(n) > 1)
            raise ValueError(f"two columns of these descriptors have the name {double!r}")
        kept = [place[n] for n in self.names]
        return (raw[..., kept] - np.asarray(self.mean)) / np.asarray(self.std)

    def to_json(self) -> dict[str, Any]:
        """JSON-like record."""
        return {
            "names": list(self.names),
            "dropped": list(self.dropped),
            "mean": list(self.mean),
            "std": list(self.std),
            "temperatures": list(self.temperatures),
            "n_structures": self.n_structures,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Scaling:
        """Rebuild what :meth:`to_json` gave.

        Raises
        ------
        ValueError
            If a key is missing or does not fit.
        """
        try:
            return cls(
                tuple(record["names"]),
                tuple(record["dropped"]),
                tuple(record["mean"]),
                tuple(record["std"]),
                tuple(record["temperatures"]),
                int(record["n_structures"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a scaling record, {error} is missing or of the wrong type") from error


def _some(names: Sequence[str]) -> str:
    """Count columns and name the first few of them."""
    shown = ", ".join([*names[:4], *(["..."] if len(names) > 4 else [])])
    return f"{len(names)} columns ({shown})" if names else "no columns"


def fit_scaling(
    blocks: Iterable[ArrayLike],
    names: Sequence[str],
    temperatures: Sequence[float] = (),
    tolerance: float = 1e-9,
) -> Scaling:
    """Fit a scaling to the central particles of training structures.

    Parameters
    ----------
    blocks
        Raw descriptors ``[..., M_raw]`` of the training structures, block by block (read once, in order).
        The last axis holds the columns, the one before the particles, those before are counted as structures.
    names
        Names of the columns.
    temperatures
        Temperatures the structures are from, for the record.
    tolerance
        A column whose standard deviation is below ``tolerance`` times (1 + |mean|) is constant and dropped.

    Raises
    ------
    ValueError
        If there is no data, a block has another number of columns, a value is not finite, or all are
        constant.
    """
    m = len(names)
    if len(set(names)) != m:
        raise ValueError("descriptor names must differ")
    count, structures = 0, 0
    mean, square = np.zeros(m), np.zeros(m)
    for block in blocks:
        values = np.asarray(block, dtype=float)
        if values.ndim < 2 or values.shape[-1] != m:
            raise ValueError(f"descriptors must have shape [..., particle, {m}], found {values.shape}")
        structures += int(np.prod(values.shape[:-2]))
        values = values.reshape(-1, m)
        if not np.all(np.isfinite(values)):
            bad = int(np.argwhere(~np.isfinite(values))[0, 1])
            raise ValueError(f"descriptor {names[bad]!r} holds a value not finite")
        # Parallel update of mean and squared deviation (Chan, Golub, LeVeque): no loss against large means.
        n = values.shape[0]
        if n == 0:
            continue
        own = values.mean(axis=0)
        delta = own - mean
        square += ((values - own) ** 2).sum(axis=0) + delta**2 * count * n / (count + n)
        mean += delta * n / (count + n)
        count += n
    if count == 0:
        raise ValueError("no training structure to fit the scaling to")
    std = np.sqrt(square / count)
    kept = np.flatnonzero(std > tolerance * (1 + np.abs(mean)))
    if kept.size == 0:
        raise ValueError("all descriptors are constant over the training structures")
    constant = np.setdiff1d(np.arange(m), kept)
    return Scaling(
        tuple(str(names[int(k)]) for k in kept),
        tuple(str(names[int(k)]) for k in constant),
        tuple(float(x) for x in mean[kept]),
        tuple(float(x) for x in std[kept]),
        tuple(float(t) for t in temperatures),
        structures,
    )
