// What both directions know of a layer whose cell takes a step in stages: each a product, shared out by columns or rows,
// and then what is done with whole rows, each by the thread that owns it.
#pragma once
#include "layer.h"
#include "scratch.h"
#include "staged_cells.h"

namespace statewise {
namespace STATEWISE_TARGET {

template <class Cell>
struct StagedLayer {
    const statewise_layer &of;
    const statewise_schedule &when;
    const statewise_record &record;
    const int32_t rows, features, width, gate_units, gate_width, blocks;
    const int64_t sums, inner_each;

    StagedLayer(const statewise_layer &of, const statewise_schedule &when, const statewise_record &record)
        : of(of), when(when), record(record), rows(when.rows), features(of.features), width(padded(of.units)),
          gate_units(of.memory_units), gate_width(padded(of.memory_units)), blocks(gate_width / PANEL),
          sums((int64_t)Cell::GATES * gate_width),
          inner_each((int64_t)Cell::INNER * gate_width + (Cell::NORMALIZED ? PANEL : 0)) {}

    Stage stage(int s) const { return Cell::stage(of, s); }
    int64_t number(int32_t pair) const { return 2 * (int64_t)rows + pair; }
    bool begins_anew(int32_t pair) const { return when.source[pair] >= rows && when.source[pair] < 2 * rows; }

    // Which candidates of a pair are kept, where some are lost.
    const uint8_t *candidates(int64_t pair) const { return of.changes ? of.changes + pair * gate_width : nullptr; }

    int64_t most_sums() const {
        int64_t most = 0;
        for (int s = 0; s < Cell::STAGES; ++s) most = std::max(most, stage(s).sums());
        return most;
    }
    int64_t most_terms() const {
        int64_t most = 0;
        for (int s = 0; s < Cell::STAGES; ++s) most = std::max<int64_t>(most, stage(s).terms);
        return most;
    }
};

// Whose products are whose, as for other cells, and whose rows.
struct StagedSplit {
    Split products, rows;
    int index, count;

    template <class Layer>
    StagedSplit(const Layer &layer, int index, int count)
        : products(better_by_rows(layer.blocks, layer.rows, count), layer.blocks, layer.when, index, count),
          rows(true, layer.blocks, layer.when, index, count), index(index), count(count) {}

    Range columns(int32_t blocks) const { return products.by_rows ? Range{0, blocks} : share(blocks, index, count); }

    // Wait until what was computed by columns can be read by rows, or the other way about.
    void turn(Barrier &barrier) const {
        if (!products.by_rows) barrier.wait(count);
    }
};

// Pack this thread's own rows into the tiles of all rows of a product.
static inline void pack_own(const Rows &rows, Range all, Range own, int32_t terms, float *packed) {
    const Tiles tiles(all.size());
    for (int32_t i = 0; i < tiles.count; ++i) {
        const int size = tiles.size(i);
        const int32_t first = all.from + tiles.first(i);
        const int32_t from = std::max(first, own.from), to = std::min(first + size, own.to);
        float *tile = packed + (int64_t)tiles.first(i) * terms;
        if (to - from == size) {
            const float *of_tile[TILE_ROWS];
            for (int r = 0; r < size; ++r) of_tile[r] = rows[first + r];
            packing_of(size)(of_tile, terms, tile);
            continue;
        }
        for (int32_t p = from; p < to; ++p) {
            const float *row = rows[p];
            for (int32_t k = 0; k < terms; ++k) tile[(int64_t)k * size + p - first] = row[k];
        }
    }
}

// One row times all gates of a block, whose panels lie side by side and whose sums lie `gate_gap` apart.
template <int GATES>
static void gates_of_one(const float *a, const float *panels, int terms, float *out, int64_t gate_gap, bool onto) {
    const float *start[GATES];
    float *to[GATES];
    for (int g = 0; g < GATES; ++g) {
        to[g] = out + g * gate_gap;
        start[g] = onto ? to[g] : nullptr;
    }
    multiply_row<GATES>(a, panels, (int64_t)terms * PANEL, terms, start, to);
}

static inline void gates_of_one(int gates, const float *a, const float *panels, int terms, float *out, int64_t gate_gap,
                                bool onto) {
    switch (gates) {
        case 1: return gates_of_one<1>(a, panels, terms, out, gate_gap, onto);
        case 2: return gates_of_one<2>(a, panels, terms, out, gate_gap, onto);
        case 3: return gates_of_one<3>(a, panels, terms, out, gate_gap, onto);
        case 4: return gates_of_one<4>(a, panels, terms, out, gate_gap, onto);
    }
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
