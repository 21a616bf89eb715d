// Swap Monte Carlo of many structures at once: one block of threads moves one structure.
//
// Attempts follow one after the other, as on a CPU. The threads of the block share out the pairs of one attempt, the
// particles of a table, the weights of a sum. Each kind of attempt keeps detailed balance by itself, so no attempt is
// ever made at the same time as another one of the same structure.
//
// Coordinates are whole numbers in units of L / 2^32, whose differences are nearest images by themselves. The energy
// of a pair is computed in single precision and rounded to a whole number of units of 2^-20 (ENERGY_UNIT). All sums
// of energies are therefore exact and do not depend on their order: the running energy equals the recomputed one to
// the last bit, and a card and g++ follow the same path. What is sampled is the Boltzmann distribution of these
// energies. Weights of exchanges and their sums are double precision, added in an order that is fixed.
//
// Particles are found through cells at least as wide as the largest cut-off, which are kept up to date with every
// move; the order within a cell has no influence. A move into a cell without a free slot is refused and counted.
//
// The exchanges are those of tglassmlp/simulation/swap/informed.py, where they are derived.
#include "philox.h"

constexpr int SPECIES = 4;  // tables are [SPECIES, SPECIES]
constexpr double ENERGY_UNIT = 1.0 / 1048576.0;
constexpr float LARGEST_ENERGY = 2000.0f;  // of a pair, so that it fits in 32 bits
constexpr double LARGEST_EXPONENT = 300.0;

// Places in ``counters``.
enum {
    DISPLACEMENTS_TRIED, DISPLACEMENTS_ACCEPTED, EXCHANGES_TRIED, EXCHANGES_ACCEPTED,
    BLOCKS, PHASE, ENERGY, FULL_CELLS, COUNTERS
};

// Kinds of random numbers.
enum { DISPLACEMENT, DRAW, DECISION, PAIR };

struct SwapParameters {
    i64 particles;  // N
    i64 cells;      // per side: 1, or at least 3
    i64 slot_bits;  // a cell holds 2^slot_bits particles
    i64 sweeps;     // to be made
    i64 interval;   // sweeps between two blocks of exchanges
    i64 tries;      // exchanges of a block
    i64 traced;     // whether the last block of exchanges is written to ``trace``
    double temperature;
    u32* positions;        // [structures, N, 2] in units of L / 2^32
    i32* images;           // [structures, N, 2] boxes that a particle has crossed
    i32* types;            // [structures, N]
    const u32* keys;       // [structures, 2]
    const u32* sides;      // [structures] side of the square of displacements, in units of L / 2^32
    i64* counters;         // [structures, COUNTERS]
    i64* pair_counts;      // [structures, 2, SPECIES, SPECIES] exchanges tried and accepted
    i64* costs;            // [structures, N] working space
    double* weights;       // [structures, N] working space
    const float* tables;   // [2, SPECIES, SPECIES] 1 / sigma^2 (units of L / 2^32), 4 epsilon; then x_c^2, C0, C2, C4
    const double* shares;  // [SPECIES, SPECIES] probability of a block of exchanges of species a < b
    double* trace;         // [structures, tries, 4]: i, j, ratio, accepted
};

struct Place {
    u32 x, y;
};

// What a block of threads works on.
struct Structure {
    int n, cells, slot_bits, threads;
    Place* place;      // shared
    double* strands;   // shared, [2, threads]: sums of the weights of particles t, t + threads, ... of either species
    float* tables;     // shared
    int* filled;       // shared: particles of each cell
    u16* slots;        // shared: their numbers
    u8* type;          // shared
    i64* costs;        // global
    double* weights;   // global
};

// ---------------------------------------------------------------------------------------------- energies

// Energy of a pair in units of ENERGY_UNIT; the same for both orders of the pair.
TG_DEVICE i32 pair_energy(const float* tables, int kind, float r2) {
    const float* constants = tables + 2 * SPECIES * SPECIES;
    const float s = r2 * tables[kind];
    if (!(s < constants[0])) return 0;
    const float inverse = reciprocal(s);
    const float cube = inverse * inverse * inverse;
    float v = fused(cube, cube - 1.0f, fused(s, fused(constants[3], s, constants[2]), constants[1]));
    v = tables[SPECIES * SPECIES + kind] * v;
    return nearest_i32((v < LARGEST_ENERGY ? v : LARGEST_ENERGY) * 1048576.0f);
}

