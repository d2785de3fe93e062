// A window of Gaussian hills that moves along a memory: what it reads for one row, and how a gradient comes back through that;
// and what both directions know of an LSTM that reads such a window and moves it.
#pragma once
#include <cmath>
#include <limits>

#include "layer.h"
#include "normal.h"
#include "scratch.h"

namespace statewise {
namespace STATEWISE_TARGET {

// The memory of one row: a number for each of its places tells whether there is a vector; vectors as rows, and as columns.
struct RowMemory {
    int32_t places, wide, glimpse, hills;  // `wide`: places, padded
    const float *there;                    // [wide]
    const float *vectors;                  // [places, padded glimpse]
    const float *columns;                  // [glimpse, wide]
};

// Numbers of the places from `first` on, the first one of all being 1.
static inline Lanes places_from(int32_t first) {
    Wholes numbers;
    for (int v = 0; v < LANES; ++v) numbers[v] = first + 1 + v;
    return __builtin_convertvector(numbers, Lanes);
}

// Hills of one row as they lie in a record: heights, widths and moves, `gap` apart.
struct RowHills {
    float *of;
    int64_t gap;
    float *heights() const { return of; }
    float *widths() const { return of + gap; }
    float *moves() const { return of + 2 * gap; }
};

// Sums of a query [3 K] to hills, and the position that they have moved to.
static inline void move_hills(const RowMemory &of, const float *sums, const RowHills &hills, const float *before, float *after) {
    const int32_t k = of.hills;
    for (int32_t i = 0; i < k; ++i) {
        hills.heights()[i] = std::exp(sums[i]);
        hills.widths()[i] = std::exp(sums[k + i]);
        hills.moves()[i] = std::exp(sums[2 * k + i]);
        after[i] = before[i] + hills.moves()[i];
    }
}

// How high the window is over each place, [wide].
static inline void raise_hills(const RowMemory &of, const RowHills &hills, const float *position, float *heights) {
    for (int32_t s = 0; s < of.wide; s += LANES) {
        Lanes sum{};
        const Lanes places = places_from(s);
        for (int32_t i = 0; i < of.hills; ++i) {
            const Lanes away = position[i] - places;
            sum = fused(fill(hills.heights()[i]), exponential(-hills.widths()[i] * (away * away)), sum);
        }
        store(heights + s, sum * load(of.there + s));
    }
}

static inline void glimpse_of(const RowMemory &of, const float *heights, float *glimpse) {
    const int32_t width = padded(of.glimpse);
    for (int32_t g = 0; g < width; g += LANES) {
        Lanes sum{};
        for (int32_t s = 0; s < of.places; ++s) sum = fused(fill(heights[s]), load(of.vectors + (int64_t)s * width + g), sum);
        store(glimpse + g, sum);
    }
}

// From the gradient of a glimpse and of the position after: that of the query's sums, and of the position before, which is the
// same as all of that after. `to_heights` [wide] is room.
static inline void back_through_hills(const RowMemory &of, const RowHills &hills, const float *position, const float *to_glimpse,
                                      float *to_position, float *to_sums, float *to_heights) {
    const int32_t k = of.hills;
    for (int32_t s = 0; s < of.wide; s += LANES) {
        Lanes sum{};
        for (int32_t g = 0; g < of.glimpse; ++g) sum = fused(fill(to_glimpse[g]), load(of.columns + (int64_t)g * of.wide + s), sum);
        store(to_heights + s, sum * load(of.there + s));
    }
    for (int32_t i = 0; i < k; ++i) {
        const float height = hills.heights()[i], width = hills.widths()[i];
        Lanes to_height{}, along{}, square{};
        for (int32_t s = 0; s < of.wide; s += LANES) {
            const Lanes away = position[i] - places_from(s);
            const Lanes pull = load(to_heights + s) * exponential(-width * (away * away));
            to_height += pull;
            along = fused(pull, away, along);
            square = fused(pull * away, away, square);
        }
        to_sums[i] = height * total(to_height);
        to_sums[k + i] = -height * width * total(square);
        to_position[i] -= 2.0f * height * width * total(along);
        to_sums[2 * k + i] = to_position[i] * hills.moves()[i];
    }
}

// A layer with a window, and where what it leaves lies: for every pair where it is recorded, else for every row.
template <class Cell>
struct WindowLayer {
    const statewise_window &of;
    const statewise_window_record &record;
    const statewise_record of_layer;
    const Layer<Cell> layer;
    const int32_t rows, units, width, reads, glimpse, hills, places, wide;
    const int32_t read_width, glimpse_width, hill_width, sum_width;

