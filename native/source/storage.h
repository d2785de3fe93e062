// How weights are kept and multiplied: as float32, as bfloat16, or as whole numbers of 8 bits with a scale for each row.
// In all three a word of 32 bits holds the weights of one column at one, two or four terms in a row.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>

#include "lanes.h"

#if defined(__SSE2__) && !defined(__AVX2__)
#include <emmintrin.h>
#endif

namespace statewise {
namespace STATEWISE_TARGET {

typedef Wholes UnalignedWholes __attribute__((aligned(alignof(int32_t)), may_alias));
typedef int16_t Shorts __attribute__((vector_size(LANES * sizeof(float))));

static inline Wholes load_words(const uint32_t *from) { return *reinterpret_cast<const UnalignedWholes *>(from); }
static inline Lanes numbers_of(Wholes x) { return __builtin_convertvector(x, Lanes); }

// a0 * b0 + a1 * b1 of the two halves of every word
static inline Wholes sum_of_pairs(Shorts a, Shorts b) {
#if defined(__AVX512BW__)
    return (Wholes)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (Wholes)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (Wholes)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
    const Wholes x = (Wholes)a, y = (Wholes)b;
    return ((x << 16) >> 16) * ((y << 16) >> 16) + (x >> 16) * (y >> 16);
#endif
}

// Each kind says: TERMS in a word of weights; WORDS of a packed row that a word of weights meets; how many terms are
// summed before the sum is added to what was there; how many vectors a sum takes; how both are packed, what a sum begins
// with, and what it becomes.
struct Float32 {
    static constexpr int TERMS = 1, WORDS = 1, STRETCH_TERMS = 128;
    static constexpr int VECTORS_OF_SUM = 1;
    static constexpr bool SCALED = false;
    typedef float Word;
    typedef Lanes Sum;
    struct Weights {
        Lanes only;
    };

    static inline Sum begin(const int32_t *) { return Sum{}; }
    static inline Weights weights(Wholes words) { return {(Lanes)words}; }
    static inline Sum add(Sum sum, const Word *x, const Weights &w) { return fused(fill(x[0]), w.only, sum); }
    static inline Lanes finish(Sum sum, Lanes before, float, const float *) { return sum + before; }

    static uint32_t pack(const float *weights, int, float) {
        uint32_t word;
        std::memcpy(&word, weights, sizeof word);
        return word;
    }
    // Words of one row lie `gap` words apart.
    static float pack_row(const float *row, int32_t terms, int gap, Word *to) {
        for (int32_t k = 0; k < terms; ++k) to[(int64_t)k * gap] = row[k];
        return 1.0f;
    }
};

struct BFloat16 {
    static constexpr int TERMS = 2, WORDS = 2, STRETCH_TERMS = 128;
    static constexpr int VECTORS_OF_SUM = 2;
    static constexpr bool SCALED = false;
    typedef float Word;
    struct Weights {
        Lanes even, odd;
    };
    typedef Weights Sum;  // of even terms and of odd ones, so that neither waits for the other

    static inline Sum begin(const int32_t *) { return Sum{}; }
    static inline Weights weights(Wholes words) { return {(Lanes)(words << 16), (Lanes)(words & (int32_t)0xffff0000)}; }
    static inline Sum add(Sum sum, const Word *x, const Weights &w) {
        return {fused(fill(x[0]), w.even, sum.even), fused(fill(x[1]), w.odd, sum.odd)};
    }
    static inline Lanes finish(Sum sum, Lanes before, float, const float *) { return (sum.even + sum.odd) + before; }

    static uint32_t rounded(float weight) {
        uint32_t bits;
        std::memcpy(&bits, &weight, sizeof bits);
        if (weight != weight) return (bits >> 16) | 0x40;
        return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;  // to the nearest, of two equally near to the even one
    }
    static uint32_t pack(const float *weights, int terms, float) {
        return rounded(weights[0]) | (terms > 1 ? rounded(weights[1]) << 16 : 0);
    }
    static float pack_row(const float *row, int32_t terms, int gap, Word *to) {
        for (int32_t k = 0; k < terms; k += 2, to += (int64_t)gap * WORDS) {
            to[0] = row[k];
            to[1] = k + 1 < terms ? row[k + 1] : 0.0f;
        }
        return 1.0f;
    }
};

// Rows that are multiplied are rounded to 16 bits, each with a scale of its own; sums are exact. With VNNI, four products
// of bytes are added at once, of one that has a sign and one that has none: so the upper and the lower bytes of a row,
// 2^15 added to make it positive, have a sum each, and what that added is taken off where a sum begins. Without it, pairs
// of 16 bits are multiplied. Both give the same whole numbers.
struct Int8 {
    static constexpr int TERMS = 4, WORDS = 2, STRETCH_TERMS = 512;  // 512 * 127 * 32767 is just below 2^31
    static constexpr bool SCALED = true;
    static constexpr float LARGEST = 127.0f, LARGEST_OF_ROW = 32767.0f;
    typedef int32_t Word;
    // Four bytes of weights from a stretch of a column are worth this at the beginning of its sum.
    static int32_t beginning(uint32_t word) {
        int32_t sum = 0;
        for (int i = 0; i < TERMS; ++i) sum += (int8_t)(word >> 8 * i);
        return -32768 * sum;
    }

#if defined(__AVX512VNNI__)
    static constexpr int VECTORS_OF_SUM = 2;
    struct Sum {
        Wholes upper, lower;
    };
    struct Weights {
        Wholes bytes;
    };

