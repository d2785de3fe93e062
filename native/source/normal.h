// A row brought to mean nought and deviation one, and how a gradient comes back through that.
#pragma once
#include <algorithm>
#include <cmath>

#include "cells.h"

namespace statewise {
namespace STATEWISE_TARGET {

constexpr float EPSILON = 1e-5f;  // what PyTorch adds to a variance

// The numbers of a vector that come before `count`, and zeros.
static inline Lanes only_first(Lanes x, int64_t count) {
    if (count >= LANES) return x;
    alignas(64) float some[LANES];
    store(some, x);
    for (int64_t i = std::max<int64_t>(count, 0); i < LANES; ++i) some[i] = 0.0f;
    return load(some);
}

static inline float total(Lanes x) {
    alignas(64) float some[LANES];
    store(some, x);
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; ++i) some[i] += some[i + half];
    return some[0];
}

// The sum of `term(place)` over `units` numbers of each of some gates, which lie `width` apart. Every gate has a sum of
// its own, so that the processor need not wait for one addition to begin the next.
template <int GATES, class Term>
static inline float sum_of_gates(int32_t units, int64_t width, Term term) {
    Lanes sum[GATES] = {};
    for (int32_t u = 0; u < units; u += LANES)
        for (int g = 0; g < GATES; ++g) sum[g] += only_first(term(g * width + u), units - u);
    for (int g = 1; g < GATES; ++g) sum[0] += sum[g];
    return total(sum[0]);
}

struct Moments {
    float mean, scale;  // scale: one over the deviation, no number where that overflows, as PyTorch has it
};

template <int GATES>
static inline Moments moments(int32_t units, int64_t width, const float *x) {
    const float count = (float)((int64_t)GATES * units);
    const float mean = sum_of_gates<GATES>(units, width, [=](int64_t at) { return load(x + at); }) / count;
    const float variance = sum_of_gates<GATES>(units, width, [=](int64_t at) {
        const Lanes away = load(x + at) - mean;
        return away * away;
    }) / count;
    const float nought = variance - variance;  // or no number, so that what is too large is not taken for nought
    return {mean, 1.0f / std::sqrt(variance + EPSILON) + nought};
}

// From the gradient `dy` of y = gain * normal + bias, where normal = (x - mean) * scale: the gradient of x in `dx`, which
// may be `dy`, and what the pair adds to the gradient of the gain.
template <int GATES>
static inline void back_through_normal(int32_t units, int64_t width, const float *dy, const float *normal,
                                       const float *gain, float scale, float *dx, float *to_gain) {
    const float share = 1.0f / (float)((int64_t)GATES * units);
    const float mean = share * sum_of_gates<GATES>(units, width, [=](int64_t at) {
        store(to_gain + at, fused(load(dy + at), load(normal + at), load(to_gain + at)));
        return load(dy + at) * load(gain + at);
    });
    const float along = share * sum_of_gates<GATES>(units, width, [=](int64_t at) {
        return load(dy + at) * load(gain + at) * load(normal + at);
    });
    for (int g = 0; g < GATES; ++g)
        for (int32_t u = 0; u < width; u += LANES) {
            const int64_t at = g * width + u;
            const Lanes away = fused(load(normal + at), fill(-along), fused(load(dy + at), load(gain + at), fill(-mean)));
            store(dx + at, only_first(away * scale, units - u));
        }
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
