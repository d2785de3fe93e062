// Which kernels fit this processor, what a cell looks like from outside, and what needs no vector instruction.
#include <cstring>
#include <initializer_list>

#include "statewise/kernels.h"

namespace statewise {
#if defined(__x86_64__)
namespace avx512 {
extern const statewise_kernels kernels;
}
namespace avx2 {
extern const statewise_kernels kernels;
}
#endif
namespace baseline {
extern const statewise_kernels kernels;
}
}  // namespace statewise

extern "C" {

#if defined(__x86_64__)
// The same kernels; programs differ.
static const statewise_kernels *with_vnni() {
    static const statewise_kernels kernels = [] {
        statewise_kernels same = statewise::avx512::kernels;
        same.name = "avx512vnni";
        return same;
    }();
    return &kernels;
}
#endif

const statewise_kernels *statewise_named(const char *name) {
#if defined(__x86_64__)
    if (!std::strcmp(name, "avx512vnni") && __builtin_cpu_supports("avx512vnni") && statewise_named("avx512"))
        return with_vnni();
    if (!std::strcmp(name, "avx512") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
        return &statewise::avx512::kernels;
    if (!std::strcmp(name, "avx2") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &statewise::avx2::kernels;
#endif
    return std::strcmp(name, "baseline") ? nullptr : &statewise::baseline::kernels;
}

const statewise_kernels *statewise_best(void) {
    for (const char *name : {"avx512vnni", "avx512", "avx2"})
        if (const statewise_kernels *found = statewise_named(name)) return found;
    return statewise_named("baseline");
}

statewise_form statewise_form_of(int32_t cell) {
    switch (cell) {
        case STATEWISE_ZONEOUT_LSTM:
        case STATEWISE_LSTM: return {4, 1, 0, 0, 0};
        case STATEWISE_PEEPHOLE_LSTM: return {4, 1, 0, 0, 3};
        case STATEWISE_ZONEOUT_COUPLED_LSTM:
        case STATEWISE_COUPLED_LSTM:
        case STATEWISE_LSTM_1997: return {3, 1, 0, 0, 0};
        case STATEWISE_ZONEOUT_GRU:
        case STATEWISE_GRU: return {3, 0, 1, 0, 1};
        case STATEWISE_GRU_RESET_BEFORE: return {3, 0, 1, 0, 0};
        case STATEWISE_LAYER_NORM_LSTM: return {4, 1, 8, STATEWISE_PANEL, 10};
        case STATEWISE_LAYER_NORM_GRU: return {3, 0, 6, STATEWISE_PANEL, 6};
        case STATEWISE_PROJECTED_LSTM: return {4, 1, 1, 0, 0};
        default: return {1, 0, 0, 0, 0};
    }
}

int32_t statewise_fill_schedule(int32_t steps, int32_t rows, const uint8_t *reset, const uint8_t *mask, int32_t *start,
                                int32_t *row, int32_t *place, int32_t *source, int32_t *last) {
    for (int32_t b = 0; b < rows; ++b) last[b] = b;
    int32_t pair = 0;
    for (int32_t t = 0, at = 0; t < steps; ++t) {
        start[t] = pair;
        for (int32_t b = 0; b < rows; ++b, ++at) {
            if (mask && !mask[at]) continue;
            row[pair] = b;
            place[pair] = at;
            source[pair] = reset && reset[at] ? rows + b : last[b];
            last[b] = 2 * rows + pair++;
        }
    }
    start[steps] = pair;
    return pair;
}

static int32_t padded(int32_t units) { return (units + STATEWISE_PANEL - 1) / STATEWISE_PANEL * STATEWISE_PANEL; }

// Scatter 64 bits over 64 bits, as SplitMix64 does at its end (Steele, Lea & Flood 2014); as in `cells/noise.py`.
static uint64_t scattered(uint64_t key) {
    key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9u;
    key = (key ^ (key >> 27)) * 0x94D049BB133111EBu;
    return key ^ (key >> 31);
}

void statewise_draw_changes(const statewise_schedule *when, int32_t units, int32_t parts, int32_t kept,
                            statewise_noise first, statewise_noise fresh, uint8_t *changes, statewise_noise last) {
    constexpr uint64_t GOLDEN = 0x9E3779B97F4A7C15u;
    const int32_t rows = when->rows, width = padded(units);
    std::memcpy(last.seed, first.seed, rows * sizeof(int64_t));
    std::memcpy(last.draws, first.draws, rows * sizeof(int64_t));
    for (int32_t p = 0; p < when->pairs; ++p) {
        const int32_t row = when->row[p];
        if (when->source[p] >= rows && when->source[p] < 2 * rows) {
            last.seed[row] = fresh.seed[row];
            last.draws[row] = fresh.draws[row];
        }
        uint64_t key = scattered((uint64_t)last.seed[row] + GOLDEN * (uint64_t)last.draws[row]++);
        for (int32_t part = 0; part < parts; ++part, changes += width) {
            for (int32_t u = 0; u < units; ++u) {
                key += GOLDEN;
                changes[u] = (scattered(key) >> 40) >= (uint64_t)kept ? 255 : 0;
            }
            std::memset(changes + units, 0, width - units);
        }
    }
}

void statewise_spread(const statewise_schedule *when, int32_t units, const float *hidden, float *ys) {
    const int64_t width = padded(units);
    for (int64_t p = 0; p < when->pairs; ++p)
        std::memcpy(ys + (int64_t)when->place[p] * units, hidden + (2 * (int64_t)when->rows + p) * width,
                    units * sizeof(float));
}

void statewise_gather(int32_t rows, int32_t units, const float *states, const int32_t *from, float *to) {
    const int64_t width = padded(units);
    for (int64_t b = 0; b < rows; ++b)
        std::memcpy(to + b * units, states + (from ? from[b] : b) * width, units * sizeof(float));
}
}
