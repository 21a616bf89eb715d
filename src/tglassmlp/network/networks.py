"""Trained networks: an ensemble with all that is needed to use it, its predictions, and its file.

Prediction is plain NumPy: it needs no compiler and no training code. Two forms of the mean correction
(:mod:`tglassmlp.network.prediction`) are offered, and they answer different questions:

- :meth:`Networks.predict` knows one structure only, and corrects the mean of that structure. What tells its
  particles apart stays; how the structure differs from others on average is lost.
- :meth:`Networks.predict_ensemble` corrects the mean over a set of structures, as the workflow does with all
  structures of a temperature. Structures keep their own means, whose variance is the susceptibility chi_4.

Both give a conditional mean. :meth:`Networks.predict_distribution` adds what the networks cannot tell.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tglassmlp import storage
from tglassmlp.configuration import Configuration
from tglassmlp.network import prediction
from tglassmlp.network.architecture import limited
from tglassmlp.network.contrast import Contrast, rescaled
from tglassmlp.network.domain import beyond, check_state_point
from tglassmlp.network.library import DEFAULT, located
from tglassmlp.network.prediction import Distribution, Prediction, PredictionWarning
from tglassmlp.network.protocol import Ensemble, WithAttention, WithBottleneck
from tglassmlp.network.residual import Residual, drawn
from tglassmlp.network.settings import DistributionSettings, PredictionSettings
from tglassmlp.network.stored import StoredNetworks
from tglassmlp.settings import check

if TYPE_CHECKING:
    from tglassmlp.local_structure.described import Descriptors

__all__ = ["Networks", "load_networks", "save_networks"]


class Networks(StoredNetworks):
    """Trained networks and what they can be asked; fields as :class:`StoredNetworks`."""

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
        check_state_point(temperature, c_b)
        scaled = self._standardised(descriptors)[None]
        if correct_mean:
            found = self.predict_corrected(scaled, temperature, c_b, checked=False)
        else:
            values = self.predict_scaled(scaled, temperature, c_b, checked=False)
            found = self._contrasted(prediction.uncorrected(values, c_b, self.label), temperature, c_b)
        far = beyond(self.state_features, temperature, c_b)
        _warn([*self.domain.notes(descriptors), *prediction.shortcomings(found, c_b, far, self.label)])
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
        check_state_point(temperature, c_b)
        check(PredictionSettings, iterations=iterations, tolerance=tolerance)
        given = [self._standardised(s) for s in structures]
        sizes = sorted({len(x) for x in given})
        if len(sizes) != 1:
            raise ValueError(
                "predict_ensemble needs structures with the same number of central particles, "
                f"found {', '.join(map(str, sizes)) or 'no structure'}"
            )
        found = self.predict_corrected(
            np.stack(given), temperature, c_b, iterations, tolerance, checked=False
        )
        told = [text for s in structures for text in self.domain.notes(s)]
        far = beyond(self.state_features, temperature, c_b)
        _warn([*dict.fromkeys(told), *prediction.shortcomings(found, c_b, far, self.label)])
        return found

    def predict_distribution(
        self,
        structures: Sequence[Configuration],
        temperature: float,
        c_b: float,
        fields: int = 20,
        seed: int = 0,
    ) -> Distribution:
        """Propensities of several structures of one temperature, with what the networks leave open.

        Structure does not decide everything. What these networks cannot tell was measured where they were
        trained: its variance, and over which length it is correlated
        (:mod:`tglassmlp.network.residual`).

        Parameters
        ----------
        structures
            S thermal configurations with the same number of central particles.
        temperature, c_b
            The state point; the mean is corrected over all structures, as by :meth:`predict_ensemble`.
        fields
            Number of fields that are drawn.
        seed
            Of the drawing; the same seed gives the same fields.

        Raises
        ------
        ValueError
            As :meth:`predict_ensemble`; if the networks were trained without ``training.contrast``.

        Warns
        -----
        PredictionWarning
            As :meth:`predict`.

        Examples
        --------
        >>> from tglassmlp.observables.susceptibility import susceptibility
        >>> found = networks.predict_distribution(structures, 0.30, 0.5)  # doctest: +SKIP
        >>> low, high = found.interval(0.95)  # doctest: +SKIP
        >>> np.mean([susceptibility(f) for f in found.fields])  # doctest: +SKIP
        """
        if isinstance(structures, Configuration) or not all(isinstance(c, Configuration) for c in structures):
            raise ValueError(
                "predict_distribution needs a list of thermal configurations (descriptors do not tell where "
                "particles are)"
            )
        check(DistributionSettings, fields=fields, seed=seed)
        self._check_residual()
        found = self.predict_ensemble(structures, temperature, c_b)
        central = self.domain.central_species
        positions = [c.wrapped()[c.of_species(central)] for c in structures]
        boxes = [c.box_length for c in structures]
        return self.distribution(found, positions, boxes, temperature, c_b, fields, seed)

    def distribution(
        self, found: Prediction, positions: Sequence[NDArray] | NDArray, boxes: Sequence[float],
        temperature: float, c_b: float, fields: int, seed: int | np.random.SeedSequence,
    ) -> Distribution:  # fmt: skip
        """Distribution about a prediction that was made already, as :meth:`predict_distribution`.

        Parameters
        ----------
        found
            Of S structures with P central particles.
        positions, boxes
            Their thermal positions, S times ``[P, 2]``, and the sides of their boxes.
        temperature, c_b, fields, seed
            The state point, and what is drawn. Fields of structure s do not depend on the other structures.

        Raises
        ------
        ValueError
            If the networks were trained without ``training.contrast``.
        """
        contrast, residual = self._check_residual()
        usable = found.converged if found.converged.any() else np.ones_like(found.converged)
        mean = found.propensity[usable].mean(axis=0, dtype=np.float64)
        r = contrast.correlation(c_b)
        deviation = contrast.signal(temperature, c_b) * np.sqrt(1.0 - r**2)
        share = residual.correlated_share(temperature, c_b)
        length = residual.correlation_length(temperature, c_b, min(boxes))
        root = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
        samples = np.empty((fields, *mean.shape), np.float32)
        for s, (x, box) in enumerate(zip(positions, boxes, strict=True)):
            key = (*root.spawn_key, s)
            rng = np.random.default_rng(np.random.SeedSequence(root.entropy, spawn_key=key))
            for f in range(fields):
                samples[f, s] = mean[s] + drawn(x, box, deviation, length, share, rng)
        return Distribution(mean, np.full(mean.shape, deviation), samples, length, share, found)

    def _check_residual(self) -> tuple[Contrast, Residual]:
        contrast, residual = self.contrast, self.residual
        if contrast is None or residual is None:
            why = self.metadata.get("no_contrast", "they were trained without training.contrast")
            raise ValueError(f"these networks do not know what their predictions leave open: {why}")
        return contrast, residual

    def predict_scaled(
        self,
        descriptors: NDArray[np.float32],
        temperature: float,
        c_b: float | NDArray,
        checked: bool = True,
    ) -> NDArray[np.float32]:
        """Propensities ``[networks, S, P]`` from standardised descriptors ``[S, P, M]``.

        These are the outputs of the networks: their mean is not corrected, their contrast not rescaled.

        Parameters
        ----------
        descriptors
            Standardised, of S structures with P central particles each.
        temperature, c_b
            The state point; ``c_b`` may be one value for each network, ``[networks]``.
        checked
            Whether the state point is held against what is possible and what the networks were made for. The
            stages of the workflow, which ask at state points of their own, leave it out.

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
        if checked:
            _warn(self._far(temperature, c_b))
        c = self._each(c_b)
        if np.any(~np.isfinite(c)):
            raise ValueError(f"C_B must be a number between 0 and 1, found {c_b}")
        told = self._told(temperature, c)
        forward = self.model.forward(told)
        deviation = told.architecture.output == "deviation"
        offset = (c if deviation else np.zeros(self.n_networks)).astype(np.float32)

        def outputs(columns: NDArray[np.float32]) -> NDArray[np.float32]:
            return forward(limited(columns, told.architecture.input_limit)) + offset[:, None]

        values = prediction.in_blocks(outputs, descriptors)
        return values.reshape(self.n_networks, *descriptors.shape[:-1])

    def predict_corrected(
        self,
        descriptors: NDArray[np.float32],
        temperature: float,
        c_b: float,
        iterations: int = 6,
        tolerance: float = 0.005,
        checked: bool = True,
    ) -> Prediction:
        """Predictions whose mean is ``c_b``: ``[S, P, M]`` standardised descriptors of one temperature.

        Networks with a :attr:`contrast` have their deviations from the mean rescaled to it. Networks that
        learnt a label whose mean is not C_B are told ``c_b``, and nothing is corrected.

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
            Largest distance of the mean from ``c_b`` that counts as converged.
        checked
            As for :meth:`predict_scaled`.

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
        if checked:
            _warn(self._far(temperature, float(c_b)))
        if not self.label.is_clock:  # nothing says what its mean should be
            values = self.predict_scaled(descriptors, temperature, c_b, checked=False)
            return prediction.uncorrected(values, c_b, self.label)

        def predict(asked: NDArray[np.bool_], c: NDArray[np.float64]) -> NDArray[np.float32]:
            some = self if asked.all() else self.of(asked)
            return some.predict_scaled(descriptors, temperature, c, checked=False)

        limits = self.state_features.c_b_limits
        found = prediction.corrected(predict, self.n_networks, c_b, limits, iterations, tolerance)
        return self._contrasted(found, temperature, c_b)

    def _contrasted(self, found: Prediction, temperature: float, c_b: float) -> Prediction:
        """Give a prediction the contrast of the dynamics, if these networks know of it."""
        contrast = self.contrast
        if contrast is None:
            return found
        return replace(found, propensity=rescaled(found.propensity, contrast.factor(temperature, c_b)))

    def attention(
        self, temperature: float, c_b: float | NDArray, checked: bool = True
    ) -> NDArray[np.float32]:
        """Attention weights at a state point, ``[networks, M]``, each row of sum 1.

        Networks trained with ``network.attention: false`` weigh all descriptors equally. ``checked`` is as
        for :meth:`predict_scaled`.

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
        model = self.model
        if not isinstance(model, WithAttention):
            raise ValueError(f"{model.title} networks have no attention")
        if checked:
            _warn(self._far(temperature, c_b))
        return model.attention(self._told(temperature, self._each(c_b)), len(self.names))

    def bottleneck(
        self,
        descriptors: NDArray[np.float32],
        temperature: float,
        c_b: float | NDArray,
        checked: bool = True,
    ) -> NDArray[np.float32]:
        """Values of the bottleneck units, ``[networks, S, P, units]``, from standardised ``[S, P, M]``.

        ``checked`` is as for :meth:`predict_scaled`.

        Raises
        ------
        ValueError
            If these networks have no bottleneck, and as :meth:`predict_scaled`.

        Warns
        -----
        PredictionWarning
            As :meth:`predict_scaled`.
        """
        self._check(descriptors)
        model = self.model
        if not isinstance(model, WithBottleneck):
            raise ValueError(f"{model.title} networks have no bottleneck")
        if checked:
            _warn(self._far(temperature, c_b))
        told = self._told(temperature, self._each(c_b))
        units = model.bottleneck(told)
        limit = told.architecture.input_limit
        values = prediction.in_blocks(lambda columns: units(limited(columns, limit)), descriptors)
        return values.transpose(0, 2, 1).reshape(self.n_networks, *descriptors.shape[:-1], -1)

    def _told(self, temperature: float, c: NDArray[np.float64]) -> Ensemble:
        """Gather what the model is told, a C_B for each network, ``[networks]``."""
        architecture = self.model.architecture(self.metadata["architecture"])
        return Ensemble(self.parameters, architecture, self.state_features(temperature, c))

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

    def _far(self, temperature: float, c_b: float | NDArray) -> list[str]:
        """Refuse a state point that is not possible; say if the networks were not made for it."""
        each = np.unique(self._each(c_b))
        for c in each:
            check_state_point(temperature, float(c))
        state = self.state_features
        return list(
            dict.fromkeys(text for c in each[[0, -1]] for text in beyond(state, temperature, float(c)))
        )

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
        self._check_any()
        values, names = self.domain.central(given)
        return self.scaling.apply(values, names).astype(np.float32)


def _warn(texts: Sequence[str]) -> None:
    """Warn whoever called the method that calls this."""
    for text in texts:
        warnings.warn(text, PredictionWarning, stacklevel=3)


def save_networks(
    path: str | os.PathLike[str], networks: Networks, provenance: Mapping[str, Any] | None = None
) -> None:
    """Write an ensemble to an NPZ file: parameters and one JSON record, nothing pickled."""
    record = {**networks.metadata, "provenance": dict(provenance or networks.metadata.get("provenance", {}))}
    storage.write_npz(path, networks.parameters, record)


def load_networks(path: str | os.PathLike[str] = DEFAULT, only_kept: bool = True) -> Networks:
    """Read an ensemble; needs neither the run's config nor JAX.

    Parameters
    ----------
    path
        Networks file of the workflow, e.g. ``results/<run>/networks/full/tmin0.40.npz``, or the name of
        networks that come with the package; by default :data:`tglassmlp.network.library.DEFAULT`.
    only_kept
        Leave out networks that did not pass the selection.

    Raises
    ------
    FileNotFoundError
        If there is no such file or name; the message lists the available names.
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
