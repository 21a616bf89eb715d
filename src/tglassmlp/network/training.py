"""Training of an ensemble: all networks together, one compiled loop per epoch.

The networks share every batch, and differ by their start. So the descriptors of a batch are read once for all
networks, and the bottleneck of the whole ensemble is one matrix product. Training network k alone with the
same seeds gives the same network up to float32 rounding (the products are ordered differently).

Order of batches: a new random order each epoch, from the order seed and the number of the epoch, so that a
resumed training continues exactly. Optimiser: Adam, with a fresh state where the loss changes (the gradients
of the two losses differ by orders of magnitude).

Data that do not fit in memory stay on disk. Each epoch then goes through its batches, in the same order, in
blocks whose structures are loaded while the block before is learnt; the networks are the same.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from flax import nnx
from numpy.typing import NDArray

from tglassmlp.network import loss as losses
from tglassmlp.network.architecture import Architecture, limited
from tglassmlp.network.dataset import DATA_MEMORY, Rows, TrainingSet, on_disk, scratch_folder
from tglassmlp.network.model import GlassMLP, TGlassMLP
from tglassmlp.network.state_point import StatePoint
from tglassmlp.progress import Progress
from tglassmlp.provenance import fingerprint
from tglassmlp.simulation import checkpoint as checkpoints

__all__ = ["Trained", "TrainingSettings", "train"]

#: Networks that can be trained, by the name stored in their file.
KINDS = {"tglassmlp": TGlassMLP, "glassmlp": GlassMLP}
#: Validation batches looked at after each epoch, at most (spread evenly over all of them).
VALIDATION_BATCHES = 256


@dataclass(frozen=True)
class TrainingSettings:
    """Schedule and losses; the defaults are the paper's.

    Parameters
    ----------
    phase1, phase2
        Entries ``{"epochs": n, "rate": r}`` trained one after the other with the squared error and
        with :func:`tglassmlp.network.loss.structure_loss`.
    correlation_weight, variance_weight, correlation_radii, correlation_width
        Of the second loss.
    select_epoch
        ``"last"``: the networks after the last epoch, as in the paper; ``"validation"``: each network after
        the epoch of the last phase with its highest validation Pearson correlation.
    label_noise
        ``"removed"``: variance and correlations that phase 2 aims at are those between halves of the
        replicas, free of the noise of their finite number; ``"ignored"``: those of the labels as they are
        (the paper), which makes predictions too heterogeneous when replicas are few.
    rate_decay
        ``"none"``: every entry keeps its rate; ``"cosine"``: within each entry the rate rises linearly over
        the first twentieth of its epochs and falls along half a cosine to zero.
    error_scale
        What the squared error of phase 1 is measured against: ``"none"``, as in the paper, or
        ``"variance"``, the variance of the training labels at the same C_B (see :func:`_label_variance`).
    minimum_steps
        If phase 1 has fewer optimisation steps (batches times epochs), all epochs are multiplied by the
        smallest whole number that gives it this many: networks of few structures learn as long as others.
    weight_decay
        Decoupled decay of the matrices: each step takes rate times this share off them (AdamW); 0: Adam.
    checkpoint_seconds
        Time between checkpoints.
    """

    phase1: tuple[tuple[int, float], ...] = ((10, 1e-3), (50, 5e-4), (25, 2e-4))
    phase2: tuple[tuple[int, float], ...] = ((50, 4e-5),)
    correlation_weight: float = 0.5
    variance_weight: float = 1.0
    correlation_radii: tuple[float, ...] = (2.0, 5.0, 8.0)
    correlation_width: float = 1.0
    select_epoch: str = "last"
    label_noise: str = "removed"
    rate_decay: str = "none"
    error_scale: str = "none"
    minimum_steps: int = 0
    weight_decay: float = 0.0
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        for name in ("phase1", "phase2"):
            entries = tuple(
                (int(e["epochs"]), float(e["rate"])) if isinstance(e, Mapping) else (int(e[0]), float(e[1]))
                for e in getattr(self, name)
            )
            if any(n < 0 or rate <= 0 for n, rate in entries):
                raise ValueError(f"{name} needs epochs >= 0 and rates > 0, found {entries}")
            object.__setattr__(self, name, entries)
        object.__setattr__(self, "correlation_radii", tuple(map(float, self.correlation_radii)))
        if self.select_epoch not in ("last", "validation"):
            raise ValueError(f"select_epoch must be 'last' or 'validation', found {self.select_epoch!r}")
        if self.label_noise not in ("ignored", "removed"):
            raise ValueError(f"label_noise must be 'ignored' or 'removed', found {self.label_noise!r}")

        if self.rate_decay not in ("none", "cosine"):
            raise ValueError(f"rate_decay must be 'none' or 'cosine', found {self.rate_decay!r}")
        if self.error_scale not in ("none", "variance"):
            raise ValueError(f"error_scale must be 'none' or 'variance', found {self.error_scale!r}")

    @classmethod
    def from_settings(cls, section: Mapping[str, Any]) -> TrainingSettings:
        """Take the keys that concern one training from the run's ``training`` section."""
        return cls(**{f.name: section[f.name] for f in fields(cls) if f.name in section})

    def schedule(self, batches: int) -> list[tuple[int, float]]:
        """``(phase, rate)`` of every epoch of a training with so many batches."""
        steps = batches * sum(epochs for epochs, _ in self.phase1)
        factor = max(1, math.ceil(self.minimum_steps / steps)) if steps else 1
        decay = _cosine if self.rate_decay == "cosine" else _constant
        return [
            (phase, rate)
            for phase, entries in ((1, self.phase1), (2, self.phase2))
            for epochs, highest in entries
            for rate in decay(factor * epochs, highest)
        ]


