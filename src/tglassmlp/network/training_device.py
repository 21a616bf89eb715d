"""Device of trainings: that of JAX's own choice, or the one that the environment asks for."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["TRAINING_VARIABLE", "use_training_device", "wanted_device"]

#: Environment variable that names the device: ``cpu``, ``gpu``, or nothing for what JAX takes by itself.
TRAINING_VARIABLE: Final = "TGLASSMLP_TRAINING_DEVICE"


def wanted_device() -> str:
    """Return the device that the environment asks for, empty if it asks for none.

    Raises
    ------
    ValueError
        If it is neither ``cpu`` nor ``gpu``.
    """
    wanted = os.environ.get(TRAINING_VARIABLE, "")
    if wanted not in ("", "cpu", "gpu"):
        raise ValueError(f"environment variable {TRAINING_VARIABLE}: found {wanted!r}, allowed: cpu, gpu")
    return wanted


def use_training_device() -> None:
    """Let JAX compute on the device that the environment asks for.

    Raises
    ------
    ValueError
        As :func:`wanted_device`.
    RuntimeError
        If JAX has no such device here.
    """
    wanted = wanted_device()
    if not wanted:
        return
    import jax

    try:
        found = jax.devices(wanted)
    except RuntimeError as error:
        raise RuntimeError(
            f"{TRAINING_VARIABLE}={wanted}, but JAX has no such device here ({str(error).splitlines()[0]}). "
            f"With a card of NVIDIA install `pip install 'jax[cuda12]=={jax.__version__}'`, and leave "
            "JAX_PLATFORMS empty"
        ) from error
    jax.config.update("jax_default_device", found[0])
