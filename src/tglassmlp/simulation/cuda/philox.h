// Random numbers by counter: Philox 4x32 with ten rounds (Salmon, Moraes, Dror, Shaw, SC11, 10.1145/2063384.2063405).
//
// Four words of 32 bits are a function of a counter of 128 bits and a key of 64 bits. Nothing is carried from one
// draw to the next, so the numbers of an attempt are the same wherever and in whatever order it is computed.
#pragma once

#include "phases.h"

struct Words {
    u32 word[4];
};

TG_DEVICE Words philox(u64 counter, u32 kind, const u32* key) {
    u32 c0 = (u32)counter, c1 = (u32)(counter >> 32), c2 = kind, c3 = 0;
    u32 k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const u32 high0 = high_product(0xD2511F53u, c0), low0 = 0xD2511F53u * c0;
        const u32 high1 = high_product(0xCD9E8D57u, c2), low1 = 0xCD9E8D57u * c2;
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
}

// Two words to a number in [0, 1) with 53 bits.
TG_DEVICE double unit_of(u32 high, u32 low) {
    return (double)((((u64)high << 32) | low) >> 11) * 1.1102230246251565e-16;
}
