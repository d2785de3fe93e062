// Products of matrices in small tiles, each summed in the same order wherever it lies: so no result depends on the other
// rows, nor on how many threads share the work.
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

// Numbers [of each gate, units] to [block, `slots`, PANEL], gate g in slot `first + g`; what is no unit stays as it is.
static inline void interleave(const float *from, int gates, int32_t units, int slots, int first, float *to) {
    for (int g = 0; g < gates; ++g)
        for (int32_t u = 0; u < units; ++u)
            to[((int64_t)(u / PANEL) * slots + first + g) * PANEL + u % PANEL] = from[(int64_t)g * units + u];
}

// Rows in tiles of at most TILE_ROWS, as even as can be. Tile i begins at row `first(i)`.
struct Tiles {
    int32_t rows, count;
    explicit Tiles(int32_t rows) : rows(rows), count((rows + TILE_ROWS - 1) / TILE_ROWS) {}
    int32_t first(int32_t i) const { return (int32_t)((int64_t)rows * i / count); }
    int size(int32_t i) const { return first(i + 1) - first(i); }
};

// Where the sums of a panel begin, row after row, and where they go. A start of null is zero; a gap of 0 starts every row
// from the same numbers; `start` may be `out` itself.
struct Sums {
    const float *start;
    int64_t start_gap;
    float *out;
    int64_t out_gap;
};

// Panels that a tile of rows meets at once, so that every number of a row that is fetched is used more than once: as many
// as leave each sum a register of its own.
constexpr int SIDE = LANES == PANEL ? 2 : 1, FEW_ROWS = 6, SIDE_OF_FEW = LANES == PANEL ? 4 : 1;

// out[R, PANEL] = start + a b for P panels, with `a` packed [terms, R] and each b packed [terms, PANEL]
template <int R, int P>
static void tile(const float *__restrict a, const float *__restrict b, int64_t panel_gap, int terms, const Sums *sums,
                 int64_t row) {
    constexpr int AHEAD = 40;  // terms
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p)  // rows lie too far apart for the processor to see them coming
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) __builtin_prefetch(sums[p].out + (row + r) * sums[p].out_gap, 1);
    Lanes sum[R][P][VECTORS];
    for (int r = 0; r < R; ++r)
        for (int p = 0; p < P; ++p)
            for (int v = 0; v < VECTORS; ++v) sum[r][p][v] = Lanes{};
#pragma GCC unroll 4
    for (int k = 0; k < terms; ++k) {
        Lanes weights[P][VECTORS];
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p) {
            const float *words = b + p * panel_gap + (int64_t)k * PANEL;
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) weights[p][v] = load(words + v * LANES);
            __builtin_prefetch(words + AHEAD * PANEL);
        }
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const Lanes x = fill(a[(int64_t)k * R + r]);
#pragma GCC unroll 4
            for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; ++v) sum[r][p][v] = fused(x, weights[p][v], sum[r][p][v]);
        }
    }
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
        const Sums &of = sums[p];
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) {
                const Lanes before = of.start ? load(of.start + (row + r) * of.start_gap + v * LANES) : Lanes{};
                store(of.out + (row + r) * of.out_gap + v * LANES, sum[r][p][v] + before);
            }
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

typedef void (*Multiply)(const float *, const float *, int64_t, int, const Sums *, int64_t);

template <int P, int... R>
static inline Multiply choose_tile(int rows, std::integer_sequence<int, R...>) {
    static constexpr Multiply table[] = {tile<R + 1, P>...};
    return table[rows - 1];
}

template <int... R>
static inline void (*choose_packing(int rows, std::integer_sequence<int, R...>))(const float *const *, int32_t, float *) {
    static constexpr void (*table[])(const float *const *, int32_t, float *) = {pack_tile<R + 1>...};
    return table[rows - 1];
}

// How tiles of so many rows are packed, and multiplied by so many panels.
static inline void (*packing_of(int rows))(const float *const *, int32_t, float *) {
    return choose_packing(rows, std::make_integer_sequence<int, TILE_ROWS>());
}
static inline Multiply tile_of(int rows, int panels) {
    constexpr auto ROWS = std::make_integer_sequence<int, TILE_ROWS>();
    if (panels == 1) return choose_tile<1>(rows, ROWS);
    if (panels == SIDE) return choose_tile<SIDE>(rows, ROWS);
    return choose_tile<SIDE_OF_FEW>(rows, std::make_integer_sequence<int, std::min(FEW_ROWS, TILE_ROWS)>());
}