def _constant(epochs: int, rate: float) -> list[float]:
    return [rate] * epochs


def _cosine(epochs: int, highest: float) -> list[float]:
    """Rates of the epochs of one entry: a short rise, then half a cosine."""
    when = (np.arange(epochs) + 0.5) / max(epochs, 1)
    return (highest * np.minimum(1.0, 20.0 * when) * 0.5 * (1.0 + np.cos(np.pi * when))).tolist()


@dataclass(frozen=True)
class Trained:
    """Result of :func:`train`.

    Parameters
    ----------
    parameters
        ``name -> [networks, ...]`` float32.
    history
        Long table (epoch, phase, rate, network, loss, pearson, validation_loss, validation_pearson). ``loss``
        and ``pearson`` are means over the epoch's batches as they were met, the validation columns are taken
        after the epoch (NaN without validation set); ``validation_loss`` is the mean absolute error over
        the labels' standard deviation.
    n_parameters
        Learnable numbers of one network.
    """

    parameters: dict[str, NDArray[np.float32]]
    history: pd.DataFrame
    n_parameters: int


class _Data(NamedTuple):
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
class _Stream:
    """Data of which only blocks of ``capacity`` batches are in memory at a time.

    ``rest`` lacks descriptors ``[S, P, M]`` and kernels ``[S, K, P, P]``, which are read block by block;
    ``structure`` is that of each batch, ``limit`` the network's ``input_limit``.
    """

    rest: _Data
    descriptors: NDArray | Rows
    kernels: NDArray | None
    structure: NDArray[np.int32]
    limit: float | None
    capacity: int

    def blocks(self, order: NDArray, phase: int) -> Iterator[tuple[NDArray, _Data]]:
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


