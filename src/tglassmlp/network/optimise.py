"""Training of an ensemble: all networks together, one compiled loop per epoch.

The networks share every batch, and differ by their start. So the descriptors of a batch are read once for all
networks, and the bottleneck of the whole ensemble is one matrix product. Training network k alone with the
same seeds gives the same network up to float32 rounding (the products are ordered differently).

Order of batches: a new random order each epoch, from the order seed and the number of the epoch, so that a
resumed training continues exactly. Optimiser: Adam, with a fresh state where the loss changes (the gradients
of the two losses differ by orders of magnitude).
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from flax import nnx
from numpy.typing import NDArray

from tglassmlp.network import loss as losses
from tglassmlp.network import models
from tglassmlp.network.data_stream import Batches, Stream, blocks, prepare, thinned
from tglassmlp.network.dataset import TrainingSet
from tglassmlp.network.layout import Layout
from tglassmlp.network.protocol import AnyArchitecture, Model
from tglassmlp.network.settings import Execution, TrainingSettings
from tglassmlp.network.state_features import StateFeatures
from tglassmlp.network.training_device import use_training_device
from tglassmlp.progress import Progress
from tglassmlp.provenance import fingerprint
from tglassmlp.simulation import checkpoint as checkpoints

__all__ = ["Trained", "ensemble_loss", "run_epoch", "train"]

#: Validation batches looked at after each epoch, at most (spread evenly over all of them).
VALIDATION_BATCHES = 256


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


def train(
    training: TrainingSet,
    validation: TrainingSet | None,
    state_features: StateFeatures,
    seeds: Sequence[np.random.SeedSequence],
    order_seed: np.random.SeedSequence,
    architecture: AnyArchitecture | None = None,
    settings: TrainingSettings | None = None,
    model: Model | None = None,
    execution: Execution | None = None,
    blind: int = 0,
) -> Trained | None:
    """Train one network for each seed.

    Parameters
    ----------
    training, validation
        Batches to learn from and to watch (None or without batches: nothing is watched).
    state_features
        Features of a state point.
    seeds
        One for each network; decides its start.
    order_seed
        Decides the order of the batches, shared by all networks.
    architecture, settings
        Defaults: the paper's.
    model
        What is trained; None: tGlassMLP.
    execution
        Where it is kept meanwhile, and what it is called.
    blind
        The temperature is hidden from this many networks, the last ones: their weights of the functions of
        the state point that hold T are zero and stay so.

    Returns
    -------
    Trained or None
        None if it was stopped after ``execution.epochs_per_call`` epochs.

    Raises
    ------
    ValueError
        If there is nothing to train on, or a loss stops being finite.
    RuntimeError
        If the environment asks for a device that JAX does not have.
    """
    use_training_device()
    model = model or models.named(models.DEFAULT)
    architecture = architecture or model.architecture({})
    settings, how = settings or TrainingSettings(), execution or Execution()
    label, checkpoint = how.label, how.checkpoint
    if training.batches == 0 or not seeds:
        raise ValueError(
            f"{label}: {training.batches} batches and {len(seeds)} networks, both must be at least 1"
        )
    schedule = settings.schedule(training.batches)
    mean = float(training.labels.mean()) if architecture.output == "propensity" else 0.0
    starts = [
        model.module(training.descriptors.shape[2], architecture, np.random.default_rng(s), mean)
        for s in seeds
    ]
    network = Layout.of(starts[0])
    learnt = network.sighted(model.state_matrices, architecture.state_features, len(seeds), blind)
    parameters = jnp.asarray(np.stack([network.ravel(m) for m in starts]) * learnt)
    size = parameters.shape[1]
    print(
        f"[{label}] {len(seeds)} networks of {size} parameters, {training.batches} batches of "
        f"{training.labels.shape[1]} particles, {len(schedule)} epochs",
        flush=True,
    )
    data = prepare(
        training, state_features, architecture, settings, bool(settings.phase2), how.memory, checkpoint
    )
    if isinstance(data, Stream):
        print(
            f"[{label}] data of {len(training.descriptors)} structures exceed {how.memory / 1e9:.3g} GB: "
            f"streamed from disk in blocks of {data.capacity}",
            flush=True,
        )
    watched = thinned(validation, VALIDATION_BATCHES)
    watch: Batches | None = None
    if watched is not None:
        looked_at = prepare(watched, state_features, architecture, settings, with_kernels=False)
        assert isinstance(looked_at, Batches)
        watch = looked_at
    order_words = order_seed.generate_state(4)
    state = _State(parameters, _ADAM.init(parameters), 0, [], parameters, np.full(len(seeds), -np.inf))
    mark = fingerprint(
        {
            "settings": repr(settings), "architecture": repr(architecture),
            "state": state_features.as_record(), "kind": model.name, "blind": blind,
            "seeds": [str(s) for s in seeds], "order": str(order_seed),
            "data": [
                sum(float(np.sum(row, dtype=np.float64)) for row in a)
                for a in (training.descriptors, training.labels)
            ],
            "batches": training.batches,
        }
    )  # fmt: skip
    if checkpoint is not None:
        state = _restore(checkpoint, mark, state)
    progress = Progress(
        label, len(schedule) * training.batches * len(seeds), "network steps", how.status_file
    )
    progress.resume(state.epoch * training.batches * len(seeds))
    saved, begun = time.monotonic(), state.epoch
    while state.epoch < len(schedule):
        if how.epochs_per_call is not None and state.epoch - begun >= how.epochs_per_call:
            _save(checkpoint, mark, state)
            return None
        state = _epoch(
            network, state, schedule, order_words, training.batches, data, watch, settings, label, learnt
        )
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
    network: Layout, state: _State, schedule: list[tuple[int, float]], order_words: NDArray, batches: int,
    data: Batches | Stream, watch: Batches | None, settings: TrainingSettings, label: str, learnt: NDArray,
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
    for some, block in blocks(data, order, phase):
        last = sums
        parameters, optimizer, seen = run_epoch(
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


def _predict(network: Layout, parameters: Any, data: Batches, b: jax.Array) -> jax.Array:
    """Predictions of all networks for batch ``b``: ``[n, P]``."""
    x, s = data.descriptors[data.structure[b]], data.state[b]
    return jax.vmap(lambda p: nnx.merge(network.graph, p)(x, s))(parameters) + data.offset[b]


def ensemble_loss(
    network: Layout, parameters: Any, data: Batches, b: jax.Array, phase: int, weights: tuple[float, float]
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
def run_epoch(
    network: Layout, phase: int, weights: tuple[float, float],
    parameters: jax.Array, optimizer: Any, rate: float, decay: float, learnt: NDArray, order: NDArray,
    data: Batches,
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
def _evaluate(network: Layout, parameters: jax.Array, data: Batches) -> jax.Array:
    """Mean over batches of (MAE/std, Pearson) of every network, ``[2, n]``."""
    tree = network.unravel(parameters)

    def look(b: jax.Array, sums: jax.Array) -> jax.Array:
        predicted, labels = _predict(network, tree, data, b), data.labels[b]
        error = jnp.mean(jnp.abs(predicted - labels), axis=1) / data.statistics.deviation[b]
        return sums + jnp.stack([error, losses.pearson(predicted, labels)])

    return jax.lax.fori_loop(0, data.batches, look, _no_sums(parameters)) / data.batches


def _no_sums(parameters: jax.Array) -> jax.Array:
    return jnp.zeros((2, len(parameters)), jnp.float32)


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