// Rows `tiles` of `a`, packed tile after tile as [terms, R], times some panels that lie `panel_gap` apart.
static inline void multiply(const Tiles &tiles, const float *a, const float *panels, int64_t panel_gap, int count,
                            int terms, const Sums *sums) {
    const bool few = SIDE_OF_FEW > SIDE && tiles.rows <= FEW_ROWS;
    for (int from = 0, here; from < count; from += here) {
        here = few && count - from >= SIDE_OF_FEW ? SIDE_OF_FEW : count - from >= SIDE ? SIDE : 1;
        Sums on[SIDE_OF_FEW];
        std::copy_n(sums + from, here, on);
        for (int k = 0; k < terms; k += STRETCH) {
            const float *panel = panels + from * panel_gap + (int64_t)k * PANEL;
            for (int32_t i = 0; i < tiles.count; ++i) {
                const int32_t row = tiles.first(i);
                const int size = tiles.size(i);
                tile_of(size, here)(a + (int64_t)row * terms + (int64_t)k * size, panel, panel_gap,
                                    std::min(STRETCH, terms - k), on, row);
            }
            for (int p = 0; p < here; ++p) on[p].start = on[p].out, on[p].start_gap = on[p].out_gap;
        }
    }
}

// The same for the panels from one to another of those at `panels`; `sums_of` tells of each where its sums go.
template <class SumsOf>
static inline void multiply_each(const Tiles &tiles, const float *a, const float *panels, int terms, int32_t from,
                                 int32_t to, SumsOf sums_of) {
    const int64_t gap = (int64_t)terms * PANEL;
    for (int32_t n = from; n < to; n += SIDE_OF_FEW) {
        Sums sums[SIDE_OF_FEW];
        const int count = std::min<int>(SIDE_OF_FEW, to - n);
        for (int p = 0; p < count; ++p) sums[p] = sums_of(n + p);
        multiply(tiles, a, panels + n * gap, gap, count, terms, sums);
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

// Lanes of two vectors in another order: those of the first are numbered from 0, of the second from LANES.
template <int... lane>
static inline Lanes mixed(Lanes a, Lanes b, std::integer_sequence<int, lane...>) {
    return __builtin_shufflevector(a, b, lane...);
}
// Groups of N lanes of two vectors in turns: the even ones of both, or the odd ones.
template <int N, bool odd, int... lane>
static inline Lanes in_turns(Lanes a, Lanes b, std::integer_sequence<int, lane...>) {
    return mixed(a, b, std::integer_sequence<int, (lane / N % 2 ? LANES : 0) + (lane & ~N) + (odd ? N : 0)...>());
}
template <int N>
static inline void exchange(Lanes *rows) {
    constexpr auto ALL = std::make_integer_sequence<int, LANES>();
#pragma GCC unroll 16
    for (int i = 0; i < LANES; ++i)
        if (!(i & N)) {
            const Lanes a = rows[i], b = rows[i + N];
            rows[i] = in_turns<N, false>(a, b, ALL);
            rows[i + N] = in_turns<N, true>(a, b, ALL);
        }
}
// A square of PANEL rows that lie `gap` apart, to PANEL rows one after another. Needs lanes for all of a row.
static inline void transpose(const float *from, int64_t gap, float *to) {
    if constexpr (LANES == PANEL) {
        Lanes rows[LANES];
        for (int i = 0; i < LANES; ++i) rows[i] = load(from + i * gap);
        exchange<8>(rows);
        exchange<4>(rows);
        exchange<2>(rows);
        exchange<1>(rows);
        for (int i = 0; i < LANES; ++i) store(to + i * PANEL, rows[i]);
    }
}

// A panel [terms, PANEL] whose columns are rows of `weights`, `gap` apart; where there are fewer, zeros.
static inline void pack_transposed(const float *weights, int64_t gap, int columns, int terms, float *panel) {
    constexpr int BLOCK = 16;
    for (int k0 = 0; k0 < terms; k0 += BLOCK) {
        const int end = std::min(terms, k0 + BLOCK);
        if (LANES == PANEL && columns == PANEL && end - k0 == BLOCK) {
            for (int c = 0; c < columns; ++c) __builtin_prefetch(weights + c * gap + k0 + 4 * BLOCK);
            transpose(weights + k0, gap, panel + (int64_t)k0 * PANEL);
            continue;
        }
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
