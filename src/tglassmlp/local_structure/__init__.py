"""Structural descriptors of inherent structures: local quantities, coarse-graining, standardisation."""
