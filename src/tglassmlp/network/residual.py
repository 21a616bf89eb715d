r"""What predictions leave open: a residual field of known variance and spatial correlation.

A prediction is a conditional mean, and structure does not decide everything that particles do at the
resolution of the descriptors. The propensity of particle i is written

.. math::

    C_i = \mu_i + \varepsilon_i, \qquad
    \langle \varepsilon_i^2 \rangle = \sigma^2 = A^2 (1 - r^2), \qquad
    \langle \varepsilon_i \varepsilon_j \rangle = \sigma^2 \, w \, e^{-r_{ij} / \xi} \quad (i \ne j),

with :math:`\mu_i` the mean field of the networks, the amplitude A and the share r of the contrast
(:mod:`tglassmlp.network.contrast`), so that both parts together vary as the dynamics do. The part w of the
variance is correlated in space over the length :math:`\xi`, the rest is not correlated at all. Both are
measured where there is dynamics, from the covariance of the residuals of two halves of the replicas, into
which the noise of their finite number does not enter on average, and continued by

.. math::

    \ln \xi = a_0 + a_1 (C_B - c_0) - a_2 \ln (T / T_0), \qquad
    \ln \frac{w}{1 - w} = b_0 + b_1 (C_B - c_0) - b_2 \ln (T / T_0).

Fields drawn from this Gaussian model have the heterogeneity of dynamics, not only that of its conditional
mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.optimize import least_squares
from scipy.special import expit

from tglassmlp.box import minimum_image, wrap

__all__ = ["BINS", "Correlations", "Residual", "drawn", "fit_residual", "pair_correlations"]

#: Edges of the distances at which residuals are correlated (sigma_11): from below the first neighbours on.
BINS: Final = np.arange(0.5, 10.01, 0.5)
#: Standard deviations of the prior of the coefficients a_1, a_2, b_0, b_1, b_2, about zero: no trend unless
#: data show one, and half of the variance correlated.
PRIOR: Final = (1.0, 1.0, 2.0, 1.0, 1.0)
#: Shortest correlation length, and the longest as a part of the box.
SHORTEST, LONGEST_SHARE = 0.3, 0.25
#: Points of the grid on which the correlated part is drawn, per correlation length.
POINTS_PER_LENGTH: Final = 8


@dataclass(frozen=True)
class Correlations:
    """Correlation of residuals at one state point.

    Parameters
    ----------
    temperature, c_b
        The state point.
    value
        ``[bins]``, covariance of both halves' residuals of pairs over that of the particles themselves.
    pairs
        ``[bins]``, number of pairs.
    """

    temperature: float
    c_b: float
    value: NDArray[np.float64]
    pairs: NDArray[np.float64]


def pair_correlations(
    residuals: NDArray, positions: NDArray, box_length: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Sum over pairs of the residuals of two halves of the replicas.

    Parameters
    ----------
    residuals
        ``[2, S, P]``, mean 0 over all structures.
    positions
        ``[S, P, 2]`` thermal positions in the periodic box.
    box_length
        Its side.

    Returns
    -------
    products, pairs, variance
        Sum over pairs of the products of the halves, and number of pairs, ``[structures, bins]`` of
        :data:`BINS`; mean product of the particles themselves.
    """
    a, b = np.asarray(residuals, dtype=np.float64)
    edges = BINS[0.5 * box_length >= BINS]
    shape = (len(a), len(BINS) - 1)
    products, pairs = np.zeros(shape), np.zeros(shape)
    for s, x in enumerate(positions):
        i, j = np.triu_indices(len(x), 1)
        r = np.hypot(*minimum_image(x[i] - x[j], box_length).T)
        place = np.digitize(r, edges) - 1
        inside = (place >= 0) & (place < len(edges) - 1)
        both = 0.5 * (a[s, i] * b[s, j] + a[s, j] * b[s, i])
        n = shape[1]
        products[s] = np.bincount(place[inside], both[inside], minlength=n)
        pairs[s] = np.bincount(place[inside], minlength=n)
    return products, pairs, float(np.mean(a * b))


