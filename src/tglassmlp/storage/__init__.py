"""Files: every one is written whole or not at all, carries its provenance, and is checked when read.

GSD holds configurations, HDF5 arrays with named axes and units, Parquet tables, JSON quoted numbers,
NPZ network weights. Nothing is pickled, nothing read is ever executed.

Every format carries a SHA-256 of its content (NPZ: the CRC of the archive). A reader raises `ValueError`
(`FileNotFoundError` where there is nothing) and names the file, whatever is wrong with it. Inside a run
(:func:`work_for`) a file belongs to its place, run and mixture: see :mod:`tglassmlp.storage.run_at_work`.

=======================  =================================================================================
``run_at_work``          which run this process works for, and what its files carry of it
``expected``             which mixture a reader expects where nobody has named one
``atomic``               writing whole or not at all
``reading``              checks and sentences that all readers share
``seal``                 a checksum for formats without one
``arrays``               HDF5
``tables``               Parquet, and CSV beside it
``json_files``           JSON
``npz``                  NPZ
``write_gsd``            configurations to GSD
``read_gsd``             configurations from GSD
=======================  =================================================================================

A format is added as a module that writes through :func:`atomic_path` what
:func:`tglassmlp.storage.run_at_work.stamped` makes of its provenance, and reads with
:func:`tglassmlp.storage.run_at_work.check_belongs`.
"""

from tglassmlp.storage.arrays import (
    Array,
    array_names,
    read_arrays,
    read_attributes,
    read_chunks,
    write_arrays,
)
from tglassmlp.storage.atomic import atomic_path, remove_unfinished
from tglassmlp.storage.expected import EXPECTED, AssumedMixture
from tglassmlp.storage.json_files import read_json, write_json
from tglassmlp.storage.npz import read_npz, write_npz
from tglassmlp.storage.read_gsd import (
    check_reader_arguments,
    named_mixture,
    read_configurations,
    read_mixture,
)
from tglassmlp.storage.reading import ADVICE, advice
from tglassmlp.storage.run_at_work import work_for
from tglassmlp.storage.tables import read_table, read_table_provenance, write_table
from tglassmlp.storage.write_gsd import checked_to_write, write_configurations

__all__ = [
    "ADVICE",
    "EXPECTED",
    "Array",
    "AssumedMixture",
    "advice",
    "array_names",
    "atomic_path",
    "check_reader_arguments",
    "checked_to_write",
    "named_mixture",
    "read_arrays",
    "read_attributes",
    "read_chunks",
    "read_configurations",
    "read_json",
    "read_mixture",
    "read_npz",
    "read_table",
    "read_table_provenance",
    "remove_unfinished",
    "work_for",
    "write_arrays",
    "write_configurations",
    "write_json",
    "write_npz",
    "write_table",
]