def train(
    training: TrainingSet,
    validation: TrainingSet | None,
    state_point: StatePoint,
    seeds: Sequence[np.random.SeedSequence],
    order_seed: np.random.SeedSequence,
    architecture: Architecture | None = None,
    settings: TrainingSettings | None = None,
    kind: str = "tglassmlp",
    label: str = "training",
    checkpoint: str | os.PathLike[str] | None = None,
    status_file: str | os.PathLike[str] | None = None,
    epochs_per_call: int | None = None,
    memory: float = DATA_MEMORY,
    blind: int = 0,
) -> Trained | None:
    """Train one network for each seed.

    Parameters
    ----------
    training, validation
        Batches to learn from and to watch (None or without batches: nothing is watched).
    state_point
        Features of a state point.
    seeds
        One for each network; decides its start.
    order_seed
        Decides the order of the batches, shared by all networks.
    architecture, settings
        Defaults: the paper's.
    kind
        ``"tglassmlp"`` or ``"glassmlp"``.
    label
        Name on the progress lines.
    checkpoint
        File to resume from and to keep while training. It stays after the end, for a caller that may yet fail
        and be called again; the caller removes it.
    status_file
        See :class:`tglassmlp.progress.Progress`.
    epochs_per_call
        Stop after so many epochs with a checkpoint written and None returned (a planned interruption).
    memory
        Bytes that descriptors and correlation kernels may take; beyond it they stay on disk, beside the
        checkpoint, and blocks of half of this are loaded in turn. It does not change the networks.
    blind
        So many networks, the last ones, are not told the temperature: their weights of the functions of the
        state point that hold T are zero and stay so.

    Raises
    ------
    ValueError
        If there is nothing to train on, or a loss stops being finite.
    """
    architecture = architecture or Architecture()
    settings = settings or TrainingSettings()
    if training.batches == 0 or not seeds:
        raise ValueError(
            f"{label}: {training.batches} batches and {len(seeds)} networks, both must be at least 1"
        )
    schedule = settings.schedule(training.batches)
    make = KINDS[kind]
    mean = float(training.labels.mean()) if architecture.output == "propensity" else 0.0
    models = [
        make(training.descriptors.shape[2], architecture, np.random.default_rng(s), mean) for s in seeds
    ]
    network = _Network.of(models[0])
    learnt = network.sighted(architecture.state_features, len(seeds), blind)
    parameters = jnp.asarray(np.stack([network.ravel(m) for m in models]) * learnt)
    size = parameters.shape[1]
    print(
        f"[{label}] {len(seeds)} networks of {size} parameters, {training.batches} batches of "
        f"{training.labels.shape[1]} particles, {len(schedule)} epochs",
        flush=True,
    )
    data = _prepare(
        training, state_point, architecture, settings, bool(settings.phase2), memory, checkpoint
    )  # fmt: skip
    if isinstance(data, _Stream):
        print(
            f"[{label}] data of {len(training.descriptors)} structures exceed {memory / 1e9:.3g} GB: "
            f"streamed from disk in blocks of {data.capacity}",
            flush=True,
        )
    watched = _thinned(validation, VALIDATION_BATCHES)
    watch: _Data | None = None
    if watched is not None:
        looked_at = _prepare(watched, state_point, architecture, settings, with_kernels=False)
        assert isinstance(looked_at, _Data)
        watch = looked_at
    order_words = order_seed.generate_state(4)
    state = _State(parameters, _ADAM.init(parameters), 0, [], parameters, np.full(len(seeds), -np.inf))
    mark = fingerprint(
        {
            "settings": repr(settings), "architecture": repr(architecture), "state": state_point.as_record(),
            "kind": kind, "blind": blind, "seeds": [str(s) for s in seeds], "order": str(order_seed),
            "data": [
                sum(float(np.sum(row, dtype=np.float64)) for row in a)
                for a in (training.descriptors, training.labels)
            ],
            "batches": training.batches,
        }
    )  # fmt: skip
    if checkpoint is not None:
        state = _restore(checkpoint, mark, state)
    progress = Progress(label, len(schedule) * training.batches * len(seeds), "network steps", status_file)
    progress.resume(state.epoch * training.batches * len(seeds))
    saved, begun = time.monotonic(), state.epoch
    while state.epoch < len(schedule):
        if epochs_per_call is not None and state.epoch - begun >= epochs_per_call:
            _save(checkpoint, mark, state)
            return None
        state = _epoch(
            network, state, schedule, order_words, training.batches, data, watch, settings, label, learnt
        )  # fmt: skip
        last = state.history[-1]
        progress.advance(
            training.batches * len(seeds),
            f"epoch {state.epoch}/{len(schedule)}, loss {last[0].mean():.4f}, Pearson {last[1].mean():.3f}"
            + (f", validation {last[3].mean():.3f}" if watch is not None else ""),
        )
        if checkpoint is not None and time.monotonic() - saved >= settings.checkpoint_seconds:
            _save(checkpoint, mark, state)
            saved = time.monotonic()
    progress.finish()
    chosen = state.best if settings.select_epoch == "validation" and watch is not None else state.parameters
    _save(checkpoint, mark, state)
    return Trained(network.named(np.asarray(chosen)), _history(state.history, schedule), size)


_ADAM = optax.scale_by_adam()


@dataclass(frozen=True)
class _State:
    """Where a training stands after a whole number of epochs."""

    parameters: jax.Array  # [n, D]
    optimizer: Any
    epoch: int
    history: list[NDArray]  # one [4, n] each epoch
    best: jax.Array  # [n, D]
    best_score: NDArray