    static inline Sum begin(const int32_t *beginnings) {
        return {Wholes{}, *reinterpret_cast<const UnalignedWholes *>(beginnings)};
    }
    static inline Weights weights(Wholes words) { return {words}; }
    static inline Sum add(Sum sum, const Word *x, const Weights &w) {
        const Wholes upper = x[0] - Wholes{}, lower = x[1] - Wholes{};
        return {(Wholes)_mm512_dpbusd_epi32((__m512i)sum.upper, (__m512i)upper, (__m512i)w.bytes),
                (Wholes)_mm512_dpbusd_epi32((__m512i)sum.lower, (__m512i)lower, (__m512i)w.bytes)};
    }
    static inline Wholes whole(Sum sum) { return (sum.upper << 8) + sum.lower; }
    static constexpr int PLACE[TERMS] = {0, 1, 2, 3};
#else
    static constexpr int VECTORS_OF_SUM = 1;
    typedef Wholes Sum;
    struct Weights {
        Shorts early, late;  // terms 0 and 1, and terms 2 and 3
    };

    static inline Sum begin(const int32_t *) { return Sum{}; }
    static inline Weights weights(Wholes words) {
        const Shorts both = (Shorts)words;
        return {(Shorts)(both << 8) >> 8, both >> 8};
    }
    static inline Sum add(Sum sum, const Word *x, const Weights &w) {
        const Wholes early = x[0] - Wholes{}, late = x[1] - Wholes{};
        return sum + sum_of_pairs((Shorts)early, w.early) + sum_of_pairs((Shorts)late, w.late);
    }
    static inline Wholes whole(Sum sum) { return sum; }
    static constexpr int PLACE[TERMS] = {0, 2, 1, 3};  // so that each half is widened by shifts alone
#endif

    static inline Lanes finish(Sum sum, Lanes before, float scale, const float *weight_scales) {
        return fused(numbers_of(whole(sum)) * scale, load(weight_scales), before);
    }

    static uint32_t pack(const float *weights, int terms, float scale) {
        uint32_t word = 0;
        for (int i = 0; i < terms && scale > 0; ++i)
            word |= (uint32_t)(uint8_t)(int8_t)std::lrintf(weights[i] / scale) << 8 * PLACE[i];
        return word;
    }
    static float pack_row(const float *row, int32_t terms, int gap, Word *to) {
        uint32_t most = 0;  // of numbers without their signs the bits are in order, and what is no number is above all
        for (int32_t k = 0; k < terms; ++k) {
            uint32_t bits;
            std::memcpy(&bits, row + k, sizeof bits);
            most = std::max(most, bits & 0x7fffffff);
        }
        float largest;
        std::memcpy(&largest, &most, sizeof largest);
        const bool finite = most < 0x7f800000;
        const float inverse = finite && largest > 1.0e-30f ? LARGEST_OF_ROW / largest : 0.0f;
        constexpr float WHOLE = 12582912.0f;  // a number added to it is rounded to a whole one
        constexpr int32_t BLOCK = 64;
        for (int32_t from = 0; from < terms; from += BLOCK) {
            int16_t rounded[BLOCK] = {};
            const int32_t count = std::min(BLOCK, terms - from);
            for (int32_t k = 0; k < count; ++k)
                rounded[k] = finite ? (int16_t)(int32_t)((row[from + k] * inverse + WHOLE) - WHOLE) : 0;
#if defined(__AVX512VNNI__)
            uint8_t upper[BLOCK], lower[BLOCK];
            for (int32_t k = 0; k < BLOCK; ++k) {
                upper[k] = (uint8_t)((uint16_t)(rounded[k] ^ 0x8000) >> 8);
                lower[k] = (uint8_t)rounded[k];
            }
            for (int32_t k = 0; k < count; k += TERMS, to += (int64_t)gap * WORDS) {
                std::memcpy(to, upper + k, TERMS);
                std::memcpy(to + 1, lower + k, TERMS);
            }
#else
            for (int32_t k = 0; k < count; k += TERMS, to += (int64_t)gap * WORDS)
                std::memcpy(to, rounded + k, TERMS * sizeof(int16_t));
#endif
        }
        return finite ? largest / LARGEST_OF_ROW : NAN;
    }
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
