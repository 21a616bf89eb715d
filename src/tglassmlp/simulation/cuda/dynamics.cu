// Isoconfigurational dynamics of many replicas at once: one block of threads moves one replica.
//
// The arithmetic is that of the native engine in mixed precision (tglassmlp/simulation/native/integrator.py says
// why), operation by operation: positions, velocities and forces are whole numbers of 32 bits, the force of a pair is
// computed in single precision and rounded once, kinetic and potential energies are sums of whole numbers. Sums of
// whole numbers do not depend on their order. So a replica follows the same path to the last bit here and there,
// whatever moves beside it, however long the launches are, and whenever its list was built.
//
// A thread has the particles t, t + threads, ... of its replica. It adds up all pairs of each of them (the force on
// the other particle of a pair is minus this one, rounding included), so that nothing has to be added atomically.
// Positions, velocities and the positions at which the list was made lie in shared memory. The list itself is in
// global memory, four neighbours in a word, words of neighbouring threads side by side. A launch moves a replica
// through as many steps as are wanted; the block builds its list anew, from cells, whenever one of its particles has
// moved by half the margin.
#include "phases.h"

constexpr int SPECIES = 4;  // tables are [SPECIES, SPECIES]
constexpr int NUMBER_BITS = 14;  // of a word of the list: number of the neighbour, then its species
constexpr int NUMBER_MASK = (1 << NUMBER_BITS) - 1;

// Thermostats, and why a replica stopped.
enum { NONE, BUSSI, NOSE_HOOVER };
enum { FINE, LIST_FULL, EXPLODED };

// Places in ``counters``.
enum { LISTS, LISTED, COUNTERS };

struct DynamicsParameters {
    i64 particles;     // N
    i64 cells;         // per side: 1, or at least 3
    i64 most_words;    // words of the list for each particle
    i64 until;         // step to move to
    i64 first;         // step that the random numbers begin at
    i64 applications;  // of the thermostat: random numbers for each block
    i64 kind;          // of the thermostat
    i64 interval;      // steps between two actions of it
    double kick;       // share of the force's kick in the velocities that it reads: 0 or 0.5
    double target;     // mean kinetic energy
    double freedom;    // degrees of freedom
    double elapsed;    // time between two actions
    double rate;       // one over the relaxation time
    double keep;       // what the kinetic energy keeps of itself between two actions
    double hottest;    // kinetic energy at which the integration has failed
    double unit;       // of velocities
    const i32* active;     // [blocks] replica of each block
    const i32* structure;  // [replicas]
    const u8* species;     // [structures, N] counted from 0; particles in the order of the kernels
    const i32* number;     // [structures, N] number of each particle in the order of the structure
    i32* positions;        // [replicas, N, 2]
    i32* velocities;       // [replicas, N, 2] half a step before the positions
    i32* images;           // [replicas, N, 2] crossings of the box
    i32* forces;           // [replicas, N, 2] working space; what dynamics_measure returns
    u64* list;             // [replicas, most_words, N]
    i64* steps;            // [replicas] present step
    i32* status;           // [replicas]
    i64* counters;         // [replicas, COUNTERS]
    double* friction;      // [replicas]
    double* work;          // [replicas] energy that the thermostat has given
    double* energies;      // [replicas, 3] kinetic at the full step and half a step before, potential
    const double* normal;  // [blocks, applications]
    const double* gamma;   // [blocks, applications]
    // [5 + 3 SPECIES^2] squared cut-off, slope and offset of the smoothing, drift of a unit of velocity in a step,
    // squared half margin; 1 / sigma^2 and amplitude of every pair of species; squared radii of the list
    const float* table;
    // [4 + 2 SPECIES^2] squared cut-off, C0, C2, C4; 1 / sigma^2 and 2^34 epsilon of every pair of species
    const double* energy_table;
};

struct Place {
    i32 x, y;
};

// Constants of the force of a pair.
struct Pair {
    float inverse, amplitude;
};