@dataclass(frozen=True)
class Residual:
    """Spatial correlation of the residual field, as a networks file keeps it.

    Parameters
    ----------
    length, share
        Coefficients (a_0, a_1, a_2) of ln xi and (b_0, b_1, b_2) of ln(w / (1 - w)).
    temperature, c_b
        T_0 and c_0, the middle of what was measured.
    """

    length: tuple[float, float, float]
    share: tuple[float, float, float]
    temperature: float
    c_b: float

    def correlation_length(self, temperature: float, c_b: float, box_length: float = np.inf) -> float:
        """Length xi at a state point, within what a box can hold."""
        xi = np.exp(np.dot(self.length, self._features(temperature, c_b)))
        return float(np.clip(xi, SHORTEST, LONGEST_SHARE * box_length))

    def correlated_share(self, temperature: float, c_b: float) -> float:
        """Part w of the variance that is correlated in space."""
        return float(expit(np.dot(self.share, self._features(temperature, c_b))))

    def _features(self, temperature: float, c_b: float) -> NDArray[np.float64]:
        return np.array([1.0, c_b - self.c_b, -np.log(temperature / self.temperature)])

    def as_record(self) -> dict[str, Any]:
        """Plain record for the networks file."""
        return {
            "length": list(self.length),
            "share": list(self.share),
            "temperature": self.temperature,
            "c_b": self.c_b,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Residual:
        """Back from :meth:`as_record`."""
        a, b = ((float(r[0]), float(r[1]), float(r[2])) for r in (record["length"], record["share"]))
        return cls(a, b, float(record["temperature"]), float(record["c_b"]))


def fit_residual(found: Sequence[Correlations]) -> Residual:
    """Fit the spatial correlation of residuals to what was measured at several state points.

    Least squares of the correlations in all bins, weighted by the number of pairs; trends with C_B and T
    have a weak prior about none, so that a few structures do not make them up.

    Raises
    ------
    ValueError
        If there is no state point.
    """
    if not found:
        raise ValueError("no state point with residuals to correlate")
    middle = 0.5 * (BINS[1:] + BINS[:-1])
    points = np.array([(f.temperature, f.c_b) for f in found])
    t0, c0 = float(np.exp(np.mean(np.log(points[:, 0])))), float(np.mean(points[:, 1]))
    weight = np.sqrt(np.array([f.pairs for f in found], dtype=np.float64))
    value = np.array([f.value for f in found])
    features = np.stack([np.ones(len(points)), points[:, 1] - c0, -np.log(points[:, 0] / t0)], axis=1)
    # scatter of the distant bins: the unit of what is fitted, and so the weight of the prior beside it
    held = np.flatnonzero(weight.any(axis=0))
    scale = max(float(np.std((value * weight)[:, held[len(held) // 2 :]])), 1e-12)

    def misfit(p: NDArray[np.float64]) -> NDArray[np.float64]:
        xi = np.exp(np.clip(features @ p[:3], -3.0, 4.0))
        w = expit(features @ p[3:])
        rest = weight * (w[:, None] * np.exp(-middle / xi[:, None]) - value) / scale
        return np.concatenate([rest.ravel(), p[1:] / PRIOR])

    best = least_squares(misfit, np.array([0.7, 0.0, 0.0, 0.0, 0.0, 0.0]))
    a, b = best.x[:3].tolist(), best.x[3:].tolist()
    return Residual((a[0], a[1], a[2]), (b[0], b[1], b[2]), t0, c0)


def drawn(
    positions: NDArray, box_length: float, deviation: float, correlation_length: float, share: float,
    generator: np.random.Generator,
) -> NDArray[np.float64]:  # fmt: skip
    r"""Draw one residual field of a structure, ``[P]``.

    The correlated part has the covariance :math:`e^{-r/\xi}` in two dimensions, whose Fourier transform is
    proportional to :math:`(1 + q^2 \xi^2)^{-3/2}`. It is drawn on a grid of the periodic box, all wave
    vectors and the zero one included, and read off at the particles by cubic interpolation.

    Parameters
    ----------
    positions, box_length
        ``[P, 2]`` and side of the periodic box.
    deviation
        Standard deviation sigma of the whole.
    correlation_length, share
        Length xi, and part w of the variance that is correlated.
    generator
        Source of the random numbers.
    """
    n = int(np.clip(2 ** np.ceil(np.log2(POINTS_PER_LENGTH * box_length / correlation_length)), 16, 1024))
    q = 2.0 * np.pi * np.fft.fftfreq(n, box_length / n)
    power = (1.0 + correlation_length**2 * (q[:, None] ** 2 + q[None, : n // 2 + 1] ** 2)) ** -1.5
    white = np.fft.rfft2(generator.standard_normal((n, n)))
    field = np.fft.irfft2(white * np.sqrt(power), (n, n))
    both = power.sum() + power[:, 1 : n // 2].sum()  # the half plane that is left out
    at = wrap(np.asarray(positions, dtype=np.float64) / box_length, 1.0, 0.0).T * n
    smooth = map_coordinates(field, at, order=3, mode="grid-wrap") / np.sqrt(both / n**2)
    rough = generator.standard_normal(len(positions))
    return np.asarray(deviation * (np.sqrt(share) * smooth + np.sqrt(1.0 - share) * rough))
