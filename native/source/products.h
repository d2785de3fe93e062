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

// Pack `terms` numbers of rows `from` to `from + tiles.rows`, tile behind tile.
static inline void pack_rows(const Rows &rows, int64_t from, const Tiles &tiles, int32_t terms, float *to) {
    for (int32_t i = 0; i < tiles.count; ++i) {
        const float *of_tile[TILE_ROWS];
        const int size = tiles.size(i);
        for (int r = 0; r < size; ++r) of_tile[r] = rows[from + tiles.first(i) + r];
        of_rows(size).pack(of_tile, terms, to + (int64_t)tiles.first(i) * terms);
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

// The same weights as panels [columns / PANEL][G * padded H][PANEL] for the way back, zeros at the padding.
static inline void pack_weights_back(const float *weights, int gates, int32_t units, int32_t columns, Range range,
                                     float *panels) {
    const int32_t width = padded(units);
    for (int32_t j = range.from; j < range.to; ++j) {
        float *panel = panels + (int64_t)j * gates * width * PANEL;
        for (int g = 0; g < gates; ++g)
            for (int32_t u = 0; u < width; ++u, panel += PANEL)
                pack_row(u < units ? weights + ((int64_t)g * units + u) * columns + j * PANEL : nullptr,
                         u < units ? columns - j * PANEL : 0, panel);
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

// out [at(i)] = rows[i] times panels, for the rows in `range`; `out` is [.., columns].
static inline void rows_by_panels(const Rows &rows, Range range, int32_t terms, const float *panels, int32_t columns,
                                  float *out, const int32_t *at, float *scratch) {
    alignas(64) float finished[BLOCK_ROWS * PANEL];
    in_packed_blocks(rows, range, terms, scratch, [&](int32_t from, const Tiles &tiles, const float *packed) {
        for (int32_t j = 0; j * PANEL < columns; ++j) {
            multiply(tiles, packed, panels + (int64_t)j * terms * PANEL, terms, nullptr, 0, finished, PANEL);
            for (int32_t i = 0; i < tiles.rows; ++i)
                unpack(finished + i * PANEL, columns - j * PANEL,
                       out + (int64_t)(at ? at[from + i] : from + i) * columns + j * PANEL);
        }
    });
}

// The columns of a gradient of sums, `[pairs, gap]`, that belong to weights m, m + 1, ...: weights lie `units` to a gate
// and sums `width` to a gate.
struct SumColumns {
    const float *base;
    int64_t gap;
    int32_t units, width;
    int64_t column(int32_t m) const { return (int64_t)(m / units) * width + m % units; }
};

// weights [m, columns] = sum over pairs of sums[pair, m] * rows[pair], for the weights in `range`, and the plain sums
// over pairs in `bias` if it is not null. `scratch` holds `sum_over_pairs_scratch` floats.
static inline size_t sum_over_pairs_scratch(int32_t columns) {
    return (size_t)BLOCK_PAIRS * (padded(columns) + BLOCK_ROWS);
}

static inline void pack_sums(const SumColumns &sums, Range pairs, int32_t m, int size, float *tile, float *bias) {
    float total[TILE_ROWS] = {};
    int64_t column[TILE_ROWS];
    for (int r = 0; r < size; ++r) column[r] = sums.column(m + r);
    for (int32_t p = pairs.from; p < pairs.to; ++p, tile += size) {
        const float *from = sums.base + p * sums.gap;
        for (int r = 0; r < size; ++r) total[r] += tile[r] = from[column[r]];
    }
    if (bias)
        for (int r = 0; r < size; ++r) bias[m + r] += total[r];
}

static inline void add_block(const SumColumns &sums, Range pairs, Range block, const float *panels, int32_t columns,
                             float *packed, float *weights, float *bias) {
    alignas(64) float finished[BLOCK_ROWS * PANEL];
    const Tiles tiles(block.size());
    const int32_t terms = pairs.size();
    for (int32_t i = 0; i < tiles.count; ++i)
        pack_sums(sums, pairs, block.from + tiles.first(i), tiles.size(i), packed + (int64_t)tiles.first(i) * terms,
                  bias);
    for (int32_t n = 0; n < columns; n += PANEL) {
        const float *panel = panels + (int64_t)n * terms;
        float *to = weights + (int64_t)block.from * columns + n;
        const float *before = pairs.from ? to : nullptr;
        if (columns - n >= PANEL) {
            multiply(tiles, packed, panel, terms, before, columns, to, columns);
            continue;
        }
        for (int32_t r = 0; before && r < block.size(); ++r)
            pack_row(before + (int64_t)r * columns, columns - n, finished + r * PANEL);
        multiply(tiles, packed, panel, terms, before ? finished : nullptr, PANEL, finished, PANEL);
        for (int32_t r = 0; r < block.size(); ++r)
            unpack(finished + r * PANEL, columns - n, to + (int64_t)r * columns);
    }
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
            add_block(sums, chunk, {m, std::min(range.to, m + BLOCK_ROWS)}, panels, columns, packed, weights, bias);
    }
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
