"""Speed of ensemble training against one network at a time and against a plain Flax and Optax loop.

Rates are network steps (one network, one batch of 600 particles) per second of processor time: fair on a
shared machine.
"""

import contextlib
import io
import os
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
from benchmarks.scale import sized
from flax import nnx

from tglassmlp.network import loss as losses
from tglassmlp.network.architecture import Architecture
from tglassmlp.network.dataset import TrainingSet
from tglassmlp.network.flax_modules import TGlassMLP
from tglassmlp.network.optimise import train
from tglassmlp.network.settings import Execution, TrainingSettings
from tglassmlp.network.state_features import DEFAULT_STATE_FEATURES, StateFeatures

PARTICLES, DESCRIPTORS, BOX = sized(600, 60), 160, 32.8962
STRUCTURES, BATCHES, NETWORKS = sized((8, 48, 16), (2, 4, 2))
#: Epochs that are timed, after one that is not.
EPOCHS = sized(3, 1)
#: Steps of the plain loop.
STEPS = sized(60, 4)
STATE = StateFeatures.from_ranges(DEFAULT_STATE_FEATURES, [0.4, 0.15], [0.99, 0.075])
#: The paper's schedule: labelled state points of step 1 (all C_B together) and of step 2, structures, epochs.
PAPER = {"equi_time": 39, "full": 57, "structures": 150, "phase1": 85, "phase2": 50}


def batches(rng):
    """Random descriptors and labels of the paper's size."""
    return TrainingSet(
        rng.normal(size=(STRUCTURES, PARTICLES, DESCRIPTORS)).astype(np.float32),
        rng.random((STRUCTURES, PARTICLES, 2)) * BOX, BOX,
        (np.arange(BATCHES) % STRUCTURES).astype(np.int32), np.full(BATCHES, 0.3),
        np.full(BATCHES, 0.5), rng.random((BATCHES, PARTICLES)).astype(np.float32),
    )  # fmt: skip


def ensemble_rate(networks, phase, memory=np.inf):
    """Network steps per processor second of our training: a longer one beside a shorter one.

    Their difference leaves out what a training does once: reading, kernels, compilation.
    """
    data = batches(np.random.default_rng(0))
    seeds = [np.random.SeedSequence(k) for k in range(networks)]

    def seconds(epochs):
        phases = {1: (), 2: ()} | {phase: ((epochs, 1e-4),)}
        settings = TrainingSettings(phase1=phases[1], phase2=phases[2])
        start = time.process_time()
        silent = io.StringIO()
        with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
            how = Execution(memory=memory)
            train(data, None, STATE, seeds, seeds[0], settings=settings, execution=how)
        return time.process_time() - start

    seconds(1)  # this one compiles
    found = [seconds(1 + EPOCHS * sized(4, 1)) - seconds(1) for _ in range(sized(3, 1))]
    # an epoch of a toy is lost in the rest
    return networks * BATCHES * EPOCHS * sized(4, 1) / max(float(np.median(found)), 1e-3)


def plain_rate(phase, steps=STEPS, repeats=EPOCHS):
    """The same step of one network the usual way: nnx.Optimizer, one jitted step called from Python."""
    model = TGlassMLP(DESCRIPTORS, Architecture(), np.random.default_rng(0))
    optimizer = nnx.Optimizer(model, optax.adam(1e-4), wrt=nnx.Param)
    data = batches(np.random.default_rng(0))
    x = jnp.asarray(data.descriptors.transpose(0, 2, 1))
    y, s = jnp.asarray(data.labels), jnp.asarray(STATE(0.3, 0.5))
    kernels = [losses.correlation_kernels(p, BOX) for p in data.positions]
    statistics = [
        losses.label_statistics(data.labels[b][None], kernels[b % STRUCTURES]) for b in range(BATCHES)
    ]
    kernels = jnp.asarray(np.stack(kernels))

    @nnx.jit
    def step(model, optimizer, x, y, kernel, statistics):
        def loss(model):
            predicted = model(x, s)[None]
            if phase == 1:
                return losses.mean_squared_error(predicted, y)[0]
            return losses.structure_loss(predicted, y, statistics, kernel)[0]

        value, slope = nnx.value_and_grad(loss)(model)
        optimizer.update(model, slope)
        return value

    seconds = []
    for _ in range(repeats + 1):
        start = time.process_time()
        for i in range(steps):
            b = i % BATCHES
            value = step(model, optimizer, x[b % STRUCTURES], y[b], kernels[b % STRUCTURES], statistics[b])
        jax.block_until_ready(value)
        seconds.append(time.process_time() - start)
    return steps / float(np.median(seconds[1:]))


def rows():
    """Rows of the benchmark table."""
    table, cores, rate = [], 1, {}
    phases = sized((1, 2), (1,))
    for phase in phases:
        rate[phase] = ensemble_rate(NETWORKS, phase)
        for peer, value in (
            ("one network at a time, same code", ensemble_rate(1, phase)),
            ("plain Flax and Optax loop", plain_rate(phase)),
            ("data streamed from disk", ensemble_rate(NETWORKS, phase, memory=sized(20e6, 1e5))),
        ):
            table.append(
                {
                    "name": f"training of {NETWORKS} networks, phase {phase}", "value": rate[phase],
                    "unit": "network steps / cpu s", "cores": cores, "peer": peer, "peer_value": value,
                    "ratio": rate[phase] / value,
                }
            )  # fmt: skip
    points = PAPER["equi_time"] + PAPER["full"]
    steps = points * PAPER["structures"] * NETWORKS
    hours = sum(steps * PAPER[f"phase{p}"] / rate[p] for p in phases) / 3600
    paper = 24.0  # "about one day" on a laptop GPU, arXiv:2310.20252, section II E
    table.append(
        {
            "name": "paper's full schedule, one T_min, projected", "value": hours / 2, "unit": "h",
            "cores": 2,
            "peer": "paper, NVIDIA T600 laptop GPU", "peer_value": paper,
            "ratio": 2 * paper / hours,
        }
    )  # fmt: skip
    return table


if __name__ == "__main__":
    print(f"{os.cpu_count()} cores")
    for row in rows():
        print(
            f"{row['name']}: {row['value']:.4g} {row['unit']}; {row['peer']}: {row['peer_value']:.4g}, "
            f"ratio {row['ratio']:.3g}"
        )