// What a block of threads works on; all of it in shared memory.
struct Replica {
    int n, cells, threads;
    Place* place;
    Place* velocity;
    Place* mark;    // positions at which the list was made
    Pair* pairs;    // [SPECIES, SPECIES]
    float* limits;  // [SPECIES, SPECIES]
    int* filled;    // [cells^2]
    int* first;     // [cells^2 + 1] first entry of each cell
    int* strands;   // [threads]
    u16* entries;   // [N] particles, cell by cell
    u8* type;       // [N]
    u8* words;      // [N] words of the list
};

// ----------------------------------------------------------------------------------------------- motion

TG_DEVICE i32 sum(i32 a, i32 b) { return (i32)((u32)a + (u32)b); }
TG_DEVICE i32 difference(i32 a, i32 b) { return (i32)((u32)a - (u32)b); }

// Force times step on a particle, in units of velocity: the same as in native/forces.py.
TG_DEVICE Place force_on(const Replica& s, const float* table, const u64* list, int i) {
    const Place here = s.place[i];
    const Pair* row = s.pairs + s.type[i] * SPECIES;
    const float cutoff = table[0], slope = table[1], offset = table[2];
    const int words = s.words[i];
    Place total = {0, 0};
    for (int k = 0; k < words; k++) {
        const u64 word = list[(i64)k * s.n + i];
#ifdef __CUDACC__
#pragma unroll
#endif
        for (int m = 0; m < 4; m++) {
            const u32 entry = (u32)(word >> (16 * m)) & 0xffffu;
            const Place there = s.place[entry & NUMBER_MASK];
            const Pair pair = row[entry >> NUMBER_BITS];
            const float dx = (float)difference(here.x, there.x), dy = (float)difference(here.y, there.y);
            const float u = fused(dx, dx, dy * dy) * pair.inverse;
            const float inverse = reciprocal(u);
            const float square = inverse * inverse;
            const float cube = square * inverse;
            const float core = fused(square * square, fused(cube, 2.0f, -1.0f), fused(u, slope, offset));
            // a word that is not full is filled up with the particle itself
            const float force = u < cutoff && u > 0.0f ? core * pair.amplitude : 0.0f;
            total.x = sum(total.x, nearest_i32(force * dx));
            total.y = sum(total.y, nearest_i32(force * dy));
        }
    }
    return total;
}

// Moves a particle by its velocity; whether it is farther from its mark than the list allows.
TG_DEVICE bool drift(const Replica& s, const float* table, int i) {
    const Place v = s.velocity[i];
    Place at = s.place[i];
    at.x = sum(at.x, nearest_i32((float)v.x * table[3]));
    at.y = sum(at.y, nearest_i32((float)v.y * table[3]));
    s.place[i] = at;
    const float dx = (float)difference(at.x, s.mark[i].x), dy = (float)difference(at.y, s.mark[i].y);
    return table[4] < fused(dx, dx, dy * dy);
}

// Kinetic energy of a particle in units of 2^-31, with a share of the force's kick.
TG_DEVICE i64 kinetic_of(Place v, Place f, double share, double scale) {
    const double x = ((double)v.x + share * (double)f.x) * scale, y = ((double)v.y + share * (double)f.y) * scale;
    return (i64)(x * x) + (i64)(y * y);
}

TG_DEVICE double energy_of(i64 whole) { return quotient(0.5 * (double)whole, 4294967296.0); }

// e^x as tglassmlp.simulation.thermostats.exponential computes it, without fused operations.
TG_DEVICE double exponential(double x) {
    const double inside = x < -700.0 ? -700.0 : x > 700.0 ? 700.0 : x;
    const double whole = (double)nearest_i64(inside * 1.4426950408889634);
    const double rest = (inside - whole * 0.6931471803691238) - whole * 1.9082149292705877e-10;
    double p = 1.0 / 6227020800.0;
    p = p * rest + 1.0 / 479001600.0;
    p = p * rest + 1.0 / 39916800.0;
    p = p * rest + 1.0 / 3628800.0;
    p = p * rest + 1.0 / 362880.0;
    p = p * rest + 1.0 / 40320.0;
    p = p * rest + 1.0 / 5040.0;
    p = p * rest + 1.0 / 720.0;
    p = p * rest + 1.0 / 120.0;
    p = p * rest + 1.0 / 24.0;
    p = p * rest + 1.0 / 6.0;
    p = p * rest + 0.5;
    p = p * rest + 1.0;
    p = p * rest + 1.0;
    return p * power_of_two((i64)whole);
}

