"""Swap Monte Carlo: moves, informed exchanges, sweeps made of them, chains of sweeps, samplers of chains."""
