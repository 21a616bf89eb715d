"""Numbers of the scheme of swap Monte Carlo that settings and schedules share."""

from __future__ import annotations

from typing import Final

__all__ = ["EXCHANGES_PER_SWEEP", "EXCHANGE_INTERVAL", "HYBRID_STEPS", "TUNING_INTERVAL"]

#: Sweeps between two adjustments of the displacement while it is tuned.
TUNING_INTERVAL: Final = 10

#: Informed exchanges tried per sweep, as a share of the number of particles.
EXCHANGES_PER_SWEEP: Final = 0.04

#: Sweeps between two blocks of informed exchanges.
EXCHANGE_INTERVAL: Final = 4

#: Time steps of molecular dynamics that take the place of a sweep of displacements in the hybrid scheme.
HYBRID_STEPS: Final = 25
