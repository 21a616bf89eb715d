"""What trajectories say: bond-breaking propensity, relaxation times, labels."""
