"""Predictions of a run, from files to files: all structures of a temperature, and bottlenecks at many C_B."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from tglassmlp import provenance, storage
from tglassmlp.dynamics.label_map import LabelMap, c_b_by_temperature
from tglassmlp.network.dataset import read_structures
from tglassmlp.network.networks import load_networks
from tglassmlp.network.run_files import Path, Record
from tglassmlp.paths import by_temperature
from tglassmlp.randomness import seed_sequence
from tglassmlp.state_point import is_same, key

__all__ = ["bottlenecks_of", "predictions"]


def predictions(
    output: Path, networks: Path, descriptors: Sequence[Path], label_map: Path, temperature: float,
    prediction: Record, with_bottleneck: bool, test: Sequence[int] = (), seed: int = 0,
) -> None:  # fmt: skip
    """Mean-corrected predictions of all structures of one temperature at every C_B the label map allows.

    Attention, and with ``with_bottleneck`` the bottleneck of the first network, are written beside them where
    the model offers them. Networks that know what they leave open (``training.contrast``) have ``fields`` of
    ``prediction`` drawn with it as well; ``seed`` is that of the run.
    """
    ensemble = load_networks(networks)
    structures = read_structures(descriptors, temperature, ensemble.scaling)
    known = c_b_by_temperature(LabelMap.read(label_map).known)
    c_b = next((cs for t, cs in known.items() if is_same(t, temperature)), [])
    n, (s, p, m) = ensemble.n_networks, structures.inputs.shape
    k = len(c_b)
    entered, mean = np.zeros((k, n)), np.zeros((k, n))
    converged = np.zeros((k, n), bool)
    propensity = np.zeros((k, n, s, p), np.float32)
    with_attention = ensemble.offers("attention")
    with_bottleneck = with_bottleneck and ensemble.offers("bottleneck")
    attention = np.zeros((k, n, m) if with_attention else (0, 0, 0), np.float32)
    bottleneck = np.zeros((0, 0, 0, 0), np.float32)
    if with_bottleneck:
        one_particle = structures.inputs[:1, :1]
        units = ensemble.bottleneck(one_particle, temperature, 0.5, checked=False).shape[-1]
        bottleneck = np.zeros((k, s, p, units), np.float32)
    correction = {name: value for name, value in prediction.items() if name != "fields"}
    fields = 0 if ensemble.residual is None else int(prediction.get("fields", 0))
    drawn = np.zeros((k if fields else 0, fields, s, p), np.float32)
    deviation = np.zeros(k if fields else 0)
    for i, c in enumerate(c_b):
        found = ensemble.predict_corrected(structures.inputs, temperature, c, **correction, checked=False)
        entered[i], mean[i], converged[i] = found.c_b_input, found.mean, found.converged
        propensity[i] = found.propensity
        if fields:
            stream = seed_sequence(seed, "residual_fields", key(temperature), key(c), p)
            boxes = [structures.box_length] * s
            whole = ensemble.distribution(
                found, structures.positions, boxes, temperature, c, fields, stream
            )  # fmt: skip
            drawn[i], deviation[i] = whole.fields, whole.deviation.mean()
        if with_attention:
            attention[i] = ensemble.attention(temperature, found.c_b_input, checked=False)
        if with_bottleneck:
            one, told = ensemble.of([0]), found.c_b_input[0]
            bottleneck[i] = one.bottleneck(structures.inputs, temperature, told, checked=False)[0]
        print(
            f"T = {temperature:g}, C_B = {c:g}: told {_range(found.c_b_input)}, mean {_range(found.mean)}, "
            f"{int(found.converged.sum())} of {n} converged after {found.iterations} corrections"
        )
    axes = ("c_b", "network", "structure", "particle")
    arrays = {
        "c_b": storage.Array(np.array(c_b, dtype=float), axes[:1]),
        "c_b_input": storage.Array(
            entered, axes[:2], "1", "C_B the network was told after the mean correction"
        ),
        "converged": storage.Array(converged, axes[:2]),
        "mean_prediction": storage.Array(mean, axes[:2]),
        "propensity": storage.Array(propensity, axes),
    }
    if fields:
        arrays["drawn"] = storage.Array(
            drawn, ("c_b", "field", "structure", "particle"), "1",
            "mean over the networks that reach C_B and a residual field each, drawn from its distribution",
        )  # fmt: skip
        arrays["deviation"] = storage.Array(
            deviation, axes[:1], "1", "standard deviation of the residual of a particle"
        )
    if with_attention:
        arrays["attention"] = storage.Array(attention, ("c_b", "network", "descriptor"))
    if with_bottleneck:
        arrays["bottleneck"] = storage.Array(
            bottleneck, ("c_b", "structure", "particle", "unit"), "1", "of the first network"
        )
    attributes = {
        "temperature": temperature,
        "names": list(ensemble.names),
        "lengths": list(ensemble.metadata["descriptors"]["lengths"]),
        "numbers": ensemble.metadata["numbers"],
        "test": list(test),
        "t_min": ensemble.metadata["t_min"],
        **({} if ensemble.label.is_clock else {"label": ensemble.label.name}),
    }
    made = provenance.collect("prediction", temperature=temperature, settings=dict(prediction))
    storage.write_arrays(output, arrays, made, attributes)


def bottlenecks_of(
    networks: Path, descriptors: Sequence[Path], structures: Sequence[int]
) -> dict[float, Callable[[np.ndarray], np.ndarray]]:
    """Bottlenecks of all kept networks at several temperatures, computed when asked for.

    Returns
    -------
    dict
        Temperature -> function from the C_B each network is told ``[networks]`` to the values of its units
        ``[networks, structures, particles, units]``; of the wanted structures, those that there are.
    """
    ensemble = load_networks(networks)

    def at(t: float, paths: Sequence[Path]) -> Callable[[np.ndarray], np.ndarray]:
        read = lru_cache(maxsize=1)(lambda: read_structures(paths, t, ensemble.scaling))

        def units(c_b: np.ndarray) -> np.ndarray:
            every = read()
            chosen = every.take([s for s in structures if s < len(every)])
            return ensemble.bottleneck(chosen.inputs, t, c_b, checked=False)

        return units

    return {t: at(t, paths) for t, paths in by_temperature(descriptors).items()}


def _range(values: np.ndarray) -> str:
    low, high = float(np.min(values)), float(np.max(values))
    return f"{low:.3f}" if high - low < 5e-4 else f"{low:.3f}..{high:.3f}"
