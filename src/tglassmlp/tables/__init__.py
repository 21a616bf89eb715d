"""Tables of a run: its files are read, its state points gone through one by one, rows written.

What a quantity is, and how it is estimated from plain arrays, stands in :mod:`tglassmlp.observables`; here is
what surrounds that. :class:`~tglassmlp.tables.state_points.StatePoints` goes through the files, and each of
the other modules makes one table, or two that come from one calculation. Columns common to all:

``method``
    ``md`` (propensities of molecular dynamics), the name of the network, or of a baseline
    (:mod:`tglassmlp.methods`).
``t_min``
    Lowest temperature whose labels the network has seen, as in file names; empty for the others.
``temperature``, ``c_b``, ``time``, ``time_error``, ``time_from``, ``tau``
    The state point; the time is the measured one where there is dynamics, else that of the master curve.
``error_structures``, ``spread``, ``error``
    Error over structures, standard deviation over networks, and both in quadrature.
``n_networks``, ``n_unconverged``
    Networks in the value, and networks left out because their mean correction has not reached C_B: those are
    not at that state point. With none left the value is NaN.

To add an observable: a function on arrays in :mod:`tglassmlp.observables`, here a module whose function goes
through :class:`~tglassmlp.tables.state_points.StatePoints` and returns a data frame, a script and a rule that
write it, and a figure that reads it (:mod:`tglassmlp.figures.registry`).
"""
