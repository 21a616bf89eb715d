r"""Losses of the two training phases, for an ensemble of networks at once.

Phase 1 is the mean squared error. Phase 2 is, for one structure (the batch),

.. math::

    \frac{\langle |C - \hat C| \rangle}{\mathrm{std}(C)}
    + w_G \sum_{k} \frac{|G_k(C) - G_k(\hat C)|}{|G_1(C) - G_K(C)|}
    + w_V \frac{|\mathrm{Var}(\hat C) - \mathrm{Var}(C)|}{\mathrm{Var}(C)},

    G_k(C) = \frac{1}{\sum_i d_i^2} \sum_i d_i
             \frac{\sum_j w_k(r_{ij}) d_j}{\sum_j w_k(r_{ij})},
    \qquad w_k(r) = e^{-(r - r_k)^2 / (2 s^2)}, \qquad d_i = C_i - \langle C \rangle,

with :math:`w_G = 0.5`, :math:`w_V = 1`, :math:`r_k = 2, 5, 8`, :math:`s = 1` (Jung, Biroli, Berthier,
PRL 130, 238202 (2023), supplement). The sums over j include i.

G_k is a quadratic form, :math:`G_k = d^T K_k d / d^T d` with the symmetric matrix
:math:`K_{ij} = w_{ij} (1/s_i + 1/s_j) / 2`, :math:`s_i = \sum_j w_{ij}`. Its gradient needs the same product
:math:`K_k d` as its value, so one matrix product per kernel serves both, for all networks together.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import minimum_image
from tglassmlp.limits import OutOfRange

__all__ = [
    "LabelStatistics",
    "correlation_kernels",
    "correlations",
    "label_statistics",
    "mean_squared_error",
    "pearson",
    "structure_loss",
]

#: Smallest accepted spread of labels in one structure; keeps the ratios of phase 2 finite.
SMALLEST_VARIANCE = 1e-10
#: Smallest accepted difference |G_1 - G_K|: below it the term is measured against this number.
SMALLEST_CONTRAST = 1e-3
#: Weight of a ring below which it holds no particle, far from numbers whose inverse single precision lacks.
EMPTY_RING = 1e-20


class LabelStatistics(NamedTuple):
    """Numbers of the labels that phase 2 compares with, each ``[B]``; ``correlation`` ``[B, K]``."""

    deviation: NDArray[np.float32]
    variance: NDArray[np.float32]
    correlation: NDArray[np.float32]
    contrast: NDArray[np.float32]


def correlation_kernels(
    positions: NDArray, box_length: float, radii: tuple[float, ...] = (2.0, 5.0, 8.0), width: float = 1.0
) -> NDArray[np.float32]:
    """Symmetrised row-normalised kernels K_k of one structure, ``[K, P, P]`` float32.

    Parameters
    ----------
    positions
        Thermal positions of the central particles, ``[P, 2]``.
    box_length
        Periodic box; distances are minimum-image.
    radii, width
        Centres r_k and width s of the Gaussian rings. A particle whose ring holds none is correlated with
        none: its row is zero.

    Raises
    ------
    OutOfRange
        If the width is not positive, or a ring holds no particle around any.
    """
    if not (np.isfinite(width) and width > 0):
        raise OutOfRange("width", f"{width:g}", "a positive number")
    x = np.asarray(positions, dtype=np.float64)
    r = np.linalg.norm(minimum_image(x[:, None] - x[None], box_length), axis=-1).astype(np.float32)
    kernels = np.empty((len(radii), len(x), len(x)), np.float32)
    for k, radius in enumerate(radii):
        w = np.exp(-0.5 * ((r - np.float32(radius)) / np.float32(width)) ** 2)
        total = w.sum(axis=1, dtype=np.float64).astype(np.float32)
        held = total > EMPTY_RING
        if not held.any():
            raise OutOfRange(
                "radii",
                f"{radius:g} with a width of {width:g} in a box of {box_length:g}",
                "distances at which there are particles",
            )
        inverse = np.divide(np.float32(0.5), total, out=np.zeros_like(total), where=held)
        np.multiply(w, inverse[:, None] + inverse[None, :], out=kernels[k])
    return kernels


def correlations(deviations: jax.Array, kernels: jax.Array) -> jax.Array:
    """Spatial correlations G_k of deviations ``[n, P]`` with kernels ``[K, P, P]``: ``[n, K]``.

    A field without variance has G = 0.
    """
    count, particles, _ = kernels.shape
    flat = kernels.reshape(count * particles, particles).astype(deviations.dtype)
    # K is symmetric: d.Kd has the gradient 2 Kd, so the product is taken once and reused.
    product = jax.lax.stop_gradient(flat @ deviations.T).reshape(count, particles, -1)
    form = jnp.einsum("np,kpn->nk", deviations, product)
    form = 2.0 * form - jax.lax.stop_gradient(form)
    square = jnp.sum(deviations**2, axis=1, keepdims=True)
    return form / jnp.maximum(square, SMALLEST_VARIANCE)


def label_statistics(
    labels: NDArray, kernels: NDArray | None, rings: int = 3, halves: NDArray | None = None
) -> LabelStatistics:
    r"""Numbers of labels ``[B, P]`` of one structure, in double precision.

    Parameters
    ----------
    labels
        ``[B, P]``.
    kernels
        ``[K, P, P]``; without them the ``rings`` correlations are zero and their contrast is one.
    halves
        ``[B, 2, P]``, the same labels from two independent halves of the replicas. Given, the variance and
        the correlations are those between the halves, :math:`\mathrm{Cov}(C^{(1)}, C^{(2)})` and
        :math:`d^{(1)} K d^{(2)} / d^{(1)} d^{(2)}`, which the noise of a finite number of replicas does
        not enter on average; a batch whose covariance is not above a tenth of its variance keeps the
        plain numbers.
    """
    c = np.asarray(labels, dtype=np.float64)
    d = c - c.mean(axis=1, keepdims=True)
    variance = np.maximum(np.mean(d**2, axis=1), SMALLEST_VARIANCE)
    deviation = np.sqrt(variance)
    first, second = d, d
    if halves is not None:
        h = np.asarray(halves, dtype=np.float64)
        h = h - h.mean(axis=2, keepdims=True)
        usable = np.mean(h[:, 0] * h[:, 1], axis=1) > 0.1 * variance
        first = np.where(usable[:, None], h[:, 0], d)
        second = np.where(usable[:, None], h[:, 1], d)
        variance = np.maximum(np.mean(first * second, axis=1), SMALLEST_VARIANCE)
    if kernels is None:
        g, contrast = np.zeros((len(c), rings)), np.ones(len(c))
    else:
        product = [first @ np.asarray(kernel, dtype=np.float64) for kernel in kernels]
        g = np.stack([np.sum(second * row, axis=1) for row in product], axis=1)
        g /= (c.shape[1] * variance)[:, None]
        contrast = np.maximum(np.abs(g[:, 0] - g[:, -1]), SMALLEST_CONTRAST)
    return LabelStatistics(*(np.asarray(v, np.float32) for v in (deviation, variance, g, contrast)))


def mean_squared_error(predicted: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean squared error of predictions ``[n, P]`` against labels ``[P]``: ``[n]``."""
    return jnp.mean((predicted - labels) ** 2, axis=1)


