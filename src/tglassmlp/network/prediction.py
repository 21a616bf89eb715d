r"""Trained networks at work: their file, their predictions, and the correction of the mean.

Prediction is plain NumPy: it needs no compiler and no training code; the tests hold it against the JAX model.

The mean correction (arXiv:2310.20252, appendix B) adjusts the C_B a network is told until its mean
prediction is the C_B asked for:

.. math:: c^{(0)} = C_B, \qquad c^{(k+1)} = c^{(k)} + \big(C_B - \langle C \rangle_{pred}(c^{(k)})\big).

Each network is corrected on its own; the mean is over all particles of all structures given. Two forms of it
are offered, and they answer different questions:

- :meth:`Networks.predict` knows one structure only, and corrects the mean of that structure. What tells its
  particles apart stays; how the structure differs from others on average is lost.
- :meth:`Networks.predict_ensemble` corrects the mean over a set of structures, as the workflow does with all
  structures of a temperature. Structures keep their own means, whose variance is the susceptibility chi_4.
"""

from __future__ import annotations

import html
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp import storage
from tglassmlp.config import PredictionSettings, check
from tglassmlp.config import StatePoint as StatePointSettings
from tglassmlp.configuration import Configuration
from tglassmlp.descriptors.standardise import Scaling
from tglassmlp.mixture import MIXTURES, Mixture
from tglassmlp.network.architecture import limited
from tglassmlp.network.shipped import located
from tglassmlp.network.state_point import StatePoint

if TYPE_CHECKING:
    from tglassmlp.descriptors.coarse_grain import Descriptors

__all__ = ["Networks", "Prediction", "PredictionWarning", "load_networks", "save_networks"]

#: Particles handled at once: bounds the memory of a prediction.
BLOCK = 16384

#: A structure may differ by this much from the mixture of the networks: in the share of any species (or by
#: one particle, if that is more), and in the number density, relatively. Measured with the networks
#: ``laptop`` at T = 0.30, C_B = 0.5: a density higher by one per cent shifts the means of descriptors by up
#: to 2.4 standard deviations and propensities by 0.011 on average; two per cent by 4.8 and 0.021.
SHARE_TOLERANCE: Final = 0.01
DENSITY_TOLERANCE: Final = 0.01

#: Largest force on a particle of a structure that may be an inherent one. Published inherent structures reach
#: 0.6, thermal ones 50 to 75.
LARGEST_FORCE: Final = 2.0

#: Without mean correction, a mean further from C_B than this is reported (the tolerance of the selection).
UNCORRECTED_TOLERANCE: Final = 0.05


