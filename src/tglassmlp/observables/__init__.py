"""What is measured on propensity fields, of molecular dynamics and of networks alike.

Pure functions of arrays; :mod:`tglassmlp.observables.tables` reads the run's files and makes the tables.
"""
