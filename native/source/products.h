// Large products: many rows by packed weights, and sums over pairs for the gradients of weights.
#pragma once
#include "team.h"
#include "tiles.h"

namespace statewise {
namespace STATEWISE_TARGET {

constexpr int BLOCK_ROWS = 96;   // so many packed rows stay in the second cache while every panel passes
constexpr int BLOCK_PAIRS = 256; // and so many pairs of a sum over pairs

// Rows somewhere in memory: the i-th lies at `base + at(i) * gap`.
struct Rows {
    const float *base;
    int64_t gap;
    const int32_t *number;  // or null: one after another
    const float *operator[](int64_t i) const { return base + (number ? number[i] : i) * gap; }
};

// Pack `terms` numbers of rows `from` to `from + tiles.rows`, tile after tile.
static inline void pack_rows(const Rows &rows, int64_t from, const Tiles &tiles, int32_t terms, float *to) {
    for (int32_t i = 0; i < tiles.count; ++i) {
        const float *of_tile[TILE_ROWS];
        const int size = tiles.size(i);
        for (int r = 0; r < size; ++r) of_tile[r] = rows[from + tiles.first(i) + r];
        packing_of(size)(of_tile, terms, to + (int64_t)tiles.first(i) * terms);
    }
}

// Call `with(first row, tiles, packed)` for the rows in blocks, each packed.
template <class With>
static inline void in_packed_blocks(const Rows &rows, Range range, int32_t terms, float *packed, With with) {
    for (int32_t from = range.from; from < range.to; from += BLOCK_ROWS) {
        const Tiles tiles(std::min(BLOCK_ROWS, range.to - from));
        pack_rows(rows, from, tiles, terms, packed);
        with(from, tiles, packed);
    }
}

// Weights `[G * H, K]` as panels [(block * G + gate)][K][PANEL] of the blocks in `range`.
static inline void pack_weights(const float *weights, int gates, int32_t units, int32_t terms, Range range,
                                float *panels) {
    for (int32_t j = range.from; j < range.to; ++j)
        for (int g = 0; g < gates; ++g)
            pack_transposed(weights + ((int64_t)g * units + (int64_t)j * PANEL) * terms, terms,
                            std::min(PANEL, units - j * PANEL), terms,
                            panels + ((int64_t)j * gates + g) * terms * PANEL);
}

// The same weights as panels [columns / PANEL][terms][PANEL] for the way back, zeros at the padding. The terms are all
// units of a gate and then the next gate's, or PANEL units of each gate in turns.
static inline void pack_weights_back(const float *weights, int gates, int32_t units, int32_t columns, Range range,
                                     bool in_turns, float *panels) {
    const int32_t width = padded(units);
    constexpr int32_t SIDE_BY_SIDE = 4;  // panels, so that a row is read in longer pieces
    for (int32_t first = range.from; first < range.to; first += SIDE_BY_SIDE)
        for (int g = 0; g < gates; ++g)
            for (int32_t u = 0; u < width; ++u) {
                const int64_t term = in_turns ? u / PANEL * PANEL * gates + g * PANEL + u % PANEL : (int64_t)g * width + u;
                const float *from = weights + ((int64_t)g * units + u) * columns;
                for (int32_t j = first; j < std::min(first + SIDE_BY_SIDE, range.to); ++j)
                    pack_row(u < units ? from + j * PANEL : nullptr, u < units ? columns - j * PANEL : 0,
                             panels + ((int64_t)j * gates * width + term) * PANEL);
            }
}

// Copy the columns of a finished tile to where there is room for fewer.
static inline void unpack(const float *tile, int columns, float *to) {
    if (columns >= PANEL) {
        for (int v = 0; v < VECTORS; ++v) store(to + v * LANES, load(tile + v * LANES));
        return;
    }
    for (int c = 0; c < columns; ++c) to[c] = tile[c];
}

// Packed rows times at most BACK panels, which alone would be too few for one row: products [panel][rows][PANEL].
constexpr int BACK = 4;

static inline void multiply_back(int32_t rows, const float *packed, const float *panels, int terms, Range range,
                                 float *products) {
    const int64_t gap = (int64_t)terms * PANEL, apart = (int64_t)rows * PANEL;
    if (rows > 1)
        return multiply_each(Tiles(rows), packed, panels, terms, range.from, range.to, [&](int32_t n) {
            return Sums{nullptr, 0, products + (n - range.from) * apart, PANEL};
        });
    const float *start[BACK] = {};
    float *out[BACK];
    for (int p = 0; p < BACK; ++p) out[p] = products + p * apart;
    if (range.size() == BACK) return multiply_row<BACK>(packed, panels + range.from * gap, gap, terms, start, out);
    for (int32_t n = range.from; n < range.to; ++n)
        multiply_row<1>(packed, panels + n * gap, gap, terms, start, out + (n - range.from));
}

// out [at(i)] = rows[i] times panels, for the rows in `range`; `out` is [.., columns].
static inline void rows_by_panels(const Rows &rows, Range range, int32_t terms, const float *panels, int32_t columns,
                                  float *out, const int32_t *at, float *scratch) {
    alignas(64) float finished[SIDE_OF_FEW * BLOCK_ROWS * PANEL];
    in_packed_blocks(rows, range, terms, scratch, [&](int32_t from, const Tiles &tiles, const float *packed) {
        for (int32_t j = 0; j * PANEL < columns; j += SIDE_OF_FEW) {
            const int32_t end = std::min(j + SIDE_OF_FEW, padded(columns) / PANEL);
            multiply_each(tiles, packed, panels, terms, j, end, [&](int32_t n) {
                return Sums{nullptr, 0, finished + (int64_t)(n - j) * BLOCK_ROWS * PANEL, PANEL};
            });
            for (int32_t n = j; n < end; ++n)
                for (int32_t i = 0; i < tiles.rows; ++i)
                    unpack(finished + ((int64_t)(n - j) * BLOCK_ROWS + i) * PANEL, columns - n * PANEL,
                           out + (int64_t)(at ? at[from + i] : from + i) * columns + n * PANEL);
        }
    });
}

// The columns of a gradient of sums, `[pairs, gap]`, that belong to weights m, m + 1, ...: weights lie `units` to a gate
// and sums `gate` apart from gate to gate and `block` from one block of PANEL units to the next.
struct SumColumns {
    const float *base;
    int64_t gap;
    int32_t units, gate, block;
    int64_t column(int32_t m) const {
        const int32_t unit = m % units;
        return (int64_t)(m / units) * gate + (int64_t)(unit / PANEL) * block + unit % PANEL;
    }
};

// weights [m, columns] = sum over pairs of sums[pair, m] * rows[pair], for the weights in `range`, and the plain sums
// over pairs in `bias` if it is not null. `scratch` holds `sum_over_pairs_scratch` floats.
static inline size_t sum_over_pairs_scratch(int32_t columns) {
    return (size_t)BLOCK_PAIRS * (padded(columns) + BLOCK_ROWS) + PANEL;
}

// So many columns of the sums of some pairs, packed as a tile, and their sums over the pairs added to a bias. The tile
// has room for one vector more.
static inline void pack_sums(const SumColumns &sums, Range pairs, int32_t m, int size, float *tile, float *bias) {
    int64_t column[TILE_ROWS];
    int breaks = 0, at = size;  // where columns do not follow one another
    for (int r = 0; r < size; ++r) {
        column[r] = sums.column(m + r);
        if (r && column[r] != column[r - 1] + 1) ++breaks, at = r;
    }
    alignas(64) float total[std::max(TILE_ROWS, LANES)] = {};
    const float *from = sums.base + pairs.from * sums.gap;
    if (size <= LANES && breaks <= 1) {
        Lanes all{};
        Wholes lane;
        for (int v = 0; v < LANES; ++v) lane[v] = v;
        const int64_t first = column[0], second = at < size ? column[at] - at : first;
        for (int32_t p = pairs.from; p < pairs.to; ++p, tile += size, from += sums.gap) {
            const Lanes some = lane < at ? load(from + first) : load(from + second);
            store(tile, some);
            all += some;
        }
        store(total, all);
    } else
        for (int32_t p = pairs.from; p < pairs.to; ++p, tile += size, from += sums.gap)
            for (int r = 0; r < size; ++r) total[r] += tile[r] = from[column[r]];
    if (bias)
        for (int r = 0; r < size; ++r) bias[m + r] += total[r];
}

// weights = the sums over these pairs for the weights in `block`, at most BLOCK_ROWS of them, or where it `adds` so much more.
static inline void add_block(const SumColumns &sums, Range pairs, Range block, const float *panels, int32_t columns,
                             bool adds, float *packed, float *weights, float *bias) {
    alignas(64) float finished[BLOCK_ROWS * PANEL];
    const Tiles tiles(block.size());
    const int32_t terms = pairs.size();
    for (int32_t i = 0; i < tiles.count; ++i)
        pack_sums(sums, pairs, block.from + tiles.first(i), tiles.size(i), packed + (int64_t)tiles.first(i) * terms,
                  bias);
    float *to = weights + (int64_t)block.from * columns;
    const int32_t whole = columns / PANEL, narrow = columns - whole * PANEL;
    multiply_each(tiles, packed, panels, terms, 0, whole, [&](int32_t n) {
        return Sums{adds ? to + n * PANEL : nullptr, columns, to + n * PANEL, columns};
    });
    if (!narrow) return;
    to += whole * PANEL;
    for (int32_t r = 0; adds && r < block.size(); ++r) pack_row(to + (int64_t)r * columns, narrow, finished + r * PANEL);
    multiply_each(tiles, packed, panels, terms, whole, whole + 1, [&](int32_t) {
        return Sums{adds ? finished : nullptr, PANEL, finished, PANEL};
    });
    for (int32_t r = 0; r < block.size(); ++r) unpack(finished + r * PANEL, narrow, to + (int64_t)r * columns);
}

static inline void sum_over_pairs(const SumColumns &sums, const Rows &rows, int32_t pairs, Range range,
                                  int32_t columns, float *weights, float *bias, float *scratch) {
    float *panels = scratch, *packed = scratch + (size_t)BLOCK_PAIRS * padded(columns);
    if (bias) std::fill(bias + range.from, bias + range.to, 0.0f);
    if (!pairs) std::fill(weights + (int64_t)range.from * columns, weights + (int64_t)range.to * columns, 0.0f);
    for (int32_t p = 0; p < pairs; p += BLOCK_PAIRS) {
        const Range chunk{p, std::min(pairs, p + BLOCK_PAIRS)};
        for (int32_t k = 0; k < chunk.size(); ++k) {
            const float *row = rows[p + k];
            for (int32_t n = 0; n < columns; n += PANEL)
                pack_row(row + n, columns - n, panels + (int64_t)n * chunk.size() + (int64_t)k * PANEL);
        }
        for (int32_t m = range.from; m < range.to; m += BLOCK_ROWS)
            add_block(sums, chunk, {m, std::min(range.to, m + BLOCK_ROWS)}, panels, columns, p > 0, packed, weights, bias);
    }
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