class PredictionWarning(UserWarning):
    """A prediction that is not what it was asked for, or not what the networks were trained for."""


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

    @property
    def structure_means(self) -> NDArray[np.float64]:
        """Mean propensity of each structure, ``[networks, S]``; their variance times N_1 is chi_4."""
        return self.propensity.mean(axis=2, dtype=np.float64)

    def __repr__(self) -> str:
        networks, structures, particles = self.propensity.shape
        return (
            f"<Prediction of {networks} networks for {structures} structures of {particles} particles: mean "
            f"{_spread(self.mean)}, {int(self.converged.sum())} of {networks} converged>"
        )


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

    def of(self, positions: ArrayLike) -> Networks:
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
        return Networks({name: values[chosen] for name, values in self.parameters.items()}, record)

    @property
    def mixture(self) -> Mixture:
        """Mixture of the structures that the networks were trained on."""
        return _mixture(self.metadata["descriptors"]["mixture"])

    def __repr__(self) -> str:
        return (
            f"<Networks: {'; '.join(f'{name} {text}' if name else text for name, text in self._summary())}>"
        )

    def _repr_html_(self) -> str:
        """Short table for notebooks."""
        rows = "".join(
            f"<tr><th>{html.escape(name or 'networks')}</th><td>{html.escape(text)}</td></tr>"
            for name, text in self._summary()
        )
        return f"<table>{rows}</table>"

    def _summary(self) -> list[tuple[str, str]]:
        """List what is worth knowing at a glance, as pairs of a name and a text."""
        m = self.metadata
        kind = {"tglassmlp": "tGlassMLP", "glassmlp": "GlassMLP"}.get(m["kind"], str(m["kind"]))
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

    def predict(
        self,
        descriptors: Configuration | Descriptors,
        temperature: float,
        c_b: float,
        correct_mean: bool = True,
    ) -> NDArray[np.float32]:
        """Propensities of the central particles of one structure, ``[networks, N_1]``.

        The mean correction is over the particles of this one structure: each network is told a C_B at which
        its own mean over them is ``c_b``. How the structure differs from others on average is thereby lost,
        and with it chi_4; for that see :meth:`predict_ensemble`.

        Parameters
        ----------
        descriptors
            A thermal :class:`Configuration`, whose inherent structure and descriptors are computed, or what
            :func:`tglassmlp.descriptors` returned, in one piece; rows of other species are left out. A
            configuration may be smaller than the networks' range of descriptors allows (twice the cut-off):
            the sums then run over its periodic images, and a warning says so. It is refused if its box is
            shorter than the cut-off itself, where a particle would count its own images.
        temperature
            T of the equilibrium the configuration is from.
        c_b
            Mean propensity C_B that stands for the time.
        correct_mean
            Adjust the input C_B until the mean prediction of this structure is ``c_b``.

        Raises
        ------
        ValueError
            If the descriptors are not those of the training (names, lengths, cut-off, mixture), or not of an
            inherent structure; if the configuration carries a mixture of another pair potential; if shares of
            species or number density are not those of the networks' mixture,
            both within one per cent; if the box is too short, or the state point is not possible.

        Warns
        -----
        PredictionWarning
            If a mean is not the C_B asked for (no convergence within six corrections), if the state point
            lies outside those the networks were made for, if propensities leave [0, 1], or the box is short.

        Examples
        --------
        >>> networks = load_networks("laptop")
        >>> networks  # doctest: +ELLIPSIS
        <Networks: 16 tGlassMLP of 148 descriptors; ...; mixture KA2D>
        >>> networks.predict(configuration, temperature=0.30, c_b=0.5).mean(axis=1)  # doctest: +SKIP
        """
        _check_state_point(temperature, c_b)
        scaled = self._standardised(descriptors)[None]
        if correct_mean:
            found = self._corrected(scaled, temperature, c_b)
        else:
            values = self._scaled(scaled, temperature, c_b)
            mean = values.mean(axis=(1, 2), dtype=np.float64)
            right = np.abs(mean - c_b) <= UNCORRECTED_TOLERANCE
            found = Prediction(values, np.full(self.n_networks, float(c_b)), mean, right, 0)
        self._report(found, temperature, c_b)
        return found.propensity[:, 0]

    def predict_ensemble(
        self,
        structures: Sequence[Configuration | Descriptors],
        temperature: float,
        c_b: float,
        iterations: int = 6,
        tolerance: float = 0.005,
    ) -> Prediction:
        """Propensities of several structures of one temperature, corrected to a common mean.

        Each network is told one C_B, at which its mean over the central particles of *all* structures is
        ``c_b``, as in the workflow. Structures keep their own means, so that susceptibilities can be taken:
        chi_4 of each network is N_1 Var(``structure_means``), over the structures.

        Parameters
        ----------
        structures
            S structures, each as for :meth:`predict`, with the same number of central particles.
        temperature, c_b
            The state point.
        iterations, tolerance
            As for :meth:`predict_corrected`.

        Returns
        -------
        Prediction
            Propensities ``[networks, S, N_1]``, and for each network its mean, the C_B it was told, and
            whether it converged.

        Raises
        ------
        ValueError
            As :meth:`predict`; if there is no structure, or their numbers of central particles differ.

        Warns
        -----
        PredictionWarning
            As :meth:`predict`.

        Examples
        --------
        >>> from tglassmlp.observables.susceptibility import susceptibility
        >>> found = networks.predict_ensemble(structures, 0.30, 0.5)  # doctest: +SKIP
        >>> np.mean([susceptibility(p) for p in found.propensity[found.converged]])  # doctest: +SKIP
        """
        if isinstance(structures, Configuration) or hasattr(structures, "settings"):
            raise ValueError("predict_ensemble needs a list of structures, found one; use predict for one")
        _check_state_point(temperature, c_b)
        check(PredictionSettings, iterations=iterations, tolerance=tolerance)
        given = [self._standardised(s) for s in structures]
        sizes = sorted({len(x) for x in given})
        if len(sizes) != 1:
            raise ValueError(
                "predict_ensemble needs structures with the same number of central particles, "
                f"found {', '.join(map(str, sizes)) or 'no structure'}"
            )
        found = self._corrected(np.stack(given), temperature, c_b, iterations, tolerance)
        self._report(found, temperature, c_b)
        return found

    def predict_scaled(
        self, descriptors: NDArray[np.float32], temperature: float, c_b: float | NDArray
    ) -> NDArray[np.float32]:
        """Propensities ``[networks, S, P]`` from standardised descriptors ``[S, P, M]``.

        ``c_b`` may be one value for each network, ``[networks]``.

        Raises
        ------
        ValueError
            If the shape is another one, a value is not finite, or the state point is not possible.

        Warns
        -----
        PredictionWarning
            If the state point lies outside those the networks were made for.
        """
        self._check(descriptors)
        self._check_question(temperature, c_b)
        return self._scaled(descriptors, temperature, c_b)

    def _scaled(
        self, descriptors: NDArray[np.float32], temperature: float, c_b: float | NDArray
    ) -> NDArray[np.float32]:
        """As :meth:`predict_scaled`, for state points of the package's own, beyond the range too."""
        self._check(descriptors)
        c = self._each(c_b)
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

        Warns
        -----
        PredictionWarning
            As :meth:`predict_scaled`.
        """
        self._check(descriptors)
        self._check_question(temperature, float(c_b))
        return self._corrected(descriptors, temperature, c_b, iterations, tolerance)

    def _corrected(
        self,
        descriptors: NDArray[np.float32],
        temperature: float,
        c_b: float,
        iterations: int = 6,
        tolerance: float = 0.005,
    ) -> Prediction:
        """As :meth:`predict_corrected`, for state points of the package's own, beyond the range too."""
        if not 0 < c_b < 1:
            raise ValueError(f"C_B must lie between 0 and 1, found {c_b}")
        low, high = self.state_point.c_b_limits
        low, high = min(low, c_b), max(high, c_b)
        entered = np.full(self.n_networks, float(c_b))
        best = self._scaled(descriptors, temperature, entered)
        best_input, best_mean = entered.copy(), best.mean(axis=(1, 2), dtype=np.float64)
        mean, made = best_mean.copy(), 0
        while made < iterations:
            open_ = np.abs(best_mean - c_b) > tolerance
            if not open_.any():
                break
            entered = np.where(open_, np.clip(entered + (c_b - mean), low, high), entered)
            some = self.of(open_)._scaled(descriptors, temperature, entered[open_])
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
            If these networks have no attention (GlassMLP), or the state point is not possible.

        Warns
        -----
        PredictionWarning
            If the state point lies outside those the networks were made for.
        """
        self._check_any()
        if self.metadata["kind"] != "tglassmlp":
            raise ValueError("GlassMLP networks have no attention")
        self._check_question(temperature, c_b)
        return self._attention(temperature, self._each(c_b))

    def _attention(self, temperature: float, c: NDArray) -> NDArray[np.float32]:
        """As :meth:`attention`, for state points of the package's own, beyond the range too."""
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
        """Values of the bottleneck units, ``[networks, S, P, units]``, from standardised ``[S, P, M]``.

        Raises
        ------
        ValueError
            As :meth:`predict_scaled`.

        Warns
        -----
        PredictionWarning
            As :meth:`predict_scaled`.
        """
        self._check(descriptors)
        self._check_question(temperature, c_b)
        return self._bottleneck(descriptors, temperature, c_b)

    def _bottleneck(
        self, descriptors: NDArray[np.float32], temperature: float, c_b: float | NDArray
    ) -> NDArray[np.float32]:
        """As :meth:`bottleneck`, for state points of the package's own, beyond the range too."""
        self._check(descriptors)
        forward = self._forward(temperature, self._each(c_b))
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
            omega = self._attention(temperature, c) * np.float32(m if record["attention_scale"] else 1)
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

    def _each(self, c_b: float | NDArray) -> NDArray[np.float64]:
        """C_B of each network, ``[networks]``."""
        c = np.asarray(c_b, dtype=np.float64)
        if c.shape not in ((), (1,), (self.n_networks,)):
            raise ValueError(
                f"C_B must be one number or one for each of the {self.n_networks} networks, found an array "
                f"of shape {c.shape}"
            )
        return np.broadcast_to(c, (self.n_networks,))

    def _check_any(self) -> None:
        if not self.n_networks:
            raise ValueError(f"this file holds no network: {self.metadata.get('note', 'none was trained')}")

    def _check_question(self, temperature: float, c_b: float | NDArray) -> None:
        """Refuse a state point that is not possible, and report one the networks were not made for."""
        each = np.unique(self._each(c_b))
        for c in each:
            _check_state_point(temperature, float(c))
        told = dict.fromkeys(text for c in each[[0, -1]] for text in self._beyond(temperature, float(c)))
        for text in told:
            warnings.warn(text, PredictionWarning, stacklevel=3)

    def _check(self, descriptors: NDArray) -> None:
        self._check_any()
        if np.ndim(descriptors) != 3 or np.shape(descriptors)[-1] != len(self.names):
            raise ValueError(
                f"standardised descriptors must have shape [S, P, {len(self.names)}], "
                f"found {np.shape(descriptors)}"
            )
        if not np.all(np.isfinite(descriptors)):
            raise ValueError("descriptors hold values that are not finite")

    def _standardised(self, given: Configuration | Descriptors) -> NDArray[np.float32]:
        """Check and standardise the descriptors of one structure, ``[N_1, M]``."""
        from tglassmlp.descriptors.coarse_grain import Descriptors

        if not self.n_networks:
            raise ValueError(f"this file holds no network: {self.metadata.get('note', 'none was trained')}")
        if isinstance(given, Configuration):
            self._check_mixture(given.mixture)
            counts = np.bincount(given.species, minlength=self.mixture.n_species + 1)[1:]
            self._check_structure(counts, given.box_length)
            found = self._descriptors(given)
        elif isinstance(given, Descriptors):
            self._check_structure(np.array(given.settings.counts), given.settings.box_length)
            found = given
        elif isinstance(given, tuple) and len(given) == 2:
            raise ValueError(
                "values and names alone do not say with which cut-off and for which mixture descriptors "
                "were made; "
                "pass what tglassmlp.descriptors returned in one piece, or a tglassmlp.Descriptors with "
                "its settings"
            )
        else:
            raise ValueError(
                "a Configuration or what tglassmlp.descriptors returned is needed, found "
                f"{type(given).__name__}; lists of structures are for predict_ensemble"
            )
        self._check_settings(found)
        values = found.values[found.species == self.metadata["descriptors"]["central_species"]]
        if not len(values):
            raise ValueError("these descriptors hold no row of the networks' central species")
        if not np.all(np.isfinite(values)):
            raise ValueError("descriptors hold values that are not finite")
        return self.scaling.apply(values, found.names).astype(np.float32)

    def _check_mixture(self, carried: Mixture | None) -> None:
        """Refuse a configuration that carries a mixture of another pair potential."""
        own = self.mixture
        if carried is not None and not carried.same_potential(own):
            raise ValueError(
                f"this configuration is of the mixture {carried.name}, these networks learnt {own.name}, "
                f"whose pair potential is another one ({carried.potential_against(own)})"
            )

    def _check_structure(self, counts: NDArray, box_length: float) -> None:
        """Refuse a structure whose composition, density or box is not that of the networks."""
        mixture, n = self.mixture, int(counts.sum())
        shares, density = counts / n, n / box_length**2
        fits = len(counts) == mixture.n_species
        fits = fits and np.abs(shares - mixture.shares).max() <= max(SHARE_TOLERANCE, 1.0 / n)
        if not (fits and abs(density / mixture.density - 1.0) <= DENSITY_TOLERANCE):
            raise ValueError(
                f"these networks learnt {mixture.name} (shares of species {_shares(mixture.shares)}, "
                "number density "
                f"{mixture.density:.4f}); this structure has shares {_shares(shares)} and number density "
                f"{density:.4f}, and may differ by {SHARE_TOLERANCE:g} in a share and by "
                f"{DENSITY_TOLERANCE:.0%} in "
                "the density"
            )
        cutoff = float(self.metadata["descriptors"]["cutoff"])
        if box_length < cutoff:
            raise ValueError(
                f"the box ({box_length:g}) is shorter than the range of the networks' descriptors "
                f"({cutoff:g}), so "
                f"that particles would count their own images; at least {cutoff:g} is needed, and twice as "
                "much for "
                "structures as the networks learnt from (Configuration.tiled repeats a system)"
            )

    def _check_settings(self, given: Descriptors) -> None:
        """Refuse descriptors that were made in another way than those the networks learnt from."""
        record, made = self.metadata["descriptors"], given.settings
        lengths = tuple(float(x) for x in record["lengths"])
        if made.lengths != lengths:
            raise ValueError(
                f"these descriptors have the lengths {', '.join(f'{x:g}' for x in made.lengths)}, the "
                "networks "
                f"learnt from {', '.join(f'{x:g}' for x in lengths)}"
            )
        if not np.isclose(made.cutoff, record["cutoff"], rtol=1e-9, atol=0.0):
            raise ValueError(
                f"these descriptors have a cut-off of {made.cutoff:g}, the networks learnt from "
                f"{record['cutoff']:g}; "
                f"make them with cutoff={record['cutoff']:g}"
            )
        if not made.mixture.same_particles(self.mixture):
            raise ValueError(
                f"these descriptors are of mixture {made.mixture.name}, whose potential or cell radii are "
                "not those "
                f"of {self.mixture.name}, which the networks learnt"
            )
        if made.largest_force > LARGEST_FORCE:
            raise ValueError(
                "these descriptors are not of an inherent structure: the largest force was "
                f"{made.largest_force:.3g}, "
                f"at most {LARGEST_FORCE:g} is allowed; make them from "
                "tglassmlp.inherent_structure(configuration)"
            )

    def _report(self, found: Prediction, temperature: float, c_b: float) -> None:
        """Say what a prediction is not."""
        told = []
        if not found.converged.all():
            off = found.mean[~found.converged]
            told.append(
                f"the mean prediction of {off.size} of {found.mean.size} networks is not the C_B asked for: "
                f"{_spread(off)} instead of {c_b:g} after {found.iterations} mean corrections"
            )
        told += self._beyond(temperature, c_b)
        outside = float(np.mean((found.propensity < -0.1) | (found.propensity > 1.1)))
        if outside > 0.01:
            told.append(
                f"{outside:.0%} of the propensities lie outside [0, 1], "
                f"from {found.propensity.min():.2f} to {found.propensity.max():.2f}"
            )
        for text in told:
            warnings.warn(text, PredictionWarning, stacklevel=3)

    def _beyond(self, temperature: float, c_b: float) -> list[str]:
        """Say in what a state point lies outside those the networks were made for."""
        told, state = [], self.state_point
        low, high = state.temperature_range
        if not 0.95 * low <= temperature <= 1.05 * high:
            told.append(
                f"T = {temperature:g} lies outside {low:g} to {high:g}, for which the networks were made"
            )
        c_low, c_high = state.c_b_range
        if c_b < 0.9 * c_low or 1.0 - c_b < 0.5 * (1.0 - c_high):
            told.append(
                f"C_B = {c_b:g} lies outside {c_low:g} to {c_high:g}, for which the networks were made"
            )
        return told

    def _descriptors(self, configuration: Configuration) -> Descriptors:
        """Inherent structure and descriptors of a thermal configuration, as in the training."""
        from tglassmlp.descriptors.coarse_grain import periodic_descriptors
        from tglassmlp.simulation.minimisation import inherent_structure

        record, mixture = self.metadata["descriptors"], self.mixture
        cutoff = float(record["cutoff"])
        if configuration.box_length < 2.0 * cutoff:
            warnings.warn(
                f"the box ({configuration.box_length:g}) is shorter than twice the range of the networks' "
                f"descriptors ({2.0 * cutoff:g}): the sums run over periodic images",
                PredictionWarning,
                stacklevel=4,
            )
        inherent = inherent_structure(configuration, mixture=mixture)
        return periodic_descriptors(
            inherent, record["lengths"], mixture=mixture, cutoff=cutoff,
            central_species=record["central_species"],
        )  # fmt: skip