// Factor of the velocities (tglassmlp.simulation.thermostats); changes the friction.
TG_DEVICE double thermalise(const DynamicsParameters& p, double kinetic, double normal, double gamma, double& friction) {
    if (p.kind == BUSSI) {
        const double share = quotient((1.0 - p.keep) * p.target, p.freedom * kinetic);
        const double square =
            p.keep + share * (2.0 * gamma + normal * normal) + 2.0 * normal * square_root(p.keep * share);
        const double turned = normal + square_root(quotient(p.keep, share)) < 0.0 ? 1.0 : 0.0;
        return (1.0 - 2.0 * turned) * square_root(square);
    }
    const double drive = 0.5 * p.elapsed * p.rate * p.rate;
    friction = friction + drive * (quotient(kinetic, p.target) - 1.0);
    const double factor = exponential(-friction * p.elapsed);
    friction = friction + drive * (quotient(kinetic * factor * factor, p.target) - 1.0);
    return factor;
}

// ------------------------------------------------------------------------------------------------ lists

// Column and row of a cell; its number is x cells + y.
struct Cell {
    int x, y;
};

TG_DEVICE Cell cell_of(const Replica& s, Place at) {
    const u32 middle = 0x80000000u;  // coordinates begin at -2^31
    return {(int)high_product((u32)at.x + middle, (u32)s.cells), (int)high_product((u32)at.y + middle, (u32)s.cells)};
}

TG_DEVICE int cell_number(const Replica& s, Cell cell) { return cell.x * s.cells + cell.y; }

// Number of a cell around another one, of nine.
TG_DEVICE int neighbour_cell(const Replica& s, Cell cell, int which) {
    if (s.cells == 1) return 0;
    const int column = which * 11 >> 5;  // which / 3
    int x = cell.x + column - 1, y = cell.y + which - 3 * column - 1;
    x += x < 0 ? s.cells : x >= s.cells ? -s.cells : 0;
    y += y < 0 ? s.cells : y >= s.cells ? -s.cells : 0;
    return x * s.cells + y;
}

// Sorts the particles into cells. The order within a cell has no influence.
TG_DEVICE void sort_into_cells(const Block& block, const Replica& s) {
    const int all = s.cells * s.cells, share = (all + s.threads - 1) / s.threads;
    phase(block, [&](int thread) {
        for (int k = thread; k < all; k += s.threads) s.filled[k] = 0;
    });
    phase(block, [&](int thread) {
        for (int i = thread; i < s.n; i += s.threads) add_shared(s.filled + cell_number(s, cell_of(s, s.place[i])), 1);
    });
    phase(block, [&](int thread) {
        int part = 0;
        for (int k = thread * share; k < (thread + 1) * share && k < all; k++) part += s.filled[k];
        s.strands[thread] = part;
    });
    phase(block, [&](int thread) {
        int before = 0;
        for (int t = 0; t < thread; t++) before += s.strands[t];
        for (int k = thread * share; k < (thread + 1) * share && k < all; k++) {
            const int own = s.filled[k];
            s.first[k] = s.filled[k] = before;
            before += own;
        }
        if (thread == s.threads - 1) s.first[all] = s.n;
    });
    phase(block, [&](int thread) {
        for (int i = thread; i < s.n; i += s.threads)
            s.entries[add_shared(s.filled + cell_number(s, cell_of(s, s.place[i])), 1)] = (u16)i;
    });
}

// Counts crossings of the box since the marks were set: a particle moves by less than half a box in between.
TG_DEVICE void follow(const Replica& s, i32* images, int i) {
    const Place now = s.place[i], then = s.mark[i];
    const i32 dx = difference(now.x, then.x), dy = difference(now.y, then.y);
    if (dx > 0 && now.x < then.x) images[2 * i] += 1;
    if (dx < 0 && now.x > then.x) images[2 * i] -= 1;
    if (dy > 0 && now.y < then.y) images[2 * i + 1] += 1;
    if (dy < 0 && now.y > then.y) images[2 * i + 1] -= 1;
}