TG_DEVICE float square_of_distance(Place a, Place b) {
    const float x = (float)(i32)(a.x - b.x), y = (float)(i32)(a.y - b.y);
    return fused(x, x, y * y);
}

// V_aa - 2 V_ab + V_bb at a distance, in units of ENERGY_UNIT.
TG_DEVICE i64 second_difference(const float* tables, int a, int b, float r2) {
    return (i64)pair_energy(tables, a * SPECIES + a, r2) - 2 * (i64)pair_energy(tables, a * SPECIES + b, r2) +
           (i64)pair_energy(tables, b * SPECIES + b, r2);
}

// ------------------------------------------------------------------------------------------------- cells

// Column and row of a cell; its number is x cells + y.
struct Cell {
    int x, y;
};

TG_DEVICE Cell cell_of(const Structure& s, Place at) {
    return {(int)high_product(at.x, (u32)s.cells), (int)high_product(at.y, (u32)s.cells)};
}

TG_DEVICE int number_of(const Structure& s, Cell cell) { return cell.x * s.cells + cell.y; }

// Number of slots around a cell.
TG_DEVICE int around(const Structure& s) { return (s.cells == 1 ? 1 : 9) << s.slot_bits; }

// Particle in slot k of those around a cell, or -1.
TG_DEVICE int candidate(const Structure& s, Cell cell, int k) {
    const int which = k >> s.slot_bits, slot = k - (which << s.slot_bits);
    int other = 0;
    if (s.cells > 1) {
        const int column = which * 11 >> 5;  // which / 3
        int x = cell.x + column - 1, y = cell.y + which - 3 * column - 1;
        x += x < 0 ? s.cells : x >= s.cells ? -s.cells : 0;
        y += y < 0 ? s.cells : y >= s.cells ? -s.cells : 0;
        other = x * s.cells + y;
    }
    return slot < s.filled[other] ? (int)s.slots[(other << s.slot_bits) + slot] : -1;
}

// -------------------------------------------------------------------------------------------- arithmetic

// e^x for |x| <= 700, to two units in the last place.
TG_DEVICE double exponential(double x) {
    const double shifted = fused(x, 1.4426950408889634, 6755399441055744.0);
    const double whole = shifted - 6755399441055744.0;
    const double r = fused(whole, -1.9082149292705877e-10, fused(whole, -0.6931471803691238, x));
    double p = 1.0 / 6227020800.0;
    p = fused(r, p, 1.0 / 479001600.0);
    p = fused(r, p, 1.0 / 39916800.0);
    p = fused(r, p, 1.0 / 3628800.0);
    p = fused(r, p, 1.0 / 362880.0);
    p = fused(r, p, 1.0 / 40320.0);
    p = fused(r, p, 1.0 / 5040.0);
    p = fused(r, p, 1.0 / 720.0);
    p = fused(r, p, 1.0 / 120.0);
    p = fused(r, p, 1.0 / 24.0);
    p = fused(r, p, 1.0 / 6.0);
    p = fused(r, p, 0.5);
    p = fused(r, p, 1.0);
    p = fused(r, p, 1.0);
    return p * power_of_two((i64)whole);
}

TG_DEVICE double limited(double exponent) {
    return exponent < -LARGEST_EXPONENT ? -LARGEST_EXPONENT : exponent > LARGEST_EXPONENT ? LARGEST_EXPONENT : exponent;
}

// Whether a random number in (0, 1) lies below e^exponent.
TG_DEVICE bool below(double number, double exponent) {
    return exponent >= 0.0 || (exponent > -700.0 && number < exponential(exponent));
}

// Displacement uniform between -side / 2 and side / 2; opposite ones are equally likely.
TG_DEVICE i32 displacement(u32 word, u32 side) {
    const i32 size = (i32)high_product(word & 0x7fffffffu, side);
    return word >> 31 ? -size : size;
}

