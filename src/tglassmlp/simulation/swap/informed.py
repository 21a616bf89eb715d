r"""Exchanges of species that are drawn by what they cost: locally balanced proposals.

At low temperature nearly all exchanges that are drawn blindly are refused. Here a block of exchanges of two
species a and b is made while positions stand still. The cost of making particle i of species a one of
species b, all others kept, is :math:`u_i = E_i^b - E_i^a`; that of the opposite change is
:math:`-u_i`. An exchange draws

* i among the particles of species a with probability :math:`w_i / Z_a`, :math:`w_i = e^{-u_i / 2T}`,
* j among those of species b with probability :math:`w_j / Z_b`, :math:`w_j = e^{+u_j / 2T}`,

and is accepted with probability :math:`\min(1, Z_a Z_b / Z'_a Z'_b)`, where the primed sums are those
after the exchange. Such square roots of Boltzmann factors are a locally balanced proposal (G. Zanella,
J. Am. Stat. Assoc. 115, 852 (2020)).

The ratio of sums holds at any distance of i and j. Let :math:`D = V_{aa} - 2 V_{ab} + V_{bb}` at
:math:`r_{ij}` (zero beyond the cut-offs). The exchange changes the energy by
:math:`\Delta = u_i - u_j - D`, and with it :math:`u'_i = u_i - D` and :math:`u'_j = u_j + D`. The
weights of the exchange and of its reverse are :math:`e^{-(\Delta + D)/2T}` and
:math:`e^{+(\Delta - D)/2T}`; their ratio is the inverse of the Boltzmann factor, so both cancel.

Only neighbours of i and j change their costs, each by D at its own distance. The species pair is drawn for a
whole block, independently of the state, so a table of one number per particle serves any mixture.

Weights lie between :math:`e^{-300}` and :math:`e^{300}` (:data:`LARGEST_EXPONENT`); where a cost asks for
more, what no longer cancels enters the acceptance. They are summed in groups of :data:`LEAF` particles, the
sums in about :math:`\sqrt{N}` larger groups, so that a draw takes :math:`O(\sqrt{N})` operations. Sums are
never updated by differences: a sum whose members changed is added up anew, so that a small weight is not lost
when a large one leaves. The table itself begins anew with each block; nothing but positions, species and
random numbers carries over.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.compilation import njit
from tglassmlp.simulation.energies import PairTables
from tglassmlp.simulation.inlined import FAST_MATH, choose, energy_of_square, nearest
from tglassmlp.simulation.neighbour_lists import GHOST, LANES
from tglassmlp.simulation.swap.generator import draw, unit
from tglassmlp.simulation.swap.groups import NeighbourList, System, Tally
from tglassmlp.simulation.swap.lists import relabel

__all__ = ["LARGEST_EXPONENT", "exchange_block"]

#: Particles whose weights make one sum of the lowest level.
LEAF: Final = 16

#: Weights are at most e to this power, and at least e to minus it.
LARGEST_EXPONENT: Final = 300.0

# 1.5 * 2**52: adding it rounds to a whole number, which the last bits of the sum then hold
_ROUNDER: Final = 6755399441055744.0


@njit(error_model="numpy", forceinline=True)
def exponentials(x: NDArray, count: int) -> None:
    """Replace ``x[:count]`` by their exponentials, to two units in the last place; at most 700 in size.

    Without calls and branches, so that it runs in vector registers.
    """
    for k in range(count):
        v = x[k]
        shifted = v * 1.4426950408889634 + _ROUNDER
        n = shifted - _ROUNDER
        # ln 2 in two parts: the product with the first is exact
        r = (v - n * 0.6931471803691238) - n * 1.9082149292705877e-10
        p = 1.0 / 479001600.0 + r * (1.0 / 6227020800.0)
        p = 1.0 / 39916800.0 + r * p
        p = 1.0 / 3628800.0 + r * p
        p = 1.0 / 362880.0 + r * p
        p = 1.0 / 40320.0 + r * p
        p = 1.0 / 5040.0 + r * p
        p = 1.0 / 720.0 + r * p
        p = 1.0 / 120.0 + r * p
        p = 1.0 / 24.0 + r * p
        p = 1.0 / 6.0 + r * p
        p = 0.5 + r * p
        p = 1.0 + r * (1.0 + r * p)
        power = (np.float64(shifted).view(np.int64) << np.int64(52)) + np.int64(4607182418800017408)
        x[k] = p * np.int64(power).view(np.float64)


@njit(error_model="numpy", forceinline=True, fastmath=FAST_MATH)
def species_cost(
    i: int, a: int, b: int, system: System, rows: NDArray, counts: NDArray, tables: PairTables
) -> float:
    """E^b - E^a of particle ``i``: its energy as species b less that as species a."""
    x, y, length = system.x, system.y, system.length
    row, constants = rows[i], tables.constants
    a_sigma, a_epsilon = tables.inverse_sigma2[a], tables.epsilon4[a]
    b_sigma, b_epsilon = tables.inverse_sigma2[b], tables.epsilon4[b]
    xi, yi = x[i], y[i]
    inverse = 1.0 / length
    sc, c0, c2, c4 = constants[0], constants[1], constants[2], constants[3]
    a0, a1, a2, a3 = a_sigma[0], a_sigma[1], a_sigma[2], a_sigma[3]
    e0, e1, e2, e3 = a_epsilon[0], a_epsilon[1], a_epsilon[2], a_epsilon[3]
    b0, b1, b2, b3 = b_sigma[0], b_sigma[1], b_sigma[2], b_sigma[3]
    f0, f1, f2, f3 = b_epsilon[0], b_epsilon[1], b_epsilon[2], b_epsilon[3]
    total = 0.0
    for k in range((counts[i] + LANES - 1) // LANES * LANES):
        entry = row[k]
        kind = entry & np.uint32(7)
        j = entry >> np.uint32(3)
        dx = nearest(x[j] - xi, length, inverse)
        dy = nearest(y[j] - yi, length, inverse)
        r2 = dx * dx + dy * dy + (1e30 if kind == GHOST else 0.0)
        sa = r2 * choose(kind, a0, a1, a2, a3, 1.0)
        sb = r2 * choose(kind, b0, b1, b2, b3, 1.0)
        # one division for both
        both = 1.0 / (sa * sb)
        inv = both * sb
        cube = inv * inv * inv
        va = choose(kind, e0, e1, e2, e3, 0.0) * energy_of_square(cube, sa, c0, c2, c4)
        inv = both * sa
        cube = inv * inv * inv
        vb = choose(kind, f0, f1, f2, f3, 0.0) * energy_of_square(cube, sb, c0, c2, c4)
        total += (vb if sb < sc else 0.0) - (va if sa < sc else 0.0)
    return total


@njit(error_model="numpy", forceinline=True, fastmath=FAST_MATH)
def _differences(
    i: int,
    system: System,
    rows: NDArray,
    counts: NDArray,
    inverse_sigma2: NDArray,
    epsilon: NDArray,
    constants: NDArray,
    differences: NDArray,
) -> None:
    """``differences[k]`` = V_aa - 2 V_ab + V_bb of particle ``i`` and its neighbour k.

    Tables are ``[3]``: aa, ab, bb.
    """
    x, y, length = system.x, system.y, system.length
    row = rows[i]
    xi, yi = x[i], y[i]
    inverse = 1.0 / length
    sc, c0, c2, c4 = constants[0], constants[1], constants[2], constants[3]
    a0, a1, a2 = inverse_sigma2[0], inverse_sigma2[1], inverse_sigma2[2]
    d0, d1, d2 = 1.0 / a0, 1.0 / a1, 1.0 / a2
    e0, e1, e2 = epsilon[0], -2.0 * epsilon[1], epsilon[2]
    for k in range((counts[i] + LANES - 1) // LANES * LANES):
        entry = row[k]
        j = entry >> np.uint32(3)
        dx = nearest(x[j] - xi, length, inverse)
        dy = nearest(y[j] - yi, length, inverse)
        r2 = dx * dx + dy * dy + (1e30 if entry & np.uint32(7) == GHOST else 0.0)
        inv = 1.0 / r2
        s = r2 * a0
        cube = (inv * d0) * (inv * d0) * (inv * d0)
        v = e0 * energy_of_square(cube, s, c0, c2, c4)
        total = v if s < sc else 0.0
        s = r2 * a1
        cube = (inv * d1) * (inv * d1) * (inv * d1)
        v = e1 * energy_of_square(cube, s, c0, c2, c4)
        total += v if s < sc else 0.0
        s = r2 * a2
        cube = (inv * d2) * (inv * d2) * (inv * d2)
        v = e2 * energy_of_square(cube, s, c0, c2, c4)
        total += v if s < sc else 0.0
        differences[k] = total


@njit(error_model="numpy", forceinline=True, fastmath=FAST_MATH)
def _sum_signed(values: NDArray, begin: int, end: int) -> tuple[float, float]:
    """Sum of the positive values and of the sizes of the negative ones."""
    positive = 0.0
    negative = 0.0
    for k in range(begin, end):
        v = values[k]
        positive += max(v, 0.0)
        negative += max(-v, 0.0)
    return positive, negative


@njit(error_model="numpy", forceinline=True, fastmath=FAST_MATH)
def _sum(values: NDArray, begin: int, end: int) -> float:
    total = 0.0
    for k in range(begin, end):
        total += values[k]
    return total


@njit(error_model="numpy", forceinline=True)
def _pick(target: float, sign: float, weights: NDArray, leaves: NDArray, nodes: NDArray, fan: int) -> int:
    """Particle at which the running sum of the weights of one sign passes ``target``."""
    node = 0
    while node < nodes.shape[0] - 1 and target >= nodes[node]:
        target -= nodes[node]
        node += 1
    leaf = node * fan
    last = min(leaf + fan, leaves.shape[0]) - 1
    while leaf < last and target >= leaves[leaf]:
        target -= leaves[leaf]
        leaf += 1
    k = leaf * LEAF
    last = k + LEAF - 1
    while k < last and target >= max(sign * weights[k], 0.0):
        target -= max(sign * weights[k], 0.0)
        k += 1
    # rounding of the sums may lead past the last particle that has a weight
    while sign * weights[k] <= 0.0:
        k = k - 1 if k > 0 else weights.shape[0] - 1
    return k


@njit(error_model="numpy", forceinline=True)
def _limited(exponent: float) -> float:
    return min(max(exponent, -LARGEST_EXPONENT), LARGEST_EXPONENT)


@njit(error_model="numpy")
def exchange_block(
    tries: int,
    pair_shares: NDArray,
    system: System,
    neighbours: NeighbourList,
    tables: PairTables,
    temperature: float,
    generator: NDArray,
    tally: Tally,
    trace: NDArray,
) -> tuple[float, int]:
    """Try ``tries`` exchanges of one species pair at standing positions.

    Parameters
    ----------
    tries
        Number of exchanges to try.
    pair_shares
        ``[S, S]`` probability that the block exchanges species a and b, in ``a < b``; their sum is 1.
    system, neighbours, tables
        Particles, whose types are changed; their neighbour list, valid at the positions, whose types are kept
        up to date; their potential.
    temperature
        T.
    generator
        ``[4]`` state of the random numbers.
    tally
        Its ``pair_counts`` are counted up.
    trace
        ``[tries, 4]`` to be filled with i, j, the ratio of sums Z_a Z_b / Z'_a Z'_b and 1 for accepted; or
        ``[0, 4]``.

    Returns
    -------
    energy
        Change of the potential energy of the system.
    accepted
        Number of exchanges accepted.
    """
    x, types = system.x, system.types
    rows, counts = neighbours.rows, neighbours.counts
    inverse_sigma2, epsilon4, constants = tables.inverse_sigma2, tables.epsilon4, tables.constants
    pair_counts = tally.pair_counts
    n = x.shape[0]
    n_species = pair_shares.shape[0]
    s0, s1, s2, s3 = generator[0], generator[1], generator[2], generator[3]
    r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
    u = unit(r)
    a = b = 0
    for first in range(n_species):
        for second in range(first + 1, n_species):
            if pair_shares[first, second] > 0.0 and (u >= 0.0 or b == 0):
                a, b = first, second
                u -= pair_shares[first, second]
    half = 0.5 / temperature
    pair_sigma = np.array([inverse_sigma2[a, a], inverse_sigma2[a, b], inverse_sigma2[b, b]])
    pair_epsilon = np.array([epsilon4[a, a], epsilon4[a, b], epsilon4[b, b]])

    # the table: cost u_i, and signed weights: positive for species a, negative for species b
    n_leaves = (n + LEAF - 1) // LEAF
    fan = max(LEAF, int(np.sqrt(n_leaves)))
    n_nodes = (n_leaves + fan - 1) // fan
    cost = np.zeros(n)
    side = np.zeros(n)
    weights = np.zeros(n_leaves * LEAF)
    for i in range(n):
        if types[i] == a or types[i] == b:
            side[i] = 1.0 if types[i] == a else -1.0
            cost[i] = species_cost(i, a, b, system, rows, counts, tables)
            weights[i] = _limited(-side[i] * cost[i] * half)
    exponentials(weights, n)
    for i in range(n):
        weights[i] *= side[i]
    leaves = np.zeros((2, n_leaves))
    nodes = np.zeros((2, n_nodes))
    for leaf in range(n_leaves):
        leaves[0, leaf], leaves[1, leaf] = _sum_signed(weights, leaf * LEAF, leaf * LEAF + LEAF)
    for node in range(n_nodes):
        begin, end = node * fan, min(node * fan + fan, n_leaves)
        nodes[0, node], nodes[1, node] = _sum(leaves[0], begin, end), _sum(leaves[1], begin, end)
    z_a, z_b = _sum(nodes[0], 0, n_nodes), _sum(nodes[1], 0, n_nodes)

    width = rows.shape[1]
    differences = np.empty(width)
    # neighbours and differences of the particles drawn in this block
    most = min(2 * tries, n)
    used = 0
    slots = np.full(n, -1)
    sizes = np.empty(most, np.int64)
    kept_near = np.empty((most, width + 2), np.int32)
    kept_steps = np.empty((most, width + 2))
    near = np.empty(2 * width + 2, np.int64)
    old_cost = np.empty(2 * width + 2)
    old_weight = np.empty(2 * width + 2)
    exponents = np.empty(2 * width + 2)
    leaf_stamp = np.full(n_leaves, -1)
    node_stamp = np.full(n_nodes, -1)
    leaf_list = np.empty(n_leaves + 1, np.int64)
    node_list = np.empty(n_nodes, np.int64)
    old_leaves = np.empty((2, n_leaves))
    old_nodes = np.empty((2, n_nodes))
    energy = 0.0
    accepted = 0
    for attempt in range(tries):
        r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
        u = unit(r)
        i = _pick(u * z_a, 1.0, weights, leaves[0], nodes[0], fan)
        r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
        u = unit(r)
        j = _pick(u * z_b, -1.0, weights, leaves[1], nodes[1], fan)

        # i becomes b, then j becomes a: costs of the neighbours of either
        cost_i, cost_j = cost[i], cost[j]
        middle = cost_j
        changed = 0
        n_leaf = 0
        side[i], side[j] = -1.0, 1.0
        for p, sign in ((i, 1.0), (j, -1.0)):
            slot = slots[p]
            if slot < 0:
                # drawn for the first time in this block: the same particles are drawn again and again
                slot = used
                used += 1
                slots[p] = slot
                _differences(p, system, rows, counts, pair_sigma, pair_epsilon, constants, differences)
                # the particle itself comes first, since its weight changes too
                kept_near[slot, 0] = p
                kept_steps[slot, 0] = 0.0
                size = 1
                for k in range(counts[p]):
                    q = np.int64(rows[p, k] >> np.uint32(3))
                    kept_near[slot, size] = q
                    kept_steps[slot, size] = differences[k]
                    size += 1 if (differences[k] != 0.0 and side[q] != 0.0) else 0
                sizes[slot] = size
            for k in range(sizes[slot]):
                q = np.int64(kept_near[slot, k])
                near[changed] = q
                old_cost[changed] = cost[q]
                old_weight[changed] = weights[q]
                changed += 1
                cost[q] += sign * kept_steps[slot, k]
                group = q // LEAF
                leaf_list[n_leaf] = group
                n_leaf += 1 if leaf_stamp[group] != attempt else 0
                leaf_stamp[group] = attempt
            if p == i:
                middle = cost[j]
        change = cost_i - middle
        for k in range(changed):
            q = near[k]
            exponents[k] = _limited(-side[q] * cost[q] * half)
        exponentials(exponents, changed)
        for k in range(changed):
            q = near[k]
            weights[q] = side[q] * exponents[k]
        n_node = 0
        for k in range(n_leaf):
            leaf = leaf_list[k]
            old_leaves[0, k], old_leaves[1, k] = leaves[0, leaf], leaves[1, leaf]
            leaves[0, leaf], leaves[1, leaf] = _sum_signed(weights, leaf * LEAF, leaf * LEAF + LEAF)
            node = leaf // fan
            if node_stamp[node] != attempt:
                node_stamp[node] = attempt
                node_list[n_node] = node
                n_node += 1
        for k in range(n_node):
            node = node_list[k]
            begin, end = node * fan, min(node * fan + fan, n_leaves)
            old_nodes[0, k], old_nodes[1, k] = nodes[0, node], nodes[1, node]
            nodes[0, node], nodes[1, node] = _sum(leaves[0], begin, end), _sum(leaves[1], begin, end)
        new_a, new_b = _sum(nodes[0], 0, n_nodes), _sum(nodes[1], 0, n_nodes)
        ratio = (z_a / new_a) * (z_b / new_b)
        before_i, before_j, after_i, after_j = half * cost_i, half * cost_j, half * cost[i], half * cost[j]
        largest = max(max(abs(before_i), abs(before_j)), max(abs(after_i), abs(after_j)))
        if largest > LARGEST_EXPONENT:
            # limited weights do not cancel the Boltzmann factor
            forward = _limited(before_j) - _limited(before_i)
            reverse = _limited(after_i) - _limited(after_j)
            ratio *= np.exp(reverse - forward - 2.0 * half * change)
        accept = ratio >= 1.0
        if not accept:
            r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
            accept = unit(r) < ratio
        if trace.shape[0] > 0:
            trace[attempt, 0], trace[attempt, 1], trace[attempt, 2] = i, j, ratio
            trace[attempt, 3] = 1.0 if accept else 0.0
        if accept:
            energy += change
            accepted += 1
            z_a, z_b = new_a, new_b
        else:
            side[i], side[j] = 1.0, -1.0
            for k in range(changed - 1, -1, -1):
                cost[near[k]] = old_cost[k]
                weights[near[k]] = old_weight[k]
            for k in range(n_leaf):
                leaves[0, leaf_list[k]], leaves[1, leaf_list[k]] = old_leaves[0, k], old_leaves[1, k]
            for k in range(n_node):
                nodes[0, node_list[k]], nodes[1, node_list[k]] = old_nodes[0, k], old_nodes[1, k]

    for p in range(n):
        if side[p] == 0.0:
            continue
        new = a if side[p] > 0.0 else b
        old = types[p]
        if new != old:
            types[p] = new
            relabel(rows, counts, p, old, new)
    generator[0], generator[1], generator[2], generator[3] = s0, s1, s2, s3
    pair_counts[0, a, b] += tries
    pair_counts[1, a, b] += accepted
    return energy, accepted
