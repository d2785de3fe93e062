// A linear map, packed, of rows on their way through a program.
#pragma once
#include "recurrence.h"

namespace statewise {
namespace STATEWISE_TARGET {

// A linear map of a row block, with a bias.
template <class Storage>
class Dense {
   public:
    Dense() = default;
    Dense(const float *weights, const float *bias, int32_t outputs, int32_t terms, Places &places)
        : outputs_(outputs), matrix_(weights, 1, outputs, terms), bias_(allocate<float>(padded(outputs))),
          rows_(places, terms) {
        if (bias) std::copy_n(bias, outputs, bias_.get());
    }

    size_t bytes() const { return matrix_.bytes(); }

    void apply(const RowBlock &block, const float *from, int64_t gap, float *sums, float *to, int64_t to_gap) const {
        static constexpr int32_t SLOTS[TOGETHER] = {0, 1, 2, 3};
        const Packed<Storage> rows = rows_.in(block);
        rows.pack(from, gap, matrix_.terms(), block.tiles);
        for (int32_t group = 0, at = 0; group < matrix_.groups(); ++group, at += SUMS) {
            const int32_t width = std::min<int32_t>(SUMS, padded(outputs_) - at), here = std::min(SUMS, outputs_ - at);
            for (int32_t r = 0; r < block.tiles.rows; ++r) std::copy_n(bias_.get() + at, width, sums + r * SUMS);
            matrix_.add_product(group, rows, block.tiles, SLOTS, sums, SUMS);
            for (int32_t r = 0; r < block.tiles.rows; ++r) std::copy_n(sums + r * SUMS, here, to + r * to_gap + at);
        }
    }

   private:
    int32_t outputs_ = 0;
    Matrix<Storage> matrix_;
    Memory<float> bias_;
    PackedPlace<Storage> rows_;
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