// Writes the neighbours of a particle; their number, or -1 if they are too many.
TG_DEVICE int list_of(const Replica& s, u64* list, i64 most_words, int i) {
    const Place here = s.place[i];
    const Cell cell = cell_of(s, here);
    const float* limits = s.limits + s.type[i] * SPECIES;
    int count = 0;
    u64 word = 0;
    for (int which = 0; which < (s.cells == 1 ? 1 : 9); which++) {
        const int other = neighbour_cell(s, cell, which);
        for (int k = s.first[other]; k < s.first[other + 1]; k++) {
            const int j = s.entries[k];
            const Place there = s.place[j];
            const float dx = (float)difference(here.x, there.x), dy = (float)difference(here.y, there.y);
            if (j == i || !(fused(dx, dx, dy * dy) < limits[s.type[j]])) continue;
            word |= (u64)(u32)(j | s.type[j] << NUMBER_BITS) << (16 * (count & 3));
            count++;
            if ((count & 3) != 0) continue;
            if (count > 4 * most_words) return -1;
            list[(i64)(count / 4 - 1) * s.n + i] = word;
            word = 0;
        }
    }
    const int words = (count + 3) / 4;
    if (words > most_words) return -1;
    if ((count & 3) != 0) {
        for (int m = count & 3; m < 4; m++) word |= (u64)(u32)(i | s.type[i] << NUMBER_BITS) << (16 * m);
        list[(i64)(words - 1) * s.n + i] = word;
    }
    s.words[i] = (u8)words;
    return count;
}

// Makes the list of the present positions; ``listed`` is the number of its entries. Whether there was room for it.
TG_DEVICE bool renew_list(const Block& block, const Replica& s, u64* list, i64 most_words, i32* images, i64& listed) {
    phase(block, [&](int thread) {
        for (int i = thread; i < s.n; i += s.threads) {
            follow(s, images, i);
            s.mark[i] = s.place[i];
        }
    });
    sort_into_cells(block, s);
    i64 total[2];
    sums(block, total, [&](int thread, i64* part) {
        for (int i = thread; i < s.n; i += s.threads) {
            const int count = list_of(s, list, most_words, i);
            part[0] += count;
            part[1] += count < 0;
        }
    });
    listed = total[0];
    return total[1] == 0;
}

// ----------------------------------------------------------------------------------------------- kernels

// Lays out shared memory and fills it with one replica, marks included.
TG_DEVICE Replica replica_of(const Block& block, const DynamicsParameters& p, i64 at) {
    const i64 n = p.particles, structure = p.structure[at];
    const int all = (int)(p.cells * p.cells);
    Replica s;
    s.n = (int)n;
    s.cells = (int)p.cells;
    s.threads = block.threads;
    s.place = (Place*)block.shared;
    s.velocity = s.place + n;
    s.mark = s.velocity + n;
    s.pairs = (Pair*)(s.mark + n);
    s.limits = (float*)(s.pairs + SPECIES * SPECIES);
    s.filled = (int*)(s.limits + SPECIES * SPECIES);
    s.first = s.filled + all;
    s.strands = s.first + all + 1;
    s.entries = (u16*)(s.strands + block.threads);
    s.type = (u8*)(s.entries + n);
    s.words = s.type + n;
    phase(block, [&](int thread) {
        for (int i = thread; i < s.n; i += s.threads) {
            const i64 k = 2 * (at * n + i);
            s.place[i] = s.mark[i] = {p.positions[k], p.positions[k + 1]};
            s.velocity[i] = {p.velocities[k], p.velocities[k + 1]};
            s.type[i] = p.species[structure * n + i];
        }
        for (int k = thread; k < SPECIES * SPECIES; k += s.threads) {
            s.pairs[k] = {p.table[5 + 2 * k], p.table[6 + 2 * k]};
            s.limits[k] = p.table[5 + 2 * SPECIES * SPECIES + k];
        }
    });
    return s;
}

