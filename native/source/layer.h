// What both directions know of a layer: its sizes, which thread works on which part of it, and where its states lie.
#pragma once
#include <vector>

#include "cells.h"
#include "products.h"

namespace statewise {
namespace STATEWISE_TARGET {

template <class Cell>
struct Layer {
    const statewise_layer &of;
    const statewise_schedule &when;
    const statewise_record &record;
    const int32_t units, features, width, blocks, rows;

    Layer(const statewise_layer &of, const statewise_schedule &when, const statewise_record &record)
        : of(of), when(when), record(record), units(of.units), features(of.features), width(padded(of.units)),
          blocks(width / PANEL), rows(when.rows) {}

    // A pair's sums, block after block of units and in it gate after gate. Pairs lie a little further apart, since rows
    // whose distance is a power of two drive each other out of the cache.
    int64_t sums() const { return (int64_t)Cell::GATES * width; }
    int64_t gap() const { return sums() + PANEL; }
    static int64_t of_block(int32_t j) { return (int64_t)j * Cell::GATES * PANEL; }

    // Tell a unit whether it changes, or whether its candidate is kept, where that is drawn.
    void draw(Unit &at, int64_t pair, int32_t unit) const {
        if (!IsZoned<Cell>::value) {
            at.rest = 1 - of.rate;
            at.candidates = of.changes ? of.changes + pair * width + unit : nullptr;
            return;
        }
        at.zoneout = of.rate;
        if (!of.changes) return;
        at.hidden_changes = of.changes + pair * (Cell::MEMORY ? 2 : 1) * width + unit;
        at.memory_changes = at.hidden_changes + width;
    }

    // A pair's state is kept after the first and the fresh ones.
    int64_t number(int32_t pair) const { return 2 * (int64_t)rows + pair; }
    bool begins_anew(int32_t pair) const { return when.source[pair] >= rows && when.source[pair] < 2 * rows; }
};

// Whose part of a step is whose. By columns, each thread computes some units of every row, and all wait for each other
// once a step; by rows, each computes all units of some rows and waits for no other. Results are the same bits.
struct Split {
    bool by_rows;
    Range columns, rows;  // blocks of units, and rows

    Split(bool by_rows, int32_t blocks, const statewise_schedule &when, int index, int count)
        : by_rows(by_rows), columns(by_rows ? Range{0, blocks} : share(blocks, index, count)),
          rows(by_rows ? even_rows(when, index, count) : Range{0, when.rows}) {}

    // Rows that are awake about as often as the others' together.
    static Range even_rows(const statewise_schedule &when, int index, int count) {
        if ((int64_t)when.steps * when.rows == when.pairs) return share(when.rows, index, count);
        std::vector<int32_t> before(when.rows + 1);  // pairs of all rows before one
        for (int32_t p = 0; p < when.pairs; ++p) ++before[when.row[p] + 1];
        for (int32_t b = 0; b < when.rows; ++b) before[b + 1] += before[b];
        const auto row = [&](int part) {
            const int32_t pairs = share(when.pairs, part, count).from;
            return part == count ? when.rows : (int32_t)(std::lower_bound(before.begin(), before.end(), pairs) - before.begin());
        };
        return {row(index), row(index + 1)};
    }

    // The pairs of a step that are this thread's.
    Range pairs(const statewise_schedule &when, int32_t step) const {
        const int32_t *from = when.row + when.start[step], *to = when.row + when.start[step + 1];
        if (!by_rows) return {when.start[step], when.start[step + 1]};
        return {(int32_t)(std::lower_bound(from, to, rows.from) - when.row),
                (int32_t)(std::lower_bound(from, to, rows.to) - when.row)};
    }
};

// How many threads a recurrence is worth: a step must be longer than the wait at its end.
static inline int worth(int64_t multiplications, int threads) {
    constexpr int64_t A_WAIT = 60000;  // multiplications in about a microsecond
    return multiplications < 2 * A_WAIT ? 1 : threads;
}

// Undisturbed, both splits take the same time. By columns the weights of a wide layer are read once for all; by rows
// no thread waits, which while other programs are busy is worth a factor of two.
static inline bool better_by_rows(int32_t blocks, int32_t rows, int count) {
    constexpr int32_t NARROW = 16;
    return count > 1 && (blocks < 2 * count || (blocks <= NARROW && rows >= 4 * count));
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
