"""Learning glassy dynamics: from swap Monte Carlo structures to the dynamics at the glass transition."""
