"""What the compiled loop of a training reads: arrays of all batches in memory, or blocks of them from disk.

Leading sizes are padded, so that similar trainings share a compiled program. Data that do not fit in memory
stay on disk. Each epoch then goes through its batches, in the same order, in blocks whose structures are
loaded while the block before is learnt; the networks are the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from tglassmlp.network import loss as losses
from tglassmlp.network.architecture import limited
from tglassmlp.network.dataset import Rows, TrainingSet, on_disk, scratch_folder
from tglassmlp.network.protocol import AnyArchitecture
from tglassmlp.network.settings import TrainingSettings
from tglassmlp.network.state_features import StateFeatures

__all__ = ["Batches", "Stream", "blocks", "label_variance", "prepare", "thinned"]


class Batches(NamedTuple):
    """What the compiled loop reads; leading sizes are padded, so that similar trainings share a program."""

    descriptors: jax.Array  # [S, M, P]
    kernels: jax.Array  # [S, K, P, P] float16, or [S, 0]
    structure: jax.Array  # [B]
    state: jax.Array  # [B, F]
    offset: jax.Array  # [B] added to the output
    scale: jax.Array  # [B] weight of the squared error
    labels: jax.Array  # [B, P]
    statistics: losses.LabelStatistics
    batches: jax.Array  # number of batches before padding


@dataclass(frozen=True)
class Stream:
    """Data of which only blocks of ``capacity`` batches are in memory at a time.

    ``rest`` lacks descriptors ``[S, P, M]`` and kernels ``[S, K, P, P]``, which are read block by block;
    ``structure`` is that of each batch, ``limit`` the network's ``input_limit``.
    """

    rest: Batches
    descriptors: NDArray | Rows
    kernels: NDArray | None
    structure: NDArray[np.int32]
    limit: float | None
    capacity: int

    def blocks(self, order: NDArray, phase: int) -> Iterator[tuple[NDArray, Batches]]:
        """Batches in the given order, block by block, with numbers of structures of the block's own."""
        _, particles, columns = self.descriptors.shape
        for begin in range(0, len(order), self.capacity):
            chosen = order[begin : begin + self.capacity]
            rows, local = np.unique(self.structure[chosen], return_inverse=True)
            inputs = np.zeros((self.capacity, columns, particles), np.float32)
            inputs[: len(rows)] = limited(self.descriptors[rows], self.limit).transpose(0, 2, 1)
            kernels = np.zeros((self.capacity, 0), np.float32)
            if phase == 2 and self.kernels is not None:
                kernels = np.zeros((self.capacity, *self.kernels.shape[1:]), np.float16)
                kernels[: len(rows)] = self.kernels[rows]
            structure = np.zeros(len(self.rest.structure), np.int32)
            structure[chosen] = local
            padded = np.zeros(self.capacity, np.int32)
            padded[: len(chosen)] = chosen
            yield padded, self.rest._replace(
                descriptors=jnp.asarray(inputs), kernels=jnp.asarray(kernels),
                structure=jnp.asarray(structure), batches=jnp.asarray(len(chosen)),
            )  # fmt: skip


def blocks(data: Batches | Stream, order: NDArray, phase: int) -> Iterator[tuple[NDArray, Batches]]:
    """One epoch's batches in order, as pieces that are in memory."""
    if isinstance(data, Stream):
        yield from data.blocks(order, phase)
        return
    padded = np.zeros(len(data.structure), np.int32)
    padded[: len(order)] = order
    # phase 1 reads no kernels: leave them out, so that its program does not depend on their shape
    yield padded, data if phase == 2 else data._replace(kernels=jnp.zeros((len(data.descriptors), 0)))