def structure_loss(
    predicted: jax.Array,
    labels: jax.Array,
    statistics: LabelStatistics,
    kernels: jax.Array,
    correlation_weight: float = 0.5,
    variance_weight: float = 1.0,
) -> jax.Array:
    """Loss of phase 2 of predictions ``[n, P]`` against the labels ``[P]`` of one structure: ``[n]``."""
    d = predicted - jnp.mean(predicted, axis=1, keepdims=True)
    error = jnp.mean(jnp.abs(predicted - labels), axis=1) / statistics.deviation
    g = jnp.abs(correlations(d, kernels) - statistics.correlation)
    variance = jnp.abs(jnp.mean(d**2, axis=1) - statistics.variance) / statistics.variance
    return error + correlation_weight * jnp.sum(g, axis=1) / statistics.contrast + variance_weight * variance


def pearson(predicted: jax.Array, labels: jax.Array) -> jax.Array:
    """Pearson correlation of predictions ``[n, P]`` with labels ``[P]``: ``[n]``; 0 without variance."""
    a = predicted - jnp.mean(predicted, axis=1, keepdims=True)
    b = labels - jnp.mean(labels)
    norm = jnp.sqrt(jnp.sum(a**2, axis=1) * jnp.sum(b**2))
    return (a @ b) / jnp.maximum(norm, SMALLEST_VARIANCE)