// Moves every active replica to the step ``until``, or as far as its list has room.
TG_KERNEL(dynamics_advance, DynamicsParameters, 256, 4) {
    const i64 n = p.particles, at = p.active[block.index];
    const Replica s = replica_of(block, p, at);
    const i32* number = p.number + (i64)p.structure[at] * n;
    i32* images = p.images + 2 * at * n;
    Place* forces = (Place*)p.forces + at * n;
    u64* list = p.list + at * p.most_words * n;
    const double* normal = p.normal + (i64)block.index * p.applications;
    const double* gamma = p.gamma + (i64)block.index * p.applications;
    const double scale = p.unit * 65536.0, kick = p.kick;
    const float table[5] = {p.table[0], p.table[1], p.table[2], p.table[3], p.table[4]};
    double friction = p.friction[at], work = p.work[at];
    const i64 begin = p.steps[at];
    i64 listed = 0, entries = 0;
    int left = (int)(p.until - begin), lists = 0, status = FINE;
    bool valid = false;
    // steps until the thermostat acts (never at -1), and how often it has acted since its random numbers begin
    const i64 due = (begin + p.interval - 1) / p.interval;
    int wait = p.kind == NONE ? -1 : (int)(due * p.interval - begin);
    int used = (int)(due - (p.first + p.interval - 1) / p.interval);
    phase(block, [](int) {});  // all threads have read what the last phase writes
    for (; left > 0; left--) {
        if (!valid) {
            if (!renew_list(block, s, list, p.most_words, images, entries)) {
                status = LIST_FULL;
                break;
            }
            lists++;
        }
        listed += entries;
        if (wait-- != 0) {
            phase(block, [&](int thread) {
                for (int i = thread; i < s.n; i += s.threads) {
                    const Place f = force_on(s, table, list, i), v = s.velocity[i];
                    s.velocity[i] = {sum(v.x, f.x), sum(v.y, f.y)};
                }
            });
            valid = !any(block, [&](int thread) {
                bool far = false;
                for (int i = thread; i < s.n; i += s.threads) far |= drift(s, table, i);
                return far;
            });
            continue;
        }
        i64 whole[2];
        sums(block, whole, [&](int thread, i64* part) {
            for (int i = thread; i < s.n; i += s.threads) {
                const Place f = force_on(s, table, list, i);
                forces[i] = f;
                part[0] += kinetic_of(s.velocity[i], f, kick, scale);
                part[1] += kinetic_of(s.velocity[i], f, 0.5, scale);
            }
        });
        const double kinetic = energy_of(whole[0]), before = energy_of(whole[1]);
        if (!(kinetic < p.hottest && kinetic > 0.0)) {
            status = EXPLODED;
            break;
        }
        const bool drawn = p.kind == BUSSI;
        const double factor =
            thermalise(p, kinetic, drawn ? normal[used] : 0.0, drawn ? gamma[used] : 0.0, friction);
        const double more = kick * (factor - 1.0);
        wait = (int)p.interval - 1;
        used++;
        i64 momentum[2];
        sums(block, momentum, [&](int thread, i64* part) {
            for (int i = thread; i < s.n; i += s.threads) {
                const Place v = s.velocity[i], f = forces[i];
                const i64 x = nearest_i64(factor * (double)v.x + more * (double)f.x);
                const i64 y = nearest_i64(factor * (double)v.y + more * (double)f.y);
                s.velocity[i] = {(i32)x, (i32)y};
                part[0] += x;
                part[1] += y;
            }
        });
        // the first few particles of the structure take the rounding out of the momentum
        i64 all[2], rest[2];
        i32 sign[2];
        for (int c = 0; c < 2; c++) {
            const i64 size = momentum[c] < 0 ? -momentum[c] : momentum[c];
            sign[c] = momentum[c] < 0 ? -1 : 1;
            all[c] = size / n;
            rest[c] = size - all[c] * n;
        }
        sums(block, whole, [&](int thread, i64* part) {
            for (int i = thread; i < s.n; i += s.threads) {
                const Place f = forces[i];
                Place v = s.velocity[i];
                v.x = difference(v.x, sign[0] * (i32)(all[0] + (number[i] < rest[0])));
                v.y = difference(v.y, sign[1] * (i32)(all[1] + (number[i] < rest[1])));
                part[0] += kinetic_of(v, f, 0.5, scale);
                s.velocity[i] = {sum(v.x, f.x), sum(v.y, f.y)};
                part[1] += drift(s, table, i);
            }
        });
        // the energy is that of the full step, whichever velocities were rescaled
        work += kick == 0.5 ? kinetic * (factor * factor - 1.0) : energy_of(whole[0]) - before;
        valid = whole[1] == 0;
    }
    phase(block, [&](int thread) {
        for (int i = thread; i < s.n; i += s.threads) {
            const i64 k = 2 * (at * n + i);
            follow(s, images, i);
            p.positions[k] = s.place[i].x;
            p.positions[k + 1] = s.place[i].y;
            p.velocities[k] = s.velocity[i].x;
            p.velocities[k + 1] = s.velocity[i].y;
        }
        if (thread != 0) return;
        p.steps[at] = p.until - left;
        p.status[at] = status;
        p.friction[at] = friction;
        p.work[at] = work;
        p.counters[at * COUNTERS + LISTS] += lists;
        p.counters[at * COUNTERS + LISTED] += listed;
    });
}

