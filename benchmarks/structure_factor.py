"""Speed of S_4(q) of a paper-size system by FFT, against the exact sum with factorised phases."""

import time

import numpy as np
from benchmarks.scale import sized

from tglassmlp.observables.structure_factor import Shells, structure_factor_direct, structure_factor_fft


def seconds_per_field(function, fields, positions, shells):
    """Processor seconds per field: the second of two calls."""
    function(fields, positions, shells)
    start = time.process_time()
    function(fields, positions, shells)
    return (time.process_time() - start) / len(fields)


def rows():
    """One row: S_4 of 38400 central particles up to q = 2, four fields at a time."""
    rng = np.random.default_rng(0)
    box, n = sized((263.17, 38400), (32.9, 600))
    positions, fields = rng.uniform(0, box, (n, 2)), rng.normal(size=(4, n))
    shells = Shells(box, 2.0)
    fast = seconds_per_field(structure_factor_fft, fields, positions, shells)
    direct = seconds_per_field(structure_factor_direct, fields, positions, shells)
    return [
        {
            "name": f"S_4(q) of {n} particles, q < 2, per field, by FFT",
            "value": 1e3 * fast,
            "unit": "ms",
            "cores": 1,
            "peer": "direct sum (NumPy)",
            "peer_value": 1e3 * direct,
            "ratio": direct / fast,
        }
    ]
