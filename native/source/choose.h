// One choice out of some odds, as `statewise.decode` makes it: rule out, bend, and take the first whose share of the
// odds, added to those before it, is beyond a number between 0 and 1.
#pragma once
#include <cmath>
#include <limits>

#include "activations.h"
#include "statewise/program.h"
#include "tiles.h"

namespace statewise {
namespace STATEWISE_TARGET {

constexpr float NEVER = -std::numeric_limits<float>::infinity();

static inline float largest_of(const float *x, int32_t n) {
    Lanes most = fill(NEVER);
    for (int32_t i = 0; i < n; i += LANES) {
        const Lanes here = load(x + i);
        most = here > most ? here : most;
    }
    float largest = most[0];
    for (int i = 1; i < LANES; ++i) largest = std::max(largest, most[i]);
    return largest;
}

// e^((x - most) / temperature) of n numbers, padded with minus infinity, in place; returns their sum.
static inline double exponentials(float *x, int32_t n, float most, float temperature) {
    double sum = 0.0;
    for (int32_t i = 0; i < n; i += LANES) {
        store(x + i, exponential((load(x + i) - most) / temperature));
        for (int v = 0; v < LANES; ++v) sum += x[i + v];
    }
    return sum;
}

// Minus the logarithm of a target's probability. `room` holds padded(n) floats.
static inline float nats_of(const float *odds, int32_t n, int64_t target, float *room) {
    std::copy_n(odds, n, room);
    std::fill(room + n, room + padded(n), NEVER);
    const float most = largest_of(room, n);
    return (float)(std::log(exponentials(room, n, most, 1.0f)) + most - odds[target]);
}

struct Likelier {
    const float *odds;
    bool operator()(int32_t a, int32_t b) const { return odds[a] > odds[b] || (odds[a] == odds[b] && a < b); }
};

// All that are less likely than the k-th likeliest; those equal to it stay.
static inline void rule_out_beyond_k(float *odds, int32_t n, int32_t k, int32_t *order) {
    for (int32_t i = 0; i < n; ++i) order[i] = i;
    std::nth_element(order, order + k - 1, order + n, Likelier{odds});
    const float least = odds[order[k - 1]];
    for (int32_t i = 0; i < n; ++i)
        if (odds[i] < least) odds[i] = NEVER;
}

// All after the first, by likelihood, that together have a share of p.
static inline void rule_out_beyond_p(float *odds, int32_t n, double p, int32_t *order) {
    for (int32_t i = 0; i < n; ++i) order[i] = i;
    std::sort(order, order + n, Likelier{odds});
    const double most = odds[order[0]];
    double sum = 0.0, before = 0.0;
    for (int32_t i = 0; i < n; ++i) sum += std::exp((double)odds[i] - most);
    for (int32_t i = 0; i < n; ++i) {
        const double share = std::exp((double)odds[order[i]] - most) / sum;
        if (before >= p) odds[order[i]] = NEVER;
        before += share;
    }
}

// The number chosen, or -1 where the odds are not numbers. `room` holds 2 padded(n) floats.
static inline int32_t choose(const float *given, int32_t n, const statewise_rule &rule, double uniform, float *room) {
    float *odds = room;
    int32_t *order = reinterpret_cast<int32_t *>(room + padded(n));
    std::copy_n(given, n, odds);
    std::fill(odds + n, odds + padded(n), NEVER);
    for (int32_t i = 0; i < rule.nevers; ++i)
        if (0 <= rule.never[i] && rule.never[i] < n) odds[rule.never[i]] = NEVER;
    if (rule.top_k > 0 && rule.top_k < n) rule_out_beyond_k(odds, n, rule.top_k, order);
    if (rule.top_p < 1.0) rule_out_beyond_p(odds, n, rule.top_p, order);
    const float most = largest_of(odds, n);
    if (rule.temperature == 0.0) {
        const int32_t first = (int32_t)(std::find(odds, odds + n, most) - odds);
        return first < n ? first : -1;
    }
    const double sum = exponentials(odds, n, most, (float)std::max(rule.temperature, 1e-30));
    if (!(sum > 0.0 && sum <= std::numeric_limits<double>::max())) return -1;
    const double wanted = uniform * sum;
    double reached = 0.0;
    int32_t last = 0;
    for (int32_t i = 0; i < n; ++i) {
        if (odds[i] > 0.0f) last = i;
        reached += odds[i];
        if (reached > wanted) return i;
    }
    return last;
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