def _epoch(
    network: _Network, state: _State, schedule: list[tuple[int, float]], order_words: NDArray, batches: int,
    data: _Data | _Stream, watch: _Data | None, settings: TrainingSettings, label: str, learnt: NDArray,
) -> _State:  # fmt: skip
    """One epoch and the look at the validation set after it."""
    phase, rate = schedule[state.epoch]
    optimizer = state.optimizer
    if state.epoch and schedule[state.epoch - 1][0] != phase:
        optimizer = _ADAM.init(state.parameters)
    generator = np.random.default_rng([*map(int, order_words), state.epoch])
    order = generator.permutation(batches).astype(np.int32)
    weights = (settings.correlation_weight, settings.variance_weight)
    parameters, sums = state.parameters, _no_sums(state.parameters)
    for some, block in _blocks(data, order, phase):
        last = sums
        parameters, optimizer, seen = _run_epoch(
            network, phase, weights, parameters, optimizer, rate, settings.weight_decay, learnt, some, block
        )
        sums = last + seen
        jax.block_until_ready(last)  # the next block is loaded while this one is learnt, but no third
    row = np.full((4, len(state.best_score)), np.nan, np.float32)
    row[:2] = np.asarray(sums) / batches
    if not np.all(np.isfinite(row[:2])):
        raise ValueError(
            f"{label}: the loss is no longer finite in epoch {state.epoch + 1} (phase {phase}, rate {rate:g})"
            f" for networks {np.flatnonzero(~np.isfinite(row[0])).tolist()}; lower the rate"
        )
    best, score = state.best, state.best_score
    if watch is not None:
        row[2:] = np.asarray(_evaluate(network, parameters, watch))
        if settings.select_epoch == "validation" and phase == schedule[-1][0]:
            better = row[3] > score
            best = jnp.where(better[:, None], parameters, best)
            score = np.where(better, row[3], score)
    return _State(parameters, optimizer, state.epoch + 1, [*state.history, row], best, score)


def _blocks(data: _Data | _Stream, order: NDArray, phase: int) -> Iterator[tuple[NDArray, _Data]]:
    """One epoch's batches in order, as pieces that are in memory."""
    if isinstance(data, _Stream):
        yield from data.blocks(order, phase)
        return
    padded = np.zeros(len(data.structure), np.int32)
    padded[: len(order)] = order
    # phase 1 reads no kernels: leave them out, so that its program does not depend on their shape
    yield padded, data if phase == 2 else data._replace(kernels=jnp.zeros((len(data.descriptors), 0)))


@dataclass(frozen=True)
class _Network:
    """Shape of a network: turns its parameters into one row of numbers and back.

    The optimiser then works on one matrix ``[networks, parameters]``, a single pass over memory.
    """

    graph: Any
    tree: Any
    shapes: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, model: nnx.Module) -> _Network:
        graph, state = nnx.split(model)
        paths, tree = jax.tree_util.tree_flatten_with_path(state)
        names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in paths]
        shapes = tuple(np.shape(leaf) for _, leaf in paths)
        return cls(graph, tree, shapes, tuple(names))

    @staticmethod
    def ravel(model: nnx.Module) -> NDArray[np.float32]:
        """Parameters of one network, ``[D]``."""
        return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(nnx.split(model)[1])])

    def unravel(self, rows: jax.Array) -> Any:
        """Parameters of the ensemble as the model's tree, from ``[n, D]``."""
        cuts = np.cumsum([0, *(math.prod(s) for s in self.shapes)])
        pieces = zip(cuts, cuts[1:], self.shapes, strict=False)
        leaves = [rows[:, a:b].reshape(-1, *shape) for a, b, shape in pieces]
        return jax.tree.unflatten(self.tree, leaves)

    def matrices(self) -> NDArray[np.float32]:
        """1 for the entries of matrices, 0 for biases, ``[D]``."""
        parts = zip(self.shapes, self.names, strict=True)
        return np.concatenate([np.full(math.prod(s), "bias" not in n, np.float32) for s, n in parts])

    def sighted(self, features: Sequence[str], networks: int, blind: int) -> NDArray[np.float32]:
        """0 for the weights of functions of T in the last ``blind`` networks, 1 elsewhere, ``[n, D]``."""
        hidden = ["T" in name for name in features]
        parts = []
        for shape, name in zip(self.shapes, self.names, strict=True):
            part = np.ones(shape, np.float32)
            if name.startswith(("mlp1/layers/0/matrix", "mlp2/layers/0/matrix")):
                part[:, hidden] = 0.0
            parts.append(part.ravel())
        rows = np.ones((networks, sum(map(len, parts))), np.float32)
        rows[networks - blind :] = np.concatenate(parts)
        return rows

    def named(self, rows: NDArray) -> dict[str, NDArray[np.float32]]:
        """Parameters of the ensemble by readable name, e.g. ``mlp1/layers/0/matrix``."""
        leaves, _ = jax.tree_util.tree_flatten_with_path(self.unravel(jnp.asarray(rows)))
        return {
            jax.tree_util.keystr(path, simple=True, separator="/").removesuffix("/value"): np.asarray(leaf)
            for path, leaf in leaves
        }


