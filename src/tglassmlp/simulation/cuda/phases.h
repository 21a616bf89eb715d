// Kernels as phases between barriers: one source for a card (nvcc, NVRTC) and for g++.
//
// A kernel is written for one block of threads. What all threads of a block do at the same time is a phase, a
// function of the thread's number:
//
//     phase(block, [&](int thread) { shared[thread] = ...; });
//
// On a card every thread executes the function once, and a barrier follows. Under g++ a phase is a loop over the
// threads. Both agree if no thread reads within a phase what another thread writes in the same phase. Code between
// two phases is executed by all threads of a card alike, and once under g++: it may use local variables and what the
// reductions return, and it must not write to shared or global memory.
//
// What one thread keeps between two phases (on a card: in its registers) is a PerThread. Shared memory is one piece of
// bytes that the kernel divides.
//
// Arithmetic is that of IEEE 754 without contraction: compile with -fmad=false (nvcc, NVRTC) or -ffp-contract=off
// (g++), never with fast mathematics. A product and a sum that are rounded once are written as fused(a, b, c).
#pragma once

#ifdef __CUDACC__
#define TG_DEVICE __device__ __forceinline__
#else
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>
#define TG_DEVICE inline
#endif

typedef unsigned char u8;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

static_assert(sizeof(int) == 4 && sizeof(long long) == 8 && sizeof(short) == 2, "integers of 16, 32 and 64 bits");

// 2^n for -1022 <= n <= 1023, exactly.
TG_DEVICE double power_of_two(i64 n) {
    const u64 bits = (u64)(n + 1023) << 52;
#ifdef __CUDACC__
    return __longlong_as_double((i64)bits);
#else
    double power;
    std::memcpy(&power, &bits, sizeof power);
    return power;
#endif
}

// ------------------------------------------------------------------------------------------------ a block

constexpr int MOST_WARPS = 32;  // 1024 threads
constexpr int MOST_SUMS = 4;

struct Block {
    int index;     // number of this block
    int count;     // blocks of the launch
    int threads;   // threads of a block
    char* shared;  // shared memory of the block, aligned to 16 bytes, not initialised
    i64* partial;  // for the sums of the block: [MOST_SUMS][MOST_WARPS]
};

// Defines a kernel that takes a pointer to one structure of parameters. ``most_threads`` is the largest block, and
// ``least_blocks`` the number of blocks that shall fit on one multiprocessor (both bound the registers of a thread).
//
//     TG_KERNEL(name, Parameters, 256, 2) { phase(block, ...); }
//
// Within the braces ``block`` is the Block and ``p`` the parameters.
#ifdef __CUDACC__

#define TG_KERNEL(name, Parameters, most_threads, least_blocks)                                               \
    TG_DEVICE void name##_in_block(const Block& block, const Parameters& p);                                  \
    extern "C" __global__ void __launch_bounds__(most_threads, least_blocks) name(const Parameters* given) { \
        extern __shared__ __align__(16) char shared_memory[];                                                 \
        __shared__ i64 partial[MOST_SUMS * MOST_WARPS];                                                       \
        const Block block = {(int)blockIdx.x, (int)gridDim.x, (int)blockDim.x, shared_memory, partial};       \
        name##_in_block(block, *given);                                                                       \
    }                                                                                                         \
    TG_DEVICE void name##_in_block(const Block& block, const Parameters& p)

#else

// Blocks ``first`` to ``last - 1`` of ``blocks``, one after the other. Shared memory is filled with ones before each
// block, so that nothing relies on what was there.
#define TG_KERNEL(name, Parameters, most_threads, least_blocks)                                               \
    inline void name##_in_block(const Block& block, const Parameters& p);                                     \
    extern "C" int name##_parameter_bytes() { return (int)sizeof(Parameters); }                               \
    extern "C" void name(const Parameters* given, int first, int last, int blocks, int threads, i64 bytes) {  \
        std::vector<i64> shared_memory((size_t)(bytes + 15) / 16 * 2 + 2), partial(MOST_SUMS* MOST_WARPS);    \
        for (int k = first; k < last; k++) {                                                                  \
            std::memset(shared_memory.data(), 0xff, shared_memory.size() * sizeof(i64));                      \
            char* begin = (char*)(((uintptr_t)shared_memory.data() + 15) / 16 * 16);                          \
            const Block block = {k, blocks, threads, begin, partial.data()};                                  \
            name##_in_block(block, *given);                                                                   \
        }                                                                                                     \
    }                                                                                                         \
    inline void name##_in_block(const Block& block, const Parameters& p)

#endif

// ------------------------------------------------------------------------------------------------ phases

#ifdef __CUDACC__

template <class State>
struct PerThread {
    State value;
    TG_DEVICE explicit PerThread(const Block&) {}
    TG_DEVICE State& operator[](int) { return value; }
};

// Executes the function in every thread, without a barrier: for what a thread does with its own registers.
template <class Function>
TG_DEVICE void each(const Block&, Function function) {
    function((int)threadIdx.x);
}

// Executes the function in every thread, then waits for all of them.
template <class Function>
TG_DEVICE void phase(const Block&, Function function) {
    function((int)threadIdx.x);
    __syncthreads();
}

