"""GlassBench: read the published isoconfigurational data of KA2D, and write our own in the same layout.

GlassBench (doi 10.5281/zenodo.10118191, CC-BY-4.0; G. Jung et al., arXiv:2311.14752) keeps one file per
structure and time:

.. code-block:: text

    KA2D_trajectories/T0.23/{train,test}/N1290T0.23_<structure>_tc<code>.npz     or
    KA2D_trajectories/T0.23.tar.xz KA2D_results/times_0.23.dat
    one time per line

The codes stand for the times in rising order and are evenly spaced: 05, 10, ..., 40 for the eight times of
T = 0.23, from 01 on for the six of T = 0.30. Arrays of a file: ``box`` (scalar), ``types`` ``[N]`` from 1,
``initial_positions`` ``[N, 2]``, ``positions`` ``[replica, N, 2]``, at some temperatures
``initial_positions_inherent`` ``[N, 2]``. Positions are rounded to six digits, and unwrapped at some
temperatures (0.23), wrapped at others (0.30): which of it is found out from the data. Files that this package
writes also hold their ``time`` (scalar).

Of the published record, these trajectories and their lists of times are read. Its ``KA2D_models`` (structures
with propensities and predictions, without box and trajectories) and all of ``KA`` (three-dimensional) are
recognised and refused.

Archives are read as streams: nothing is unpacked to disk, no name in an archive is used as a path, nothing is
unpickled.

=================  =======================================================================================
``layout``         names of folders and files, the list of times
``files``          one file, checked; the files of a folder or an archive
``time_codes``     which codes stand for which times
``motion``         true displacements
``structures``     files put together to structures: :func:`read_glassbench`
``writing``        the same layout written
``in_a_run``       published structures as files of a run
=================  =======================================================================================
"""

from tglassmlp.readers.glassbench.layout import PARTS, locate, read_times
from tglassmlp.readers.glassbench.structures import Isoconfigurational, read_glassbench, select_structures
from tglassmlp.readers.glassbench.writing import write_glassbench

__all__ = [
    "PARTS",
    "Isoconfigurational",
    "locate",
    "read_glassbench",
    "read_times",
    "select_structures",
    "write_glassbench",
]
