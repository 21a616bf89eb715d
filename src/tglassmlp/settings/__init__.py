"""Groups of settings: what they are, ranges they share, and sentences about values that are refused.

The run configuration is made of such groups, and so are the settings of the functions of the package.
"""

from tglassmlp.settings.checked import check, check_value, key_of, refuse_out_of_range
from tglassmlp.settings.group import Settings, fingerprint, plain, refuse_truth_values

__all__ = [
    "Settings",
    "check",
    "check_value",
    "fingerprint",
    "key_of",
    "plain",
    "refuse_out_of_range",
    "refuse_truth_values",
]
