"""Structural descriptors of inherent structures: local quantities, coarse-graining, standardisation.

The subpackage shares its name with the public function ``tglassmlp.descriptors(inherent, lengths)``. Python
binds the name to this module as soon as any part of it is imported, so the module itself can be called and
does what :func:`tglassmlp.descriptors.describe.descriptors` does.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallableModule(ModuleType):
    """A module that acts as the function of its name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Descriptors of an inherent structure; see ``describe.descriptors``."""
        from tglassmlp.descriptors.describe import descriptors

        return descriptors(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