def _predict(network: _Network, parameters: Any, data: _Data, b: jax.Array) -> jax.Array:
    """Predictions of all networks for batch ``b``: ``[n, P]``."""
    x, s = data.descriptors[data.structure[b]], data.state[b]
    return jax.vmap(lambda p: nnx.merge(network.graph, p)(x, s))(parameters) + data.offset[b]


def ensemble_loss(
    network: _Network, parameters: Any, data: _Data, b: jax.Array, phase: int, weights: tuple[float, float]
) -> tuple[jax.Array, jax.Array]:  # fmt: skip
    """Sum of the losses for batch ``b`` (its gradient is each network's own), and ``[2, n]`` (loss, r)."""
    predicted = _predict(network, parameters, data, b)
    labels = data.labels[b]
    if phase == 1:
        each = losses.mean_squared_error(predicted, labels) * data.scale[b]
    else:
        kernels = data.kernels[data.structure[b]]
        statistics = losses.LabelStatistics(*(v[b] for v in data.statistics))
        each = losses.structure_loss(predicted, labels, statistics, kernels, *weights)
    return jnp.sum(each), jnp.stack([each, losses.pearson(predicted, labels)])


@partial(jax.jit, static_argnums=(0, 1, 2))
def _run_epoch(
    network: _Network, phase: int, weights: tuple[float, float],
    parameters: jax.Array, optimizer: Any, rate: float, decay: float, learnt: NDArray, order: NDArray,
    data: _Data,
) -> tuple[jax.Array, Any, jax.Array]:  # fmt: skip
    """All steps of one epoch, and the sums of :func:`ensemble_loss`'s second value over them."""

    def step(i: jax.Array, carry: tuple[jax.Array, Any, jax.Array]) -> tuple[jax.Array, Any, jax.Array]:
        parameters, optimizer, sums = carry
        gradient = jax.grad(ensemble_loss, argnums=1, has_aux=True)
        tree = network.unravel(parameters)
        slope, seen = gradient(network, tree, data, order[i], phase, weights)
        rows = [leaf.reshape(len(leaf), -1) for leaf in jax.tree.leaves(slope)]
        direction, optimizer = _ADAM.update(jnp.concatenate(rows, axis=1), optimizer)
        direction = direction + decay * network.matrices() * parameters
        return parameters - rate * learnt * direction, optimizer, sums + seen

    # the number of steps is traced, so that padded sets of different length share one program
    start = (parameters, optimizer, _no_sums(parameters))
    return jax.lax.fori_loop(0, data.batches, step, start)


@partial(jax.jit, static_argnums=0)
def _evaluate(network: _Network, parameters: jax.Array, data: _Data) -> jax.Array:
    """Mean over batches of (MAE/std, Pearson) of every network, ``[2, n]``."""
    tree = network.unravel(parameters)

    def look(b: jax.Array, sums: jax.Array) -> jax.Array:
        predicted, labels = _predict(network, tree, data, b), data.labels[b]
        error = jnp.mean(jnp.abs(predicted - labels), axis=1) / data.statistics.deviation[b]
        return sums + jnp.stack([error, losses.pearson(predicted, labels)])

    return jax.lax.fori_loop(0, data.batches, look, _no_sums(parameters)) / data.batches


def _no_sums(parameters: jax.Array) -> jax.Array:
    return jnp.zeros((2, len(parameters)), jnp.float32)


