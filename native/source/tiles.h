// Products of matrices in small tiles, each summed in the same order wherever it lies: so no result depends on the rows
// beside it, nor on how many threads share the work.
#pragma once
#include <algorithm>
#include <utility>

#include "lanes.h"
#include "statewise/kernels.h"

namespace statewise {
namespace STATEWISE_TARGET {

constexpr int PANEL = STATEWISE_PANEL;
constexpr int VECTORS = PANEL / LANES;
// Products are summed over stretches of so many terms, and the stretches' sums then added up: four times more exact
// than one long sum, and a stretch of a panel stays in the fastest cache while all rows pass.
constexpr int STRETCH = 128;

static inline int32_t padded(int32_t width) { return (width + PANEL - 1) / PANEL * PANEL; }

// Rows in tiles of at most TILE_ROWS, as even as can be. Tile i begins at row `first(i)`.
struct Tiles {
    int32_t rows, count;
    explicit Tiles(int32_t rows) : rows(rows), count((rows + TILE_ROWS - 1) / TILE_ROWS) {}
    int32_t first(int32_t i) const { return (int32_t)((int64_t)rows * i / count); }
    int size(int32_t i) const { return first(i + 1) - first(i); }
};

// out[R, PANEL] = start + a b, with `a` packed [terms, R] and `b` packed [terms, PANEL]
template <int R>
static void tile(const float *__restrict a, const float *__restrict b, int terms, const float *start, int64_t start_gap,
                 float *out, int64_t out_gap) {
    Lanes sum[R][VECTORS];
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < VECTORS; ++v) sum[r][v] = Lanes{};
#pragma GCC unroll 4
    for (int k = 0; k < terms; ++k) {
        Lanes weights[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) weights[v] = load(b + (int64_t)k * PANEL + v * LANES);
        __builtin_prefetch(b + (int64_t)k * PANEL + 40 * PANEL);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const Lanes x = fill(a[(int64_t)k * R + r]);
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) sum[r][v] = fused(x, weights[v], sum[r][v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) {
            const Lanes before = start ? load(start + r * start_gap + v * LANES) : Lanes{};
            store(out + r * out_gap + v * LANES, sum[r][v] + before);
        }
}

// The same for one row and P panels side by side, which alone would leave the processor waiting for each sum.
template <int P>
static void strip(const float *__restrict a, const float *__restrict b, int64_t panel_gap, int terms,
                  const float *const *start, float *const *out) {
    Lanes sum[P][VECTORS];
    for (int p = 0; p < P; ++p)
        for (int v = 0; v < VECTORS; ++v) sum[p][v] = Lanes{};
#pragma GCC unroll 2
    for (int k = 0; k < terms; ++k) {
        const Lanes x = fill(a[k]);
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v)
                sum[p][v] = fused(x, load(b + p * panel_gap + (int64_t)k * PANEL + v * LANES), sum[p][v]);
    }
    for (int p = 0; p < P; ++p)
        for (int v = 0; v < VECTORS; ++v) {
            const Lanes before = start[p] ? load(start[p] + v * LANES) : Lanes{};
            store(out[p] + v * LANES, sum[p][v] + before);
        }
}

// So many numbers of each of R rows, given by pointers, into a tile [terms, R].
template <int R>
static void pack_tile(const float *const *rows, int32_t terms, float *to) {
    for (int32_t k = 0; k < terms; ++k)
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) to[(int64_t)k * R + r] = rows[r][k];
}

struct OfRows {
    void (*multiply)(const float *, const float *, int, const float *, int64_t, float *, int64_t);
    void (*pack)(const float *const *, int32_t, float *);
};

template <int... R>
static inline const OfRows &choose_rows(int rows, std::integer_sequence<int, R...>) {
    static constexpr OfRows table[] = {{tile<R + 1>, pack_tile<R + 1>}...};
    return table[rows - 1];
}

// What is written for tiles of so many rows.
static inline const OfRows &of_rows(int rows) {
    return choose_rows(rows, std::make_integer_sequence<int, TILE_ROWS>());
}

// Rows `tiles` of `a`, packed tile behind tile as [terms, R], times one panel: out[rows, PANEL] = start + a b.
// `start` may be null (zero), or `out` itself; a gap of 0 starts every row from the same numbers.
static inline void multiply(const Tiles &tiles, const float *a, const float *panel, int terms, const float *start,
                            int64_t start_gap, float *out, int64_t out_gap) {
    for (int k = 0; k < terms; k += STRETCH) {
        const int length = std::min(STRETCH, terms - k);
        for (int32_t i = 0; i < tiles.count; ++i) {
            const int32_t row = tiles.first(i);
            const int size = tiles.size(i);
            float *to = out + row * out_gap;
            const float *from = k ? to : start ? start + row * start_gap : nullptr;
            of_rows(size).multiply(a + (int64_t)row * terms + (int64_t)k * size, panel + (int64_t)k * PANEL, length, from,
                          k ? out_gap : start_gap, to, out_gap);
        }
    }
}

// One row times P panels that lie `panel_gap` apart.
template <int P>
static inline void multiply_row(const float *a, const float *panels, int64_t panel_gap, int terms,
                                const float *const *start, float *const *out) {
    for (int k = 0; k < terms; k += STRETCH)
        strip<P>(a + k, panels + (int64_t)k * PANEL, panel_gap, std::min(STRETCH, terms - k),
                 k ? const_cast<const float *const *>(out) : start, out);
}

// A panel [terms, PANEL] whose columns are rows of `weights`, `gap` apart; where there are fewer, zeros.
static inline void pack_transposed(const float *weights, int64_t gap, int columns, int terms, float *panel) {
    constexpr int BLOCK = 16;
    for (int k0 = 0; k0 < terms; k0 += BLOCK) {
        const int end = std::min(terms, k0 + BLOCK);
        for (int c = 0; c < columns; ++c)
            for (int k = k0; k < end; ++k) panel[(int64_t)k * PANEL + c] = weights[c * gap + k];
        for (int k = k0; k < end; ++k)
            for (int c = columns; c < PANEL; ++c) panel[(int64_t)k * PANEL + c] = 0.0f;
    }
}

// One row of a panel: so many numbers, then zeros.
static inline void pack_row(const float *from, int columns, float *to) {
    if (columns >= PANEL) {
        for (int v = 0; v < VECTORS; ++v) store(to + v * LANES, load(from + v * LANES));
        return;
    }
    for (int c = 0; c < PANEL; ++c) to[c] = c < columns ? from[c] : 0.0f;
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