// ----------------------------------------------------------------------------------------- displacements

TG_DEVICE bool displace(const Block& block, const SwapParameters& p, const Structure& s, u64 number, const u32* key,
                        u32 side, i32* images, i64& energy, i64& refused) {
    const Words draw = philox(number, DISPLACEMENT, key);
    const int i = (int)high_product(draw.word[0], (u32)s.n);
    const Place old = s.place[i];
    const i32 dx = displacement(draw.word[1], side), dy = displacement(draw.word[2], side);
    const Place now = {old.x + (u32)dx, old.y + (u32)dy};
    const Cell old_cell = cell_of(s, old), new_cell = cell_of(s, now);
    const int from = number_of(s, old_cell), to = number_of(s, new_cell);
    const int row = s.type[i] * SPECIES;
    const bool full = from != to && s.filled[to] == 1 << s.slot_bits;
    i64 change[1];
    if (from == to) {
        sums(block, change, [&](int thread, i64* part) {
            for (int k = thread; k < around(s); k += s.threads) {
                const int j = candidate(s, new_cell, k);
                if (j < 0 || j == i) continue;
                const Place other = s.place[j];
                const int kind = row + s.type[j];
                part[0] += (i64)pair_energy(s.tables, kind, square_of_distance(now, other)) -
                           (i64)pair_energy(s.tables, kind, square_of_distance(old, other));
            }
        });
    } else {
        sums(block, change, [&](int thread, i64* part) {
            for (int k = thread; k < around(s); k += s.threads) {
                int j = candidate(s, new_cell, k);
                if (j >= 0 && j != i)
                    part[0] += pair_energy(s.tables, row + s.type[j], square_of_distance(now, s.place[j]));
                j = candidate(s, old_cell, k);
                if (j >= 0 && j != i)
                    part[0] -= pair_energy(s.tables, row + s.type[j], square_of_distance(old, s.place[j]));
            }
        });
    }
    const double number_of_decision = ((double)draw.word[3] + 0.5) * 2.3283064365386963e-10;
    if (!below(number_of_decision, -(double)change[0] * quotient(ENERGY_UNIT, p.temperature))) return false;
    if (full) {
        refused++;
        return false;
    }
    // the threads have read what changes now before they added up, and wait for it afterwards
    phase(block, [&](int thread) {
        if (thread != 0) return;
        s.place[i] = now;
        if (dx > 0 ? now.x < old.x : now.x > old.x) images[2 * i] += dx > 0 ? 1 : -1;
        if (dy > 0 ? now.y < old.y : now.y > old.y) images[2 * i + 1] += dy > 0 ? 1 : -1;
        if (from == to) return;
        u16* here = s.slots + (from << s.slot_bits);
        const int last = --s.filled[from];
        for (int k = 0; k < last; k++)
            if (here[k] == i) here[k] = here[last];
        s.slots[(to << s.slot_bits) + s.filled[to]++] = (u16)i;
    });
    energy += change[0];
    return true;
}

// --------------------------------------------------------------------------------------------- exchanges

// Adds ``sign`` times the second difference with particle ``i`` to the costs of its neighbours.
TG_DEVICE void spread(const Block& block, const Structure& s, int i, int a, int b, int sign) {
    const Place at = s.place[i];
    const Cell cell = cell_of(s, at);
    phase(block, [&](int thread) {
        for (int k = thread; k < around(s); k += s.threads) {
            const int q = candidate(s, cell, k);
            if (q < 0 || q == i || s.weights[q] == 0.0) continue;
            s.costs[q] += sign * second_difference(s.tables, a, b, square_of_distance(at, s.place[q]));
        }
    });
}

// Exponent of the weight of a particle of the first (side 1) or the second (side -1) species of a block.
TG_DEVICE double exponent_of(double side, i64 cost, double half) { return -side * ((double)cost * half); }

TG_DEVICE double weight_of(double side, i64 cost, double half) {
    return side * exponential(limited(exponent_of(side, cost, half)));
}