def prepare(
    given: TrainingSet, state_features: StateFeatures, architecture: AnyArchitecture,
    settings: TrainingSettings, with_kernels: bool, memory: float = np.inf,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Batches | Stream:  # fmt: skip
    """Arrays for the compiled loops, padded; the sets that are only watched carry no kernels."""
    structures, batches = len(given.descriptors), given.batches
    _, particles, columns = given.descriptors.shape
    rings = len(settings.correlation_radii)
    statistics = [np.ones(batches, np.float32), np.ones(batches, np.float32),
                  np.zeros((batches, rings), np.float32), np.ones(batches, np.float32)]  # fmt: skip
    each = 4.0 * particles * columns + (2.0 * rings * particles**2 if with_kernels else 0.0)
    streamed = isinstance(given.descriptors, Rows) or _padded(structures) * each > memory
    rows = structures if streamed else _padded(structures)
    kernels = np.zeros((rows, 0), np.float16)
    if with_kernels:
        shape = (rows, rings, particles, particles)
        folder = scratch_folder(checkpoint)
        kernels = on_disk(shape, np.float16, folder) if streamed else np.zeros(shape, np.float16)
    denoised = settings.label_noise == "removed"
    for s in range(structures):
        mine = np.flatnonzero(given.structure == s)
        kernel = None
        if with_kernels:
            kernel = losses.correlation_kernels(
                given.positions[s], given.box_length, settings.correlation_radii, settings.correlation_width
            )
            kernels[s] = kernel
        if len(mine):
            halves = given.halves[mine] if denoised and given.halves is not None else None
            found = losses.label_statistics(given.labels[mine], kernel, rings, halves)
            for all_, some in zip(statistics, found, strict=True):
                all_[mine] = some
    length = _padded(batches)
    scale = np.ones(batches) if settings.error_scale == "none" else 1.0 / label_variance(given)
    offset = given.c_b if architecture.output == "deviation" else np.zeros(batches)
    inputs, held = np.zeros((0, columns, particles), np.float32), np.zeros((0, 0), np.float16)
    if not streamed:
        seen = limited(np.asarray(given.descriptors), architecture.input_limit)
        inputs, held = np.ascontiguousarray(seen.transpose(0, 2, 1)), kernels
    data = Batches(
        _pad(inputs, 0 if streamed else rows),
        jnp.asarray(held),
        _pad(given.structure, length),
        _pad(state_features(given.temperature, given.c_b), length),
        _pad(offset.astype(np.float32), length),
        _pad(scale.astype(np.float32), length),
        _pad(given.labels, length),
        losses.LabelStatistics(*(_pad(v, length, 1.0) for v in statistics)),  # type: ignore[arg-type]
        jnp.asarray(batches),
    )
    if not streamed:
        return data
    capacity = int(np.clip(memory // (2.0 * each), 1, batches))
    return Stream(
        data, given.descriptors, kernels if with_kernels else None, given.structure, architecture.input_limit,
        capacity,
    )  # fmt: skip


def label_variance(given: TrainingSet) -> NDArray[np.float64]:
    """Variance of the labels at each batch's C_B, of the temperature where it is largest, ``[B]``.

    Extrapolated labels vary less than measured ones, the less so the worse they are: measured against their
    own variance, the worst would count most.
    """
    state, group = np.unique(np.stack([given.temperature, given.c_b]), axis=1, return_inverse=True)
    found = np.array([np.var(given.labels[group == k], dtype=np.float64) for k in range(state.shape[1])])
    largest = np.array([found[state[1] == c].max() for c in state[1]])
    return np.maximum(largest, losses.SMALLEST_VARIANCE)[group]


def thinned(given: TrainingSet | None, most: int) -> TrainingSet | None:
    """At most ``most`` batches, spread evenly, in memory."""
    if given is None or not given.batches:
        return None
    chosen = np.unique(np.linspace(0, given.batches - 1, most).round().astype(int))
    used, structure = np.unique(given.structure[chosen], return_inverse=True)
    return replace(
        given, descriptors=np.asarray(given.descriptors[used]), positions=given.positions[used],
        structure=structure.astype(np.int32), temperature=given.temperature[chosen],
        c_b=given.c_b[chosen], labels=given.labels[chosen],
        halves=None if given.halves is None else given.halves[chosen],
    )  # fmt: skip


def _padded(number: int) -> int:
    """Round up to three significant bits: at most a quarter more."""
    unit = 1 << max(0, number.bit_length() - 3)
    return -(-number // unit) * unit


def _pad(array: NDArray, length: int, fill: float = 0.0) -> jax.Array:
    if len(array) == length:
        return jnp.asarray(array)
    rest = np.full((length - len(array), *array.shape[1:]), fill, array.dtype)
    return jnp.asarray(np.concatenate([array, rest]))
