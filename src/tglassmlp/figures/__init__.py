"""Figures of the paper, drawn from small tables only; no physics happens here.

:mod:`tglassmlp.figures.registry` lists them. Importing this package does not load matplotlib.
"""
