// Working memory, carved into pieces that begin on a cache line.
#pragma once
#include <algorithm>
#include <initializer_list>

#include "lanes.h"
#include "statewise/kernels.h"

namespace statewise {
namespace STATEWISE_TARGET {

struct Piece {
    float **to;
    int64_t floats;
};

// Each piece has room after it for one vector more: the last tile of a packing may run over.
static inline void carve(std::initializer_list<Piece> pieces) {
    const auto room = [](int64_t floats) { return (floats + 2 * STATEWISE_PANEL - 1) / STATEWISE_PANEL * STATEWISE_PANEL; };
    int64_t whole = 0;
    for (const Piece &piece : pieces) whole += room(piece.floats);
    float *at = statewise_scratch((size_t)whole);
    for (const Piece &piece : pieces) {
        *piece.to = at;
        at += room(piece.floats);
    }
}

// Rows of `units` numbers, or zeros where there are none, into rows padded with zeros.
static inline void copy_padded(const float *from, int32_t rows, int32_t units, float *to) {
    const int32_t width = (units + STATEWISE_PANEL - 1) / STATEWISE_PANEL * STATEWISE_PANEL;
    for (int32_t r = 0; r < rows; ++r, to += width) {
        if (from) std::copy_n(from + (int64_t)r * units, units, to);
        std::fill(from ? to + units : to, to + width, 0.0f);
    }
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