def _prepare(
    given: TrainingSet, state_point: StatePoint, architecture: Architecture, settings: TrainingSettings,
    with_kernels: bool, memory: float = np.inf, checkpoint: str | os.PathLike[str] | None = None,
) -> _Data | _Stream:  # fmt: skip
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
    scale = np.ones(batches) if settings.error_scale == "none" else 1.0 / _label_variance(given)
    offset = given.c_b if architecture.output == "deviation" else np.zeros(batches)
    inputs, held = np.zeros((0, columns, particles), np.float32), np.zeros((0, 0), np.float16)
    if not streamed:
        seen = limited(np.asarray(given.descriptors), architecture.input_limit)
        inputs, held = np.ascontiguousarray(seen.transpose(0, 2, 1)), kernels
    data = _Data(
        _pad(inputs, 0 if streamed else rows),
        jnp.asarray(held),
        _pad(given.structure, length),
        _pad(state_point(given.temperature, given.c_b), length),
        _pad(offset.astype(np.float32), length),
        _pad(scale.astype(np.float32), length),
        _pad(given.labels, length),
        losses.LabelStatistics(*(_pad(v, length, 1.0) for v in statistics)),  # type: ignore[arg-type]
        jnp.asarray(batches),
    )
    if not streamed:
        return data
    capacity = int(np.clip(memory // (2.0 * each), 1, batches))
    return _Stream(
        data, given.descriptors, kernels if with_kernels else None, given.structure, architecture.input_limit,
        capacity,
    )  # fmt: skip


def _label_variance(given: TrainingSet) -> NDArray[np.float64]:
    """Variance of the labels at each batch's C_B, of the temperature where it is largest, ``[B]``.

    Extrapolated labels vary less than measured ones, the less so the worse they are: measured against their
    own variance, the worst would count most.
    """
    state, group = np.unique(np.stack([given.temperature, given.c_b]), axis=1, return_inverse=True)
    found = np.array([np.var(given.labels[group == k], dtype=np.float64) for k in range(state.shape[1])])
    largest = np.array([found[state[1] == c].max() for c in state[1]])
    return np.maximum(largest, losses.SMALLEST_VARIANCE)[group]


def _thinned(given: TrainingSet | None, most: int) -> TrainingSet | None:
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


def _history(rows: Sequence[NDArray], schedule: Sequence[tuple[int, float]]) -> pd.DataFrame:
    """Long table of what was recorded after each epoch."""
    table = np.asarray(rows, dtype=np.float64).reshape(len(rows), 4, -1)
    epochs, _, networks = table.shape
    phase, rate = np.array(schedule[:epochs]).reshape(epochs, 2).T
    return pd.DataFrame(
        {
            "epoch": np.repeat(np.arange(1, epochs + 1), networks),
            "phase": np.repeat(phase.astype(int), networks),
            "rate": np.repeat(rate, networks),
            "network": np.tile(np.arange(networks), epochs),
            **{
                name: table[:, k].ravel()
                for k, name in enumerate(("loss", "pearson", "validation_loss", "validation_pearson"))
            },
        }
    )


def _save(path: str | os.PathLike[str] | None, mark: str, state: _State) -> None:
    """Write everything the rest of a training depends on."""
    if path is None:
        return
    arrays: dict[str, NDArray] = {"history": np.asarray(state.history), "best_score": state.best_score}
    for name in ("parameters", "optimizer", "best"):
        for k, leaf in enumerate(jax.tree.leaves(getattr(state, name))):
            arrays[f"{name}/{k}"] = np.asarray(leaf)
    checkpoints.save(path, arrays, {"epoch": state.epoch}, mark)


def _restore(path: str | os.PathLike[str], mark: str, fresh: _State) -> _State:
    """Read a state, or return the fresh one if there is no file."""
    found = checkpoints.load(path, mark)
    if found is None:
        return fresh
    arrays, record = found

    def tree(name: str) -> Any:
        like, structure = jax.tree.flatten(getattr(fresh, name))
        return jax.tree.unflatten(structure, [jnp.asarray(arrays[f"{name}/{k}"]) for k in range(len(like))])

    return _State(
        tree("parameters"), tree("optimizer"), int(record["epoch"]), list(arrays["history"]), tree("best"),
        arrays["best_score"],
    )  # fmt: skip