// Computes the weights around a particle anew; ``first`` has now the weight of the first species of the block and
// ``second`` that of the second one, all others that of the species they had.
TG_DEVICE void weigh(const Block& block, const Structure& s, int i, int first, int second, double half) {
    const Cell cell = cell_of(s, s.place[i]);
    phase(block, [&](int thread) {
        for (int k = thread; k < around(s); k += s.threads) {
            const int q = candidate(s, cell, k);
            if (q < 0 || s.weights[q] == 0.0) continue;
            const double side = q == first ? 1.0 : q == second ? -1.0 : s.weights[q] > 0.0 ? 1.0 : -1.0;
            s.weights[q] = weight_of(side, s.costs[q], half);
        }
    });
}

// Sums of the weights of either species, of every strand of particles and of all.
TG_DEVICE void add_weights(const Block& block, const Structure& s, double* total) {
    phase(block, [&](int thread) {
        double a = 0.0, b = 0.0;
        for (int i = thread; i < s.n; i += s.threads) {
            const double w = s.weights[i];
            a += w > 0.0 ? w : 0.0;
            b += w < 0.0 ? -w : 0.0;
        }
        s.strands[thread] = a;
        s.strands[s.threads + thread] = b;
    });
    total[0] = total[1] = 0.0;
    for (int t = 0; t < s.threads; t++) {
        total[0] += s.strands[t];
        total[1] += s.strands[s.threads + t];
    }
}

// Particle at which the running sum of the weights of one species passes ``target``: strand by strand.
TG_DEVICE int pick(const Structure& s, double target, int species) {
    const double* strand = s.strands + species * s.threads;
    const double sign = species ? -1.0 : 1.0;
    int t = 0;
    while (t < s.threads - 1 && target >= strand[t]) target -= strand[t++];
    // rounding of the sums may lead past the last particle that has a weight
    while (!(strand[t] > 0.0)) {
        t = t > 0 ? t - 1 : s.threads - 1;
        target = strand[t];
    }
    int found = -1;
    for (int i = t; i < s.n; i += s.threads) {
        const double w = sign * s.weights[i];
        if (!(w > 0.0)) continue;
        found = i;
        if (target < w) break;
        target -= w;
    }
    return found;
}

