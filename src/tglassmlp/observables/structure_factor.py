r"""Dynamic structure factor and dynamic correlation length.

.. math::

    S_4(q) = \frac{1}{N_1} \left\langle \Big| \sum_i (C_i - \langle C \rangle)
             e^{i \mathbf q \cdot \mathbf r_i} \Big|^2 \right\rangle,
    \qquad \mathbf q = \frac{2\pi}{L} (n_x, n_y)

(equation 10), fitted at small q by the Ornstein-Zernike form (equation 11) or with a cubic term (12):

.. math::

    S_4(q) = \frac{\chi}{1 + (q \xi_4)^2 + (A q)^3}.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tglassmlp.box import wrap

__all__ = [
    "FORMS",
    "Fit",
    "Shells",
    "fit_structure_factor",
    "structure_factor_direct",
    "structure_factor_fft",
    "tile_memory",
]

#: Names of the fitted forms: equation (11), and (12) with its cubic term.
FORMS: Final = ("ornstein-zernike", "cubic")


@dataclass(frozen=True)
class Shells:
    """Wave vectors of a periodic box up to a largest q, gathered in shells of exactly equal length.

    Only one of q and -q is kept (a real field has the same modulus at both), the zero vector is left out.

    Parameters
    ----------
    box_length
        Side of the box.
    q_max
        Largest wave number.
    """

    box_length: float
    q_max: float

    @property
    def n_max(self) -> int:
        """Largest component of the integer wave vector."""
        return int(np.floor(self.q_max * self.box_length / (2 * np.pi) + 1e-9))

    def vectors(self) -> NDArray[np.intp]:
        """Integer wave vectors in the upper half plane, ``[V, 2]``."""
        n = self.n_max
        nx, ny = np.meshgrid(np.arange(-n, n + 1), np.arange(0, n + 1), indexing="ij")
        keep = (nx**2 + ny**2 <= (self.q_max * self.box_length / (2 * np.pi)) ** 2 + 1e-9) & (
            (ny > 0) | (nx > 0)
        )
        return np.stack([nx[keep], ny[keep]], axis=1)

    def on_tiles(self, tiles: int) -> NDArray[np.bool_]:
        """Mark the wave vectors ``[V]`` with the period of one of ``tiles`` x ``tiles`` tiles; none for 1."""
        v = self.vectors()
        return np.all(v % tiles == 0, axis=1) if tiles > 1 else np.zeros(len(v), dtype=bool)

    def gather(self, power: NDArray, leave_out: NDArray | None = None) -> tuple[NDArray, NDArray, NDArray]:
        """Average ``power`` ``[..., V]`` within shells, without the vectors marked in ``leave_out`` ``[V]``.

        Returns
        -------
        q
            ``[shells]`` wave numbers.
        mean
            ``[..., shells]``.
        modes
            ``[shells]`` number of independent wave vectors (q and -q count once).
        """
        v = self.vectors()
        if leave_out is not None:
            v, power = v[~leave_out], power[..., ~leave_out]
        square, inverse = np.unique((v**2).sum(axis=1), return_inverse=True)
        modes = np.bincount(inverse)
        member = sparse.csr_matrix(
            (1.0 / modes[inverse], (inverse, np.arange(len(v)))), shape=(len(square), len(v))
        )
        flat = power.reshape(-1, len(v))
        mean = np.asarray((member @ flat.T).T).reshape(*power.shape[:-1], len(square))
        return 2 * np.pi / self.box_length * np.sqrt(square), mean, modes


def structure_factor_direct(fields: NDArray, positions: NDArray, shells: Shells) -> NDArray[np.float64]:
    """|sum_i f_i exp(i q r_i)|^2 / n of each field at each wave vector, by the plain sum.

    The phases factorise, exp(i q r) = exp(i q_x x) exp(i q_y y), which makes the sum over particles one
    matrix product per field: O(n V), exact.

    Parameters
    ----------
    fields
        ``[F, n]`` deviations from the mean.
    positions
        ``[n, 2]``.
    shells
        Box and largest wave number.

    Returns
    -------
    ndarray
        ``[F, V]`` at ``shells.vectors()``.
    """
    v, n_max = shells.vectors(), shells.n_max
    angle = 2 * np.pi / shells.box_length * np.asarray(positions, dtype=np.float64)
    along_x = np.exp(1j * np.outer(np.arange(-n_max, n_max + 1), angle[:, 0]))
    along_y = np.exp(1j * np.outer(np.arange(0, n_max + 1), angle[:, 1]))
    out = np.empty((len(fields), len(v)))
    for k, field in enumerate(np.asarray(fields, dtype=np.float64)):
        amplitude = (along_x * field) @ along_y.T
        out[k] = np.abs(amplitude[v[:, 0] + n_max, v[:, 1]]) ** 2 / positions.shape[0]
    return out


def tile_memory(power: NDArray, shells: Shells, tiles: int) -> float:
    r"""Share w of the field's variance that the tiles of a tiled system still have in common.

    A part of the field that repeats from tile to tile has its power, tiles^2 times as high, at the wave
    vectors of the tile only: there the power is (1 + w tiles^2/(1 - w)) times that of the vectors around.

    Parameters
    ----------
    power
        ``[V]`` at ``shells.vectors()``.
    shells
        Box and largest wave number.
    tiles
        Tiles per side.

    Returns
    -------
    float
        Between 0 and 1; NaN without wave vectors to compare.
    """
    on = shells.on_tiles(tiles)
    q = 2 * np.pi / shells.box_length * np.hypot(*shells.vectors().T)
    ratios = []
    for k in np.flatnonzero(on):
        near = ~on & (np.abs(q / q[k] - 1) < 0.15)
        if near.sum() >= 4:
            ratios.append(power[k] / power[near].mean())
    if not ratios:
        return float("nan")
    excess = max(0.0, float(np.mean(ratios)) - 1)
    return excess / (excess + tiles**2)


def _spline(fraction: NDArray, order: int) -> NDArray[np.float64]:
    """Cardinal B-spline M_order at fraction + 0, ..., order - 1: ``[...]`` gives ``[..., order]``."""
    j = np.arange(order)
    x = np.asarray(fraction, dtype=np.float64)[..., None] + j
    value = np.zeros_like(x)
    value[..., 0] = 1.0
    for k in range(2, order + 1):
        shifted = np.concatenate([np.zeros_like(value[..., :1]), value[..., :-1]], axis=-1)
        value = (x * value + (k - x) * shifted) / (k - 1)
    return value


def structure_factor_fft(
    fields: NDArray, positions: NDArray, shells: Shells, order: int = 8, oversampling: float = 4.0
) -> NDArray[np.float64]:
    """Compute :func:`structure_factor_direct` by fast Fourier transform.

    Particles are spread onto a grid by B-splines of the given order (as in smooth particle-mesh Ewald);
    dividing by the spline's transform leaves an aliasing error that falls as a power of the oversampling
    (below 1e-6 with the defaults; checked against the direct sum in the tests). The cost is
    O(n order^2 + G log G) per field with G grid points.

    Parameters
    ----------
    fields, positions, shells
        As :func:`structure_factor_direct`.
    order
        Order of the splines, even.
    oversampling
        Grid points per shortest wave length.

    Returns
    -------
    ndarray
        ``[F, V]``.
    """
    from scipy import fft

    v = shells.vectors()
    grid = fft.next_fast_len(max(2 * order, int(np.ceil(oversampling * 2 * max(shells.n_max, 1)))), real=True)
    scaled = wrap(np.asarray(positions, dtype=np.float64) / shells.box_length, 1.0, 0.0) * grid
    base = np.floor(scaled).astype(np.intp)
    offset = np.arange(order)
    weight = _spline(scaled - base, order)  # [n, 2, order]
    cell = np.mod(base[:, :, None] - offset, grid)
    n = positions.shape[0]
    flat = (cell[:, 0, :, None] * grid + cell[:, 1, None, :]).reshape(n, -1)
    values = (weight[:, 0, :, None] * weight[:, 1, None, :]).reshape(n, -1)
    spread = sparse.csr_matrix(
        (values.ravel(), (flat.ravel(), np.repeat(np.arange(n), order * order))), shape=(grid * grid, n)
    )
    k = np.arange(order - 1)
    harmonic = np.arange(-shells.n_max, shells.n_max + 1)
    knots = _spline(np.zeros(()), order)[1:]
    transform = np.abs((knots * np.exp(2j * np.pi * np.outer(harmonic, k) / grid)).sum(axis=1)) ** 2
    correction = transform[v[:, 0] + shells.n_max] * transform[v[:, 1] + shells.n_max]
    out = np.empty((len(fields), len(v)))
    for f, field in enumerate(np.asarray(fields, dtype=np.float64)):
        amplitude = fft.rfft2((spread @ field).reshape(grid, grid))
        out[f] = np.abs(amplitude[v[:, 0] % grid, v[:, 1]]) ** 2 / correction / n
    return out


@dataclass(frozen=True)
class Fit:
    """Outcome of a fit of S_4(q).

    ``determined`` is False, and every value NaN, when the data cannot fix the parameters; ``reason`` says
    why. Errors come from the covariance matrix, scaled up by the square root of chi^2 per degree of
    freedom (``goodness``) where that exceeds one; ``covariance`` is that of (chi, xi_4^2[, A^3]).
    """

    form: str
    determined: bool
    reason: str
    chi: float = float("nan")
    chi_error: float = float("nan")
    xi: float = float("nan")
    xi_error: float = float("nan")
    a: float = float("nan")
    a_error: float = float("nan")
    goodness: float = float("nan")
    n_points: int = 0
    covariance: tuple[tuple[float, ...], ...] = ()


def _minimise(design: NDArray, s4: NDArray, modes: NDArray) -> tuple[NDArray, NDArray] | None:
    """Coefficients of 1/S_4 = design @ coefficients of the largest likelihood, and their covariance.

    The exponential distribution of the modes gives the negative log-likelihood
    sum_k m_k (s_k D_k - ln D_k) with D = 1/S_4, which is convex in the coefficients: damped Newton steps
    inside D > 0 find its only minimum. None if there is no finite one.
    """
    coefficients = np.zeros(design.shape[1])
    coefficients[0] = modes.sum() / (modes @ s4)

    def loss(c: NDArray) -> float:
        inverse = design @ c
        return float(modes @ (s4 * inverse - np.log(inverse))) if np.all(inverse > 0) else np.inf

    for _ in range(200):
        inverse = design @ coefficients
        gradient = design.T @ (modes * (s4 - 1 / inverse))
        information = (design.T * (modes / inverse**2)) @ design
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            return None
        decrement = float(gradient @ step)
        size, here = 1.0, loss(coefficients)
        while loss(coefficients - size * step) > here - 0.1 * size * decrement and size > 1e-12:
            size /= 2
        coefficients = coefficients - size * step
        if decrement < 1e-12 * modes.sum():
            return coefficients, np.linalg.inv(information)
    return None


def fit_structure_factor(
    q: NDArray,
    s4: NDArray,
    modes: NDArray,
    q_max: float,
    cubic: bool = False,
    longest: float | None = None,
    largest_relative_error: float = 0.5,
) -> Fit:
    r"""Fit S_4(q) at q < ``q_max`` by equation (11) or, with ``cubic``, (12).

    Each |Fourier amplitude|^2 is exponentially distributed about S_4, so a shell average over m
    independent modes has the error S_4/sqrt(m). The curve is that of the largest likelihood: unlike
    least squares with weights from the data, it does not favour shells that happen to lie low.

    Parameters
    ----------
    q, s4
        ``[shells]``.
    modes
        ``[shells]`` number of independent modes in each average (wave vectors times systems).
    q_max
        Largest wave number used.
    cubic
        Fit A as well.
    longest
        Longest correlation length that the box can hold (L/2); longer ones are refused.
    largest_relative_error
        A length with a larger relative error counts as undetermined.

    Returns
    -------
    Fit
        With ``determined=False`` and a reason instead of made-up numbers.
    """
    form = FORMS[cubic]
    use = (q < q_max) & np.isfinite(s4) & (s4 > 0)
    q, s4, modes = q[use], s4[use], np.asarray(modes, dtype=float)[use]
    n_parameters = 3 if cubic else 2
    n = int(q.size)

    def refused(reason: str, goodness: float = float("nan")) -> Fit:
        return Fit(form, False, reason, goodness=goodness, n_points=n)

    if n < n_parameters + 2:
        return refused(f"only {n} shells below q = {q_max:g}, {n_parameters + 2} are needed")
    powers = [0.0, 2.0, 3.0][:n_parameters]
    scale = float(q.max())
    found = _minimise(np.stack([(q / scale) ** p for p in powers], axis=1), s4, modes)
    if found is None:
        return refused("the fit does not converge")
    units = scale ** -np.array(powers)
    coefficients, covariance = found[0] * units, found[1] * np.outer(units, units)
    inverse = sum(c * q**p for c, p in zip(coefficients, powers, strict=True))
    goodness = float(modes @ (s4 * inverse - 1) ** 2 / (n - n_parameters))
    if coefficients[0] <= 0:
        return refused("S_4 has no finite limit at q = 0", goodness)
    # from 1/S_4 = c0 + c2 q^2 + c3 q^3 to chi = 1/c0, xi^2 = c2/c0, A^3 = c3/c0
    chi = 1.0 / float(coefficients[0])
    jacobian = np.diag([-(chi**2), chi, chi][:n_parameters])
    jacobian[1:, 0] = -coefficients[1:] * chi**2
    covariance = jacobian @ covariance @ jacobian.T * max(1.0, goodness)
    errors = np.sqrt(np.diag(covariance))
    xi2, xi2_error = float(coefficients[1]) * chi, float(errors[1])
    if xi2 <= 0:
        return refused("S_4 does not fall with q in the fitted range", goodness)
    xi = float(np.sqrt(xi2))
    xi_error = xi2_error / (2 * xi)
    if not np.isfinite(xi_error) or xi_error > largest_relative_error * xi:
        return refused(f"xi_4 = {xi:.2g} has the error {xi_error:.2g}", goodness)
    if longest is not None and xi > longest:
        return refused(f"xi_4 = {xi:.2g} exceeds half the box, {longest:.3g}", goodness)
    a = a_error = float("nan")
    reason = ""
    if cubic:
        a3, a3_error = float(coefficients[2]) * chi, float(errors[2])
        if a3 <= 0 or a3_error > 3 * largest_relative_error * a3:
            reason = f"A^3 = {a3:.2g} with the error {a3_error:.2g}: A is not determined"
        else:
            a = float(np.cbrt(a3))
            a_error = a3_error / (3 * a**2)
    return Fit(
        form=form,
        determined=True,
        reason=reason,
        chi=chi,
        chi_error=float(errors[0]),
        xi=xi,
        xi_error=float(xi_error),
        a=a,
        a_error=a_error,
        goodness=goodness,
        n_points=n,
        covariance=tuple(tuple(float(x) for x in row) for row in covariance),
    )
