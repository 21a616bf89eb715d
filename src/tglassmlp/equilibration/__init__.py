r"""Equilibrium structures by swap Monte Carlo, and the proof that they are equilibrated.

:mod:`~tglassmlp.equilibration.schedule` says what is annealed how long,
:mod:`~tglassmlp.equilibration.runner` leads chains of any sampler through it for
:mod:`~tglassmlp.equilibration.structures`, and :mod:`~tglassmlp.equilibration.checks` measures what came of
it, without knowing a limit; :mod:`~tglassmlp.equilibration.verdict` holds the measurements against limits.
Further proofs are :mod:`~tglassmlp.equilibration.heat_capacity`, :mod:`~tglassmlp.equilibration.reweighting`,
:mod:`~tglassmlp.equilibration.fluctuations` and :mod:`~tglassmlp.equilibration.extended_check`
(docs/equilibrium.md).
"""