TG_DEVICE void exchange_block(const Block& block, const SwapParameters& p, const Structure& s, i64* counters,
                              i64* pair_counts, const u32* key, double* trace) {
    const u64 number = (u64)counters[BLOCKS];
    const Words draw = philox(number, PAIR, key);
    double u = unit_of(draw.word[0], draw.word[1]);
    int a = 0, b = 0;
    for (int first = 0; first < SPECIES; first++)
        for (int second = first + 1; second < SPECIES; second++)
            if (p.shares[first * SPECIES + second] > 0.0 && (u >= 0.0 || b == 0)) {
                a = first;
                b = second;
                u -= p.shares[first * SPECIES + second];
            }
    const double half = quotient(0.5 * ENERGY_UNIT, p.temperature);

    // costs of all particles of the two species, and signed weights: positive for a, negative for b, else zero
    phase(block, [&](int thread) {
        for (int i = thread; i < s.n; i += s.threads) {
            double weight = 0.0;
            if (s.type[i] == a || s.type[i] == b) {
                const Place at = s.place[i];
                const Cell cell = cell_of(s, at);
                i64 cost = 0;
                for (int k = 0; k < around(s); k++) {
                    const int j = candidate(s, cell, k);
                    if (j < 0 || j == i) continue;
                    const float r2 = square_of_distance(at, s.place[j]);
                    cost += (i64)pair_energy(s.tables, b * SPECIES + s.type[j], r2) -
                            (i64)pair_energy(s.tables, a * SPECIES + s.type[j], r2);
                }
                s.costs[i] = cost;
                weight = weight_of(s.type[i] == a ? 1.0 : -1.0, cost, half);
            }
            s.weights[i] = weight;
        }
    });
    double z[2];
    add_weights(block, s, z);
    i64 energy = 0, accepted = 0;
    const u64 before = (u64)counters[EXCHANGES_TRIED];
    for (i64 attempt = 0; attempt < p.tries; attempt++) {
        const Words words = philox(before + (u64)attempt, DRAW, key);
        const int i = pick(s, unit_of(words.word[0], words.word[1]) * z[0], 0);
        const int j = pick(s, unit_of(words.word[2], words.word[3]) * z[1], 1);
        const i64 cost_i = s.costs[i], cost_j = s.costs[j];
        phase(block, [](int) {});  // all threads have read them
        // i becomes b, then j becomes a
        spread(block, s, i, a, b, 1);
        const i64 change = cost_i - s.costs[j];
        spread(block, s, j, a, b, -1);
        weigh(block, s, i, j, i, half);
        weigh(block, s, j, j, i, half);
        const i64 new_i = s.costs[i], new_j = s.costs[j];
        double now[2];
        add_weights(block, s, now);
        double ratio = quotient(z[0], now[0]) * quotient(z[1], now[1]);
        const double forward_i = exponent_of(1.0, cost_i, half), forward_j = exponent_of(-1.0, cost_j, half);
        const double reverse_j = exponent_of(1.0, new_j, half), reverse_i = exponent_of(-1.0, new_i, half);
        const double left = (limited(reverse_i) - reverse_i) + (limited(reverse_j) - reverse_j) -
                            (limited(forward_i) - forward_i) - (limited(forward_j) - forward_j);
        // weights at their limits do not cancel the Boltzmann factor
        if (left != 0.0) ratio *= exponential(left < -700.0 ? -700.0 : left > 700.0 ? 700.0 : left);
        bool accept = ratio >= 1.0;
        if (!accept) {
            const Words decision = philox(before + (u64)attempt, DECISION, key);
            accept = unit_of(decision.word[0], decision.word[1]) < ratio;
        }
        phase(block, [&](int thread) {
            if (thread != 0) return;
            if (accept) {
                s.type[i] = (u8)b;
                s.type[j] = (u8)a;
            }
            if (trace != nullptr) {
                double* row = trace + 4 * attempt;
                row[0] = i;
                row[1] = j;
                row[2] = ratio;
                row[3] = accept ? 1.0 : 0.0;
            }
        });
        if (accept) {
            energy += change;
            accepted++;
            z[0] = now[0];
            z[1] = now[1];
        } else {
            spread(block, s, i, a, b, -1);
            spread(block, s, j, a, b, 1);
            weigh(block, s, i, i, j, half);
            weigh(block, s, j, i, j, half);
            add_weights(block, s, z);
        }
    }
    phase(block, [&](int thread) {
        if (thread != 0) return;
        counters[ENERGY] += energy;
        counters[EXCHANGES_TRIED] += p.tries;
        counters[EXCHANGES_ACCEPTED] += accepted;
        counters[BLOCKS] += 1;
        pair_counts[a * SPECIES + b] += p.tries;
        pair_counts[(SPECIES + a) * SPECIES + b] += accepted;
    });
}

// ----------------------------------------------------------------------------------------------- kernels

// Lays out shared memory and fills it with one structure. Cells that are too full are counted.
TG_DEVICE Structure structure_of(const Block& block, const SwapParameters& p) {
    const i64 n = p.particles, at = (i64)block.index;
    const int all = (int)(p.cells * p.cells);
    Structure s;
    s.n = (int)n;
    s.cells = (int)p.cells;
    s.slot_bits = (int)p.slot_bits;
    s.threads = block.threads;
    s.place = (Place*)block.shared;
    s.strands = (double*)(s.place + n);
    s.tables = (float*)(s.strands + 2 * block.threads);
    s.filled = (int*)(s.tables + 2 * SPECIES * SPECIES + 4);
    s.slots = (u16*)(s.filled + all);
    s.type = (u8*)(s.slots + ((i64)all << p.slot_bits));
    s.costs = p.costs + at * n;
    s.weights = p.weights + at * n;
    phase(block, [&](int thread) {
        for (int k = thread; k < all; k += s.threads) s.filled[k] = 0;
        for (int k = thread; k < 2 * SPECIES * SPECIES + 4; k += s.threads) s.tables[k] = p.tables[k];
    });
    phase(block, [&](int thread) {
        for (int i = thread; i < s.n; i += s.threads) {
            const Place place = {p.positions[2 * (at * n + i)], p.positions[2 * (at * n + i) + 1]};
            s.place[i] = place;
            s.type[i] = (u8)p.types[at * n + i];
            const int cell = number_of(s, cell_of(s, place));
            const int slot = add_shared(s.filled + cell, 1);
            if (slot < 1 << s.slot_bits) s.slots[(cell << s.slot_bits) + slot] = (u16)i;
        }
    });
    return s;
}

