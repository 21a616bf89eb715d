"""Susceptibilities, structure factors and length scales of propensity fields."""
