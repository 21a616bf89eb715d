"""Groups of settings: what they are, ranges they share, and sentences about values that are refused.

The run configuration is made of such groups, and so are the settings of the functions of the package.
"""

from tglassmlp.settings.group import Settings, fingerprint, plain, refuse_truth_values
from tglassmlp.settings.messages import check

__all__ = ["Settings", "check", "fingerprint", "plain", "refuse_truth_values"]