def _check_state_point(temperature: float, c_b: float) -> None:
    """Refuse what no configuration of a run could hold as a state point."""
    if not 0 < temperature <= 100:
        raise ValueError(f"the temperature must be positive and at most 100, found {temperature}")
    if not 0 < c_b < 1:
        raise ValueError(f"C_B must lie between 0 and 1, found {c_b}")
    check(StatePointSettings, temperature=temperature, c_b=c_b)


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


def _spread(values: NDArray) -> str:
    low, high = float(np.min(values)), float(np.max(values))
    return f"{low:.3f}" if high - low < 5e-4 else f"{low:.3f} to {high:.3f}"


def _shares(values: NDArray) -> str:
    return ", ".join(f"{x:.3f}" for x in values)


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
    missing = [
        k for k in ("kind", "architecture", "scaling", "state_point", "descriptors") if k not in metadata
    ]
    if missing:
        raise ValueError(f"{path}: not a networks file, its record lacks {', '.join(missing)}")
    networks = Networks(arrays, metadata)
    sizes = {len(v) for v in arrays.values()}
    if len(sizes) > 1 or any(not np.all(np.isfinite(v)) for v in arrays.values()):
        raise ValueError(f"{path}: parameters are not finite or of different numbers of networks {sizes}")
    return networks.of(networks.kept) if only_kept and networks.n_networks else networks