// Forces and energies of every active replica, from all pairs of neighbouring cells.
TG_KERNEL(dynamics_measure, DynamicsParameters, 256, 2) {
    const i64 n = p.particles, at = p.active[block.index];
    const Replica s = replica_of(block, p, at);
    Place* forces = (Place*)p.forces + at * n;
    const double* constants = p.energy_table;
    const double scale = p.unit * 65536.0;
    sort_into_cells(block, s);
    i64 total[3];
    sums(block, total, [&](int thread, i64* part) {
        for (int i = thread; i < s.n; i += s.threads) {
            const Place here = s.place[i];
            const Cell cell = cell_of(s, here);
            Place f = {0, 0};
            for (int which = 0; which < (s.cells == 1 ? 1 : 9); which++) {
                const int other = neighbour_cell(s, cell, which);
                for (int k = s.first[other]; k < s.first[other + 1]; k++) {
                    const int j = s.entries[k], pair = s.type[i] * SPECIES + s.type[j];
                    if (j == i) continue;
                    const i32 x = difference(here.x, s.place[j].x), y = difference(here.y, s.place[j].y);
                    const float dx = (float)x, dy = (float)y;
                    const float u = fused(dx, dx, dy * dy) * s.pairs[pair].inverse;
                    if (u < p.table[0]) {
                        const float inverse = reciprocal(u);
                        const float square = inverse * inverse;
                        const float cube = square * inverse;
                        const float core =
                            fused(square * square, fused(cube, 2.0f, -1.0f), fused(u, p.table[1], p.table[2]));
                        const float force = core * s.pairs[pair].amplitude;
                        f.x = sum(f.x, nearest_i32(force * dx));
                        f.y = sum(f.y, nearest_i32(force * dy));
                    }
                    const double a = (double)x, b = (double)y;
                    const double w = (a * a + b * b) * constants[4 + pair];
                    if (w < constants[0]) {
                        const double cube = reciprocal(w * w * w);
                        const double v = cube * (cube - 1.0) + constants[1] + w * (constants[2] + constants[3] * w);
                        part[2] += nearest_i64(constants[4 + SPECIES * SPECIES + pair] * v);
                    }
                }
            }
            forces[i] = f;
            part[0] += kinetic_of(s.velocity[i], f, 0.5, scale);
            part[1] += kinetic_of(s.velocity[i], f, 0.0, scale);
        }
    });
    phase(block, [&](int thread) {
        if (thread != 0) return;
        p.energies[3 * at] = energy_of(total[0]);
        p.energies[3 * at + 1] = energy_of(total[1]);
        p.energies[3 * at + 2] = quotient((double)(total[2] / 2), 4294967296.0);
    });
}

// Exponential functions of the first ``applications`` numbers in ``normal``, to ``energies``.
TG_KERNEL(dynamics_exponential, DynamicsParameters, 256, 1) {
    phase(block, [&](int thread) {
        for (i64 k = thread; k < p.applications; k += block.threads) p.energies[k] = exponential(p.normal[k]);
    });
}
