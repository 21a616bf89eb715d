"""Equilibrium structures and their dynamics: the compiled engine and its protocol."""