    WindowLayer(const WindowLayer &) = delete;  // its layer refers to what is in it
    WindowLayer(const statewise_window &of, const statewise_schedule &when, const statewise_window_record &record)
        : of(of), record(record), of_layer{record.hidden, record.memory, record.gates, nullptr}, layer(of.layer, when, of_layer),
          rows(when.rows),
          units(of.layer.units), width(padded(of.layer.units)), reads(of.layer.features), glimpse(of.glimpse), hills(of.hills),
          places(of.places), wide(padded(of.places)), read_width(padded(reads)), glimpse_width(padded(glimpse)),
          hill_width(padded(hills)), sum_width(padded(3 * hills)) {}

    const statewise_schedule &when() const { return layer.when; }
    int64_t state_width() const { return 2 * (int64_t)width + glimpse_width + hill_width; }
    int64_t memory_floats() const { return (int64_t)rows * places * glimpse_width; }
    int64_t column_floats() const { return (int64_t)rows * glimpse * wide; }
    int64_t there_floats() const { return (int64_t)rows * wide; }

    // The state that a pair starts from, and the one that it leaves. Without a record a row's state stays in one place, which
    // only a fresh start does not come from.
    int64_t from(int32_t pair) const {
        if (record.recorded) return layer.when.source[pair];
        return layer.begins_anew(pair) ? rows + layer.when.row[pair] : layer.when.row[pair];
    }
    int64_t to(int32_t pair) const { return record.recorded ? layer.number(pair) : layer.when.row[pair]; }

    // Where the gates of the pairs of a step begin, of the rows from `first` on, one pair after another.
    int64_t slot(Range pairs, int32_t first) const { return record.recorded ? pairs.from : first; }
    RowHills hills_at(int64_t slot) const { return {record.hills + slot * 3 * hill_width, hill_width}; }

    // A row that begins again has a memory of zeros from then on: the first pair of every row at which it does.
    std::vector<int32_t> first_anew() const {
        std::vector<int32_t> first(rows, std::numeric_limits<int32_t>::max());
        for (int32_t p = layer.when.pairs - 1; p >= 0; --p)
            if (layer.begins_anew(p)) first[layer.when.row[p]] = p;
        return first;
    }

    // Parameters of a unit beyond its sums, block after block.
    void lay_extra(float *extra) const {
        std::fill_n(extra, (int64_t)Cell::EXTRA * width, 0.0f);
        if (Cell::EXTRA) interleave(of.layer.extra, Cell::EXTRA, units, Cell::EXTRA, 0, extra);
    }

    // Some rows' memories, padded; as columns as well where there is room for them.
    void copy_memory(Range some, float *there, float *vectors, float *columns) const {
        for (int32_t b = some.from; b < some.to; ++b) {
            for (int32_t s = 0; s < wide; ++s)
                there[(int64_t)b * wide + s] = s < places && of.there[(int64_t)b * places + s] ? 1.0f : 0.0f;
            const float *from = of.values + (int64_t)b * places * glimpse;
            copy_padded(from, places, glimpse, vectors + (int64_t)b * places * glimpse_width);
            if (!columns) continue;
            float *to = columns + (int64_t)b * glimpse * wide;
            std::fill_n(to, (int64_t)glimpse * wide, 0.0f);
            for (int32_t s = 0; s < places; ++s)
                for (int32_t g = 0; g < glimpse; ++g) to[(int64_t)g * wide + s] = from[(int64_t)s * glimpse + g];
        }
    }
    RowMemory memory_of(int32_t row, bool blank, const float *there, const float *vectors, const float *columns) const {
        return {blank ? 0 : places, blank ? 0 : wide, glimpse, hills, there + (int64_t)row * wide,
                vectors + (int64_t)row * places * glimpse_width, columns + (columns ? (int64_t)row * glimpse * wide : 0)};
    }
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