// A phase that tells all threads whether the function was true in any of them.
template <class Function>
TG_DEVICE bool any(const Block&, Function function) {
    return __syncthreads_or(function((int)threadIdx.x) ? 1 : 0) != 0;
}

// A phase that adds up whole numbers: the function adds its thread's share to ``part[K]``; all threads get ``total``.
template <int K, class Function>
TG_DEVICE void sums(const Block& block, i64 (&total)[K], Function function) {
    static_assert(K <= MOST_SUMS, "more sums than there is room for");
    i64 part[K];
    for (int k = 0; k < K; k++) part[k] = 0;
    const int thread = (int)threadIdx.x;
    function(thread, part);
    for (int k = 0; k < K; k++)
        for (int step = 16; step > 0; step /= 2) part[k] += __shfl_down_sync(0xffffffffu, part[k], step);
    if (thread % 32 == 0)
        for (int k = 0; k < K; k++) block.partial[k * MOST_WARPS + thread / 32] = part[k];
    __syncthreads();
    for (int k = 0; k < K; k++) {
        total[k] = 0;
        for (int w = 0; w < block.threads / 32; w++) total[k] += block.partial[k * MOST_WARPS + w];
    }
    __syncthreads();
}

TG_DEVICE int add_shared(int* place, int more) { return atomicAdd(place, more); }
TG_DEVICE void raise_shared(int* place, int value) { atomicMax(place, value); }
TG_DEVICE void raise_global(int* place, int value) { atomicMax(place, value); }

#else

template <class State>
struct PerThread {
    std::vector<State> values;
    explicit PerThread(const Block& block) : values(block.threads) {}
    State& operator[](int thread) { return values[thread]; }
};

// TG_BACKWARDS runs the threads of a phase in the opposite order: what depends on it is a race.
template <class Function>
inline void each(const Block& block, Function function) {
#ifdef TG_BACKWARDS
    for (int thread = block.threads - 1; thread >= 0; thread--) function(thread);
#else
    for (int thread = 0; thread < block.threads; thread++) function(thread);
#endif
}

template <class Function>
inline void phase(const Block& block, Function function) {
    each(block, function);
}

template <class Function>
inline bool any(const Block& block, Function function) {
    bool found = false;
    each(block, [&](int thread) { found |= function(thread); });
    return found;
}

template <int K, class Function>
inline void sums(const Block& block, i64 (&total)[K], Function function) {
    for (int k = 0; k < K; k++) total[k] = 0;
    each(block, [&](int thread) { function(thread, total); });
}

inline int add_shared(int* place, int more) {
    const int before = *place;
    *place += more;
    return before;
}
inline void raise_shared(int* place, int value) { *place = std::max(*place, value); }
inline void raise_global(int* place, int value) {
    int now = __atomic_load_n(place, __ATOMIC_RELAXED);
    while (now < value && !__atomic_compare_exchange_n(place, &now, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

#endif

// -------------------------------------------------------------------------------------------- arithmetic

#ifdef __CUDACC__

TG_DEVICE float fused(float a, float b, float c) { return __fmaf_rn(a, b, c); }
TG_DEVICE double fused(double a, double b, double c) { return __fma_rn(a, b, c); }
TG_DEVICE float reciprocal(float x) { return __frcp_rn(x); }
TG_DEVICE double reciprocal(double x) { return __drcp_rn(x); }
TG_DEVICE float quotient(float a, float b) { return __fdiv_rn(a, b); }
TG_DEVICE double quotient(double a, double b) { return __ddiv_rn(a, b); }
TG_DEVICE float square_root(float x) { return __fsqrt_rn(x); }
TG_DEVICE double square_root(double x) { return __dsqrt_rn(x); }
// The nearest whole number, ties to even; the largest or smallest one where it does not fit.
TG_DEVICE i32 nearest_i32(float x) { return __float2int_rn(x); }
TG_DEVICE i64 nearest_i64(double x) { return __double2ll_rn(x); }
// High word of a product: floor(a b / 2^32).
TG_DEVICE u32 high_product(u32 a, u32 b) { return __umulhi(a, b); }

#else

inline float fused(float a, float b, float c) { return std::fma(a, b, c); }
inline double fused(double a, double b, double c) { return std::fma(a, b, c); }
inline float reciprocal(float x) { return 1.0f / x; }
inline double reciprocal(double x) { return 1.0 / x; }
inline float quotient(float a, float b) { return a / b; }
inline double quotient(double a, double b) { return a / b; }
inline float square_root(float x) { return std::sqrt(x); }
inline double square_root(double x) { return std::sqrt(x); }
inline i32 nearest_i32(float x) {
    if (x >= 2147483648.0f) return 2147483647;
    return x >= -2147483648.0f ? (i32)std::lrint(x) : (x < 0.0f ? -2147483647 - 1 : 0);
}
inline i64 nearest_i64(double x) {
    if (x >= 9223372036854775808.0) return 9223372036854775807LL;
    return x >= -9223372036854775808.0 ? (i64)std::lrint(x) : (x < 0.0 ? -9223372036854775807LL - 1 : 0);
}
inline u32 high_product(u32 a, u32 b) { return (u32)(((u64)a * b) >> 32); }

#endif
