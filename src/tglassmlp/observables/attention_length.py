r"""Length scale of the attention layer.

The attention weights of all descriptors coarse-grained over the same length L are averaged and normalised to
a distribution P(L); its mean is the attention length :math:`\langle L \rangle = \sum_L L\,P(L)`. Source: text
of Sec. VI of arXiv:2310.20252, which averages each descriptor's weight over the particles and then over all
descriptors of one length. Here the attention depends on the state point only, so that the average over
particles changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tglassmlp.local_structure.names import descriptor_lengths

__all__ = ["attention_distribution", "attention_length"]


def attention_distribution(
    weights: NDArray, names: Sequence[str], mean: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distribution P(L) of the attention over coarse-graining lengths.

    Parameters
    ----------
    weights
        ``[..., M]`` attention weights of the descriptors.
    names
        ``[M]`` descriptor names.
    mean
        Average over the descriptors of one length (as the paper does) instead of adding them up. The two
        differ where a length has fewer descriptors than the others (L = 0: only the particle itself).

    Returns
    -------
    lengths
        ``[K]``, ascending.
    distribution
        ``[..., K]``, sums to one over K.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape[-1] != len(names):
        raise ValueError(f"{weights.shape[-1]} weights for {len(names)} descriptors")
    of = descriptor_lengths(names)
    lengths = np.unique(of)
    member = (of[:, None] == lengths[None, :]).astype(float)
    if mean:
        member /= member.sum(axis=0)
    summed = weights @ member
    return lengths, summed / summed.sum(axis=-1, keepdims=True)


def attention_length(lengths: NDArray, distribution: NDArray) -> NDArray[np.float64]:
    """Mean length of P(L): ``[..., K]`` gives ``[...]``."""
    return np.asarray(distribution @ np.asarray(lengths, dtype=np.float64))
