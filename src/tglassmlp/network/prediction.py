r"""Trained networks at work: their file, their predictions, and the correction of the mean.

Prediction is plain NumPy: it needs no compiler and no training code; the tests hold it against the JAX model.

The mean correction (arXiv:2310.20252, appendix B) adjusts the C_B a network is told until its mean
prediction is the C_B asked for:

.. math:: c^{(0)} = C_B, \qquad c^{(k+1)} = c^{(k)} + \big(C_B - \langle C \rangle_{pred}(c^{(k)})\big).

Each network is corrected on its own; the mean is over all particles of all structures given.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tglassmlp import storage
from tglassmlp.configuration import Configuration
from tglassmlp.descriptors.standardise import Scaling
from tglassmlp.mixture import MIXTURES, Mixture
from tglassmlp.network.architecture import limited
from tglassmlp.network.shipped import located
from tglassmlp.network.state_point import StatePoint

__all__ = ["Networks", "Prediction", "load_networks", "save_networks"]

#: Particles handled at once: bounds the memory of a prediction.
BLOCK = 16384


@dataclass(frozen=True)
class Prediction:
    """Mean-corrected predictions of several structures at one state point.

    Parameters
    ----------
    propensity
        ``[networks, S, P]`` float32.
    c_b_input
        ``[networks]``, the C_B each network was told at last.
    mean
        ``[networks]``, the mean prediction at that input.
    converged
        ``[networks]``, whether the mean is the C_B asked for, within the tolerance.
    iterations
        How many corrections were made (of the slowest network).
    """

    propensity: NDArray[np.float32]
    c_b_input: NDArray[np.float64]
    mean: NDArray[np.float64]
    converged: NDArray[np.bool_]
    iterations: int


@dataclass(frozen=True)
class Networks:
    """An ensemble of trained networks with everything needed to use them.

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
    def state_point(self) -> StatePoint:
        """Features of the state point."""
        return StatePoint.from_record(self.metadata["state_point"])

    @property
    def kept(self) -> tuple[int, ...]:
        """Positions of the networks that passed the selection; all of them if none was made."""
        return tuple(self.metadata.get("kept", range(self.n_networks)))

    def of(self, positions: Sequence[int]) -> Networks:
        """Only the networks at these positions."""
        chosen = [int(k) for k in positions]
        numbers = self.metadata.get("numbers", list(range(self.n_networks)))
        record = {**self.metadata, "numbers": [numbers[k] for k in chosen], "kept": list(range(len(chosen)))}
        return Networks({name: values[chosen] for name, values in self.parameters.items()}, record)

    def predict(
        self,
        descriptors: Configuration | tuple[NDArray, Sequence[str]],
        temperature: float,
        c_b: float,
        correct_mean: bool = True,
    ) -> NDArray[np.float32]:
        """Propensities of the central particles of one structure, ``[networks, N_1]``.

        Parameters
        ----------
        descriptors
            A thermal :class:`Configuration`, whose inherent structure and descriptors are computed, or
            ``(values [N, M_raw], names [M_raw])`` as :func:`tglassmlp.descriptors` returns them; rows of
            other species are left out.
        temperature
            T of the equilibrium the configuration is from.
        c_b
            Mean propensity C_B that stands for the time.
        correct_mean
            Adjust the input C_B until the mean prediction of this structure is ``c_b``.

        Raises
        ------
        ValueError
            If the descriptors are not those of the training, the species are not those of the mixture, or
            the state point is not possible.

        Examples
        --------
        >>> networks = load_networks("results/demo/networks/full/tmin0.40.npz")  # doctest: +SKIP
        >>> networks.predict(configuration, temperature=0.30, c_b=0.5).mean(axis=1)  # doctest: +SKIP
        """
        values, names = (
            self._descriptors(descriptors) if isinstance(descriptors, Configuration) else descriptors
        )
        values = np.asarray(values)
        if values.ndim != 2:
            raise ValueError(f"descriptors of one structure must have shape [N_1, M], found {values.shape}")
        own = f"density/type{self.metadata['descriptors']['central_species']}/L0"
        if own in list(names):  # 1 for the central species, 0 for others
            values = values[values[:, list(names).index(own)] > 0.5]
        scaled = self.scaling.apply(values, names).astype(np.float32)[None]
        if correct_mean:
            return self.predict_corrected(scaled, temperature, c_b).propensity[:, 0]
        return self.predict_scaled(scaled, temperature, c_b)[:, 0]

    def predict_scaled(
        self, descriptors: NDArray[np.float32], temperature: float, c_b: float | NDArray
    ) -> NDArray[np.float32]:
        """Propensities ``[networks, S, P]`` from standardised descriptors ``[S, P, M]``.

        ``c_b`` may be one value for each network, ``[networks]``.
        """
        self._check(descriptors, temperature)
        c = np.broadcast_to(np.asarray(c_b, dtype=np.float64), (self.n_networks,))
        if np.any(~np.isfinite(c)):
            raise ValueError(f"C_B must be a number between 0 and 1, found {c_b}")
        flat = np.asarray(descriptors, dtype=np.float32).reshape(-1, descriptors.shape[-1])
        out = np.empty((self.n_networks, len(flat)), np.float32)
        forward = self._forward(temperature, c)
        for start in range(0, len(flat), BLOCK):
            out[:, start : start + BLOCK] = forward(flat[start : start + BLOCK].T)[1]
        return out.reshape(self.n_networks, *descriptors.shape[:-1])

    def predict_corrected(
        self,
        descriptors: NDArray[np.float32],
        temperature: float,
        c_b: float,
        iterations: int = 6,
        tolerance: float = 0.005,
    ) -> Prediction:
        """Predictions whose mean is ``c_b``: ``[S, P, M]`` standardised descriptors of one temperature.

        Parameters
        ----------
        descriptors
            All structures of the temperature together: the mean is over all of them.
        temperature, c_b
            The state point.
        iterations
            Most corrections. A network stops where it has converged; one that never does keeps the
            input with the best mean.
        tolerance
            Largest |mean - c_b| that counts as converged.

        Raises
        ------
        ValueError
            If ``c_b`` is not inside (0, 1), and as :meth:`predict_scaled`.
        """
        if not 0 < c_b < 1:
            raise ValueError(f"C_B must lie between 0 and 1, found {c_b}")
        low, high = self.state_point.c_b_limits
        low, high = min(low, c_b), max(high, c_b)
        entered = np.full(self.n_networks, float(c_b))
        best = self.predict_scaled(descriptors, temperature, entered)
        best_input, best_mean = entered.copy(), best.mean(axis=(1, 2), dtype=np.float64)
        mean, made = best_mean.copy(), 0
        while made < iterations:
            open_ = np.abs(best_mean - c_b) > tolerance
            if not open_.any():
                break
            entered = np.where(open_, np.clip(entered + (c_b - mean), low, high), entered)
            some = self.of(np.flatnonzero(open_).tolist()).predict_scaled(
                descriptors, temperature, entered[open_]
            )
            mean = mean.copy()
            mean[open_] = some.mean(axis=(1, 2), dtype=np.float64)
            made += 1
            better = open_ & (np.abs(mean - c_b) < np.abs(best_mean - c_b))
            best[better] = some[better[open_]]
            best_input[better], best_mean[better] = entered[better], mean[better]
        return Prediction(best, best_input, best_mean, np.abs(best_mean - c_b) <= tolerance, made)

    def attention(self, temperature: float, c_b: float | NDArray) -> NDArray[np.float32]:
        """Attention weights at a state point, ``[networks, M]``, each row of sum 1.

        Networks trained with ``network.attention: false`` weigh all descriptors equally.

        Raises
        ------
        ValueError
            If these networks have no attention (GlassMLP).
        """
        if self.metadata["kind"] != "tglassmlp":
            raise ValueError("GlassMLP networks have no attention")
        c = np.broadcast_to(np.asarray(c_b, dtype=np.float64), (self.n_networks,))
        if "attention_matrix" not in self.parameters:
            m = len(self.names)
            return np.full((self.n_networks, m), 1.0 / m, np.float32)
        state = self.state_point(temperature, c)[..., None]
        z = self.parameters["attention_matrix"] @ self._perceptron("mlp1", state)
        if "attention_bias" in self.parameters:
            z = z + self.parameters["attention_bias"]
        e = np.exp(z[..., 0] - z[..., 0].max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def bottleneck(
        self, descriptors: NDArray[np.float32], temperature: float, c_b: float | NDArray
    ) -> NDArray[np.float32]:
        """Values of the bottleneck units, ``[networks, S, P, units]``, from standardised ``[S, P, M]``."""
        self._check(descriptors, temperature)
        c = np.broadcast_to(np.asarray(c_b, dtype=np.float64), (self.n_networks,))
        forward = self._forward(temperature, c)
        flat = np.asarray(descriptors, dtype=np.float32).reshape(-1, descriptors.shape[-1])
        units = np.concatenate(
            [forward(flat[k : k + BLOCK].T)[0] for k in range(0, len(flat), BLOCK)], axis=-1
        )
        return units.transpose(0, 2, 1).reshape(self.n_networks, *descriptors.shape[:-1], -1)

    def _forward(
        self, temperature: float, c: NDArray
    ) -> Callable[[NDArray], tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Return the function columns ``[M, P]`` -> bottleneck ``[n, 2, P]`` and propensities ``[n, P]``."""
        p, record = self.parameters, self.metadata["architecture"]
        n, units, m = p["bottleneck/matrix"].shape
        activation = _ACTIVATIONS[record["bottleneck_activation"]]
        folded, first = p["bottleneck/matrix"], p["mlp3/layers/0/matrix"]
        shift = p["mlp3/layers/0/bias"]
        if self.metadata["kind"] == "tglassmlp":
            state = self.state_point(temperature, c)[..., None]
            omega = self.attention(temperature, c) * np.float32(m if record["attention_scale"] else 1)
            folded = folded * omega[:, None, :]
            shift = shift + first[:, :, units:] @ self._perceptron("mlp2", state)
        limit = record.get("input_limit")
        offset = (c if record.get("output") == "deviation" else np.zeros(n)).astype(np.float32)

        def forward(columns: NDArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            h = (folded.reshape(n * units, m) @ limited(columns, limit)).reshape(n, units, -1)
            h = activation(h + p["bottleneck/bias"])
            x = first[:, :, :units] @ h + shift
            for k in range(1, len(record["head"]) + 1):
                x = p[f"mlp3/layers/{k}/matrix"] @ _elu(x) + p[f"mlp3/layers/{k}/bias"]
            return h, x[:, 0] + offset[:, None]

        return forward

    def _perceptron(self, name: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Apply one of the state-point networks to ``[n, F, 1]``."""
        count = sum(key.startswith(f"{name}/layers/") for key in self.parameters) // 2
        for k in range(count):
            x = self.parameters[f"{name}/layers/{k}/matrix"] @ x + self.parameters[f"{name}/layers/{k}/bias"]
            x = _elu(x) if k < count - 1 else x
        return x

    def _check(self, descriptors: NDArray, temperature: float) -> None:
        if not self.n_networks:
            raise ValueError(f"this file holds no network: {self.metadata.get('note', 'none was trained')}")
        if np.ndim(descriptors) != 3 or np.shape(descriptors)[-1] != len(self.names):
            raise ValueError(
                f"standardised descriptors must have shape [S, P, {len(self.names)}], "
                f"found {np.shape(descriptors)}"
            )
        if not np.all(np.isfinite(descriptors)):
            raise ValueError("descriptors hold values that are not finite")
        if not np.isfinite(temperature) or temperature <= 0:
            raise ValueError(f"the temperature must be positive, found {temperature}")

    def _descriptors(self, configuration: Configuration) -> tuple[NDArray, Sequence[str]]:
        """Inherent structure and descriptors of a thermal configuration, as in the training."""
        from tglassmlp.descriptors.coarse_grain import descriptors
        from tglassmlp.simulation.minimisation import inherent_structure

        record = self.metadata["descriptors"]
        mixture = _mixture(record["mixture"])
        inherent = inherent_structure(configuration, mixture=mixture)
        return descriptors(
            inherent, record["lengths"], mixture=mixture, cutoff=record["cutoff"],
            central_species=record["central_species"],
        )  # fmt: skip


def _elu(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(x > 0, x, np.exp(np.minimum(x, np.float32(0))) - np.float32(1))


_ACTIVATIONS: dict[str, Callable[[NDArray], NDArray]] = {"elu": _elu, "tanh": np.tanh, "linear": lambda x: x}


def _mixture(record: str | Mapping[str, Any]) -> Mixture:
    """Mixture by name, or from the record of an unnamed one."""
    if isinstance(record, str):
        if record not in MIXTURES:
            raise ValueError(f"unknown mixture {record!r}, known: {', '.join(MIXTURES)}")
        return MIXTURES[record]
    plain: dict[str, Any] = {k: _tuple(v) if isinstance(v, list) else v for k, v in record.items()}
    return Mixture(**plain)


def _tuple(values: list) -> tuple:
    return tuple(_tuple(v) if isinstance(v, list) else v for v in values)


def save_networks(
    path: str | os.PathLike[str], networks: Networks, provenance: Mapping[str, Any] | None = None
) -> None:
    """Write an ensemble to an NPZ file: parameters and one JSON record, nothing pickled."""
    record = {**networks.metadata, "provenance": dict(provenance or networks.metadata.get("provenance", {}))}
    storage.write_npz(path, networks.parameters, record)


def load_networks(path: str | os.PathLike[str], only_kept: bool = True) -> Networks:
    """Read an ensemble; needs neither the run's config nor JAX.

    Parameters
    ----------
    path
        Networks file of the workflow, e.g. ``results/<run>/networks/full/tmin0.40.npz``, or the name of
        networks that come with the package.
    only_kept
        Leave out networks that did not pass the selection.

    Raises
    ------
    FileNotFoundError
        If there is no such file or name; the names there are are listed.
    ValueError
        If the file is damaged or is not a networks file.
    """
    path = located(path)
    arrays, metadata = storage.read_npz(path)
    missing = [k for k in ("kind", "architecture", "scaling", "state_point") if k not in metadata]
    if missing:
        raise ValueError(f"{path}: not a networks file, its record lacks {', '.join(missing)}")
    networks = Networks(arrays, metadata)
    sizes = {len(v) for v in arrays.values()}
    if len(sizes) > 1 or any(not np.all(np.isfinite(v)) for v in arrays.values()):
        raise ValueError(f"{path}: parameters are not finite or of different numbers of networks {sizes}")
    return networks.of(networks.kept) if only_kept and networks.n_networks else networks
