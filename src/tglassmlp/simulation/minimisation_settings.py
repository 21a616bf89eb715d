"""What a search for inherent structures is asked for: a section of the configuration."""

from __future__ import annotations

from pydantic import Field

from tglassmlp.limits import SMALLEST_TOLERANCE
from tglassmlp.settings import Settings
from tglassmlp.settings.ranges import Count

__all__ = ["MinimisationSettings"]


class MinimisationSettings(Settings):
    """Inherent structures."""

    force_tolerance: float = Field(
        1e-6,
        ge=SMALLEST_TOLERANCE,
        le=1e-2,
        description="largest force at the minimum; rounding of the forces sets the lower limit",
    )
    maximum_steps: Count = Field(100_000, description="number of steps after which the minimisation fails")