// The energy of every structure to ``counters``.
TG_KERNEL(swap_energies, SwapParameters, 128, 1) {
    const Structure s = structure_of(block, p);
    i64 twice[1];
    sums(block, twice, [&](int thread, i64* part) {
        for (int i = thread; i < s.n; i += s.threads) {
            const Place at = s.place[i];
            const Cell cell = cell_of(s, at);
            for (int k = 0; k < around(s); k++) {
                const int j = candidate(s, cell, k);
                if (j >= 0 && j != i)
                    part[0] += pair_energy(s.tables, s.type[i] * SPECIES + s.type[j],
                                           square_of_distance(at, s.place[j]));
            }
        }
    });
    phase(block, [&](int thread) {
        if (thread == 0) p.counters[(i64)block.index * COUNTERS + ENERGY] = twice[0] / 2;
    });
}

// Sweeps of N displacements each, and a block of exchanges whenever ``interval`` of them have been made.
TG_KERNEL(swap_sweeps, SwapParameters, 128, 1) {
    const i64 n = p.particles, at = (i64)block.index;
    const Structure s = structure_of(block, p);
    i64* counters = p.counters + at * COUNTERS;
    i32* images = p.images + 2 * at * n;
    const u32* key = p.keys + 2 * at;
    const u32 side = p.sides[at];
    i64 left = p.sweeps;
    while (true) {
        const i64 sweeps_before = counters[PHASE], tried = counters[DISPLACEMENTS_TRIED];
        i64 turn = p.interval - sweeps_before;
        turn = turn < left ? turn : left;
        i64 energy = 0, accepted = 0, refused = 0;
        for (i64 attempt = 0; attempt < turn * n; attempt++)
            accepted += displace(block, p, s, (u64)(tried + attempt), key, side, images, energy, refused);
        const bool due = sweeps_before + turn == p.interval && p.tries > 0;
        phase(block, [&](int thread) {
            if (thread != 0) return;
            counters[ENERGY] += energy;
            counters[DISPLACEMENTS_TRIED] += turn * n;
            counters[DISPLACEMENTS_ACCEPTED] += accepted;
            counters[FULL_CELLS] += refused;
            counters[PHASE] = sweeps_before + turn == p.interval ? 0 : sweeps_before + turn;
        });
        left -= turn;
        if (due) {
            double* trace = p.traced && left == 0 ? p.trace + 4 * p.tries * at : nullptr;
            exchange_block(block, p, s, counters, p.pair_counts + 2 * SPECIES * SPECIES * at, key, trace);
        }
        if (left == 0) break;
    }
    phase(block, [&](int thread) {
        for (int i = thread; i < s.n; i += s.threads) {
            p.positions[2 * (at * n + i)] = s.place[i].x;
            p.positions[2 * (at * n + i) + 1] = s.place[i].y;
            p.types[at * n + i] = s.type[i];
        }
    });
}

// Random words of counters 0, 1, ... for every key, ``[structures, N, 2]``: the first two of each draw.
TG_KERNEL(swap_words, SwapParameters, 128, 1) {
    const i64 at = (i64)block.index;
    phase(block, [&](int thread) {
        for (i64 k = thread; k < p.particles; k += block.threads) {
            const Words words = philox((u64)k, DISPLACEMENT, p.keys + 2 * at);
            p.positions[2 * (at * p.particles + k)] = words.word[0];
            p.positions[2 * (at * p.particles + k) + 1] = words.word[1];
        }
    });
}
