// Texts that are written: where each row stands, what its window is over, and what of it is read next.
#pragma once
#include <vector>

#include "statewise/writer.h"
#include "window.h"

namespace statewise {
namespace STATEWISE_TARGET {

constexpr int32_t LIFTED = 3, STEP = 5;  // where a step says so, and how many numbers it has

// A row that is still written: where it stands among all, how long the window was at its end, and strokes that are left.
struct Line {
    int32_t row;
    int64_t waited, strokes;
};

// Where the window of a row has come to: whether it is highest over the last place, or past that.
struct Sight {
    bool at_end, behind;
};

// Numbers of some rows, one after another; the last one takes the place of one that has ended.
struct Table {
    int64_t width;
    std::vector<float> of;
    Table(int64_t width, Range rows, const float *all) : width(width), of(all + width * rows.from, all + width * rows.to) {}
    float *at(int64_t row) { return of.data() + row * width; }
    void move(int64_t from, int64_t to) { std::copy_n(at(from), width, at(to)); }
};

// Tables of a state, in the order in which they are given.
enum { GLIMPSE = 2, POSITION = 3, OWN = 4 };

// The memories of some rows.
struct Memories {
    const statewise_texts &texts;
    const Range rows;
    const int32_t wide, glimpse, hills;
    std::vector<float> there, vectors;

    Memories(const statewise_texts &texts, Range rows, int32_t glimpse, int32_t hills)
        : texts(texts), rows(rows), wide(padded(texts.places)), glimpse(glimpse), hills(hills), there((size_t)rows.size() * wide),
          vectors((size_t)rows.size() * texts.places * padded(glimpse)) {
        for (int32_t row = rows.from; row < rows.to; ++row)
            std::fill_n(there.data() + (int64_t)(row - rows.from) * wide, texts.letters[row], 1.0f);
        const int64_t each = (int64_t)texts.places * glimpse;
        copy_padded(texts.values + rows.from * each, rows.size() * texts.places, glimpse, vectors.data());
    }
    RowMemory of(int32_t row) const {
        const int64_t i = row - rows.from, each = (int64_t)texts.places * padded(glimpse);
        return {texts.places, wide, glimpse, hills, there.data() + i * wide, vectors.data() + i * each, nullptr};
    }
};

// All that some rows are written from, and what the last step made of them.
struct Lines {
    std::vector<Line> live;
    std::vector<Table> state;
    Table xs;
    Memories memories;
    std::vector<Sight> sight;
    std::vector<float> sums, heights, room;
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
