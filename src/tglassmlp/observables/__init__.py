"""What is measured on propensity fields, of molecular dynamics and of networks alike.

One module for each quantity: its formula and its estimators, all functions of plain arrays. The run's files
are read, and tables made of them, in :mod:`tglassmlp.tables`.
"""
