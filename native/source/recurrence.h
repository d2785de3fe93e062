// One recurrence of a program: its packed weights, where its rows' numbers lie, and one step of it.
#pragma once
#include "cells.h"
#include "matrix.h"
#include "scratch.h"
#include "staged_cells.h"

namespace statewise {
namespace STATEWISE_TARGET {

// Some rows on their way through a program: all of a row's numbers of one kind lie at so many floats a row.
struct RowBlock {
    float *base;
    Tiles tiles;
    float *at(int64_t floats) const { return base + floats * tiles.rows; }
};

// Hands out places in a row block.
class Places {
   public:
    int64_t take(int64_t floats) {
        const int64_t place = used_;
        used_ += (floats + PANEL - 1) / PANEL * PANEL;
        return place;
    }
    int64_t used() const { return used_; }

   private:
    int64_t used_ = 0;
};

template <class Storage>
struct PackedPlace {
    int64_t words = 0, scales = 0;
    PackedPlace() = default;
    PackedPlace(Places &places, int32_t terms)
        : words(places.take(Packed<Storage>::words_of_row(terms))), scales(places.take(1)) {}
    Packed<Storage> in(const RowBlock &block) const {
        return {reinterpret_cast<typename Storage::Word *>(block.at(words)), block.at(scales)};
    }
};

template <class Storage>
class Recurrence {
   public:
    const int32_t units, width, features;

    Recurrence(const statewise_layer &layer, Places &places)
        : units(layer.units), width(padded(layer.units)), features(layer.features), form_(statewise_form_of(layer.cell)),
          cell_(layer.cell), slots_(form_.gates + (is_normalized() ? 0 : form_.inner)), blocks_(width / PANEL),
          input_(layer.input_weights, form_.gates, units, features),
          recurrent_(layer.recurrent_weights, form_.gates, units, units),
          start_(allocate<float>((int64_t)width * slots_)), extra_(allocate<float>((int64_t)width * std::max(3, form_.extra))) {
        if (is_normalized()) {
            copy_padded(layer.bias, form_.gates, units, start_.get());
            copy_padded(layer.extra, form_.extra, units, extra_.get());
            whole_ = places.take(whole_floats());
        } else {
            interleave(layer.bias, form_.gates, units, slots_, 0, start_.get());
            if (form_.inner)
                interleave(layer.extra, 1, units, slots_, form_.gates, start_.get());
            else if (form_.extra)
                interleave(layer.extra, form_.extra, units, form_.extra, 0, extra_.get());
        }
        for (int g = 0; g < TOGETHER; ++g) input_slots_[g] = recurrent_slots_[g] = g;
        if (form_.inner && !is_normalized()) recurrent_slots_[form_.gates - 1] = form_.gates;
        for (int64_t &hidden : hidden_) hidden = places.take(width);
        memory_ = places.take(form_.memories * width);
        x_ = PackedPlace<Storage>(places, features);
        h_ = PackedPlace<Storage>(places, units);
    }

    size_t bytes() const {
        return (table_ ? 0 : input_.bytes()) + recurrent_.bytes() + (start_floats() + table_floats_) * sizeof(float);
    }
    int64_t multiplications() const { return (int64_t)form_.gates * units * ((table_ ? 0 : features) + units); }
    bool has_table() const { return table_ != nullptr; }
    // A row of sums that is brought to one scale cannot be looked up before that.
    bool can_tabulate() const { return !is_normalized(); }

    // Keep what each of some inputs [rows, features] adds up to, instead of the weights that it would be multiplied by.
    void tabulate(const float *inputs, int32_t rows, const float *weights) {
        const Matrix<Float32> exact(weights, form_.gates, units, features);
        const Memory<float> words = allocate<float>((int64_t)TILE_ROWS * features);
        float scales[TILE_ROWS];
        const Packed<Float32> packed{words.get(), scales};
        table_floats_ = (int64_t)rows * start_floats();
        table_ = allocate<float>(table_floats_);
        for (int32_t row = 0; row < rows; row += TILE_ROWS) {
            const Tiles tiles(std::min(TILE_ROWS, rows - row));
            packed.pack(inputs + (int64_t)row * features, features, features, tiles);
            float *to = table_.get() + row * start_floats();
            for (int32_t r = 0; r < tiles.rows; ++r) std::copy_n(start_.get(), start_floats(), to + r * start_floats());
            for (int32_t group = 0; group < exact.groups(); ++group)
                exact.add_product(group, packed, tiles, input_slots_, to + group * sums(), start_floats());
        }
        input_ = Matrix<Storage>();
    }

    // States come and go as arrays [rows, units], which begin with the block's first row.
    void take(const float *const *&before, int64_t row, int turn, const RowBlock &block) const {
        take_rows(*before++ + row * units, block.at(hidden_[turn]), block.tiles.rows);
        if (form_.memories) take_rows(*before++ + row * units, block.at(memory_), block.tiles.rows);
    }
    void give(float *const *&after, int64_t row, int turn, const RowBlock &block) const {
        give_rows(block.at(hidden_[turn]), *after++ + row * units, block.tiles.rows);
        if (form_.memories) give_rows(block.at(memory_), *after++ + row * units, block.tiles.rows);
    }

    int states() const { return 1 + form_.memories; }

    // The outputs of the step after which it is this turn.
    const float *hidden(int turn, const RowBlock &block) const { return block.at(hidden_[turn]); }

    // From the state of this turn to that of the other. `numbers` are looked up where there is a table.
    void step(const RowBlock &block, const float *xs, int64_t xs_gap, const int64_t *numbers, float *sums, int turn) const {
        if (is_normalized()) return step_of_whole_rows(block, xs, xs_gap, sums, turn);
        with_plain_cell(cell_, [&](auto cell) { step_of<decltype(cell)>(block, xs, xs_gap, numbers, sums, turn); });
    }

   private:
    bool is_normalized() const { return cell_ == STATEWISE_LAYER_NORM_LSTM; }
    // Sums of a whole row, gate after gate, and what a normalised cell has of them.
    int64_t whole_floats() const { return (int64_t)(form_.gates + form_.inner) * width + PANEL; }
    int64_t start_floats() const { return (int64_t)width * slots_; }
    int32_t blocks_of_group() const { return form_.gates == 1 ? TOGETHER : 1; }
    int64_t sums() const { return (int64_t)blocks_of_group() * slots_ * PANEL; }

    void take_rows(const float *from, float *to, int32_t rows) const {
        for (int32_t r = 0; r < rows; ++r, from += units, to += width) {
            std::copy_n(from, units, to);
            std::fill(to + units, to + width, 0.0f);
        }
    }
    void give_rows(const float *from, float *to, int32_t rows) const {
        for (int32_t r = 0; r < rows; ++r, from += width, to += units) std::copy_n(from, units, to);
    }

    template <class Cell>
    void step_of(const RowBlock &block, const float *xs, int64_t xs_gap, const int64_t *numbers, float *sums, int turn) const {
        const Packed<Storage> x = x_.in(block), h = h_.in(block);
        if (!table_) x.pack(xs, xs_gap, features, block.tiles);
        h.pack(block.at(hidden_[turn]), width, units, block.tiles);
        for (int32_t group = 0; group < recurrent_.groups(); ++group) {
            const int32_t first = group * blocks_of_group(), blocks = std::min(blocks_of_group(), blocks_ - first);
            const int64_t from = (int64_t)first * slots_ * PANEL;
            for (int32_t r = 0; r < block.tiles.rows; ++r)
                std::copy_n((table_ ? table_.get() + numbers[r] * start_floats() : start_.get()) + from,
                            blocks * slots_ * PANEL, sums + r * SUMS);
            if (!table_) input_.add_product(group, x, block.tiles, input_slots_, sums, SUMS);
            recurrent_.add_product(group, h, block.tiles, recurrent_slots_, sums, SUMS);
            for (int32_t j = 0; j < blocks; ++j) finish<Cell>(block, first + j, sums + j * slots_ * PANEL, turn);
        }
    }

    // Of inputs and of hidden values apart, each of all gates; then what the cell does with a row.
    void step_of_whole_rows(const RowBlock &block, const float *xs, int64_t xs_gap, float *sums, int turn) const {
        const Packed<Storage> x = x_.in(block), h = h_.in(block);
        x.pack(xs, xs_gap, features, block.tiles);
        h.pack(block.at(hidden_[turn]), width, units, block.tiles);
        const int64_t of_hidden = 2 * (int64_t)form_.gates * width, gap = whole_floats();
        float *whole = block.at(whole_);
        sums_of_rows(block, input_, x, sums, whole);
        sums_of_rows(block, recurrent_, h, sums, whole + of_hidden);
        for (int32_t r = 0; r < block.tiles.rows; ++r, whole += gap) {
            const int64_t at = (int64_t)r * width;
            const Row row = {units, width, whole, whole + (int64_t)form_.gates * width, block.at(hidden_[turn]) + at,
                             block.at(hidden_[1 - turn]) + at, block.at(memory_) + at, block.at(memory_) + at, extra_.get(), nullptr, 1};
            NormalizedLSTM::read(row, start_.get());
            NormalizedLSTM::after(0, row);
        }
    }

    // All sums of a product, from rows that begin at `to`, gates `width` apart.
    void sums_of_rows(const RowBlock &block, const Matrix<Storage> &matrix, const Packed<Storage> &packed, float *sums, float *to) const {
        for (int32_t j = 0; j < matrix.groups(); ++j) {
            for (int32_t r = 0; r < block.tiles.rows; ++r) std::fill_n(sums + r * SUMS, SUMS, 0.0f);
            matrix.add_product(j, packed, block.tiles, recurrent_slots_, sums, SUMS);
            for (int32_t r = 0; r < block.tiles.rows; ++r)
                for (int g = 0; g < form_.gates; ++g)
                    std::copy_n(sums + r * SUMS + g * PANEL, PANEL, to + r * whole_floats() + (int64_t)g * width + j * PANEL);
        }
    }

    template <class Cell>
    void finish(const RowBlock &block, int32_t j, float *sums, int turn) const {
        const float *before = block.at(hidden_[turn]) + j * PANEL;
        float *after = block.at(hidden_[1 - turn]) + j * PANEL, *memory = block.at(memory_) + j * PANEL;
        const float *extra = extra_.get() + (int64_t)j * form_.extra * PANEL;
        for (int32_t r = 0; r < block.tiles.rows; ++r, sums += SUMS, before += width, after += width, memory += width)
            for (int u = 0; u < PANEL; u += LANES)
                Cell::forward({PANEL, sums + u, before + u, after + u, memory + u, memory + u,
                               sums + form_.gates * PANEL + u, extra + u});
    }

    statewise_form form_;
    int32_t cell_, slots_, blocks_, input_slots_[TOGETHER], recurrent_slots_[TOGETHER];
    Matrix<Storage> input_, recurrent_;
    Memory<float> start_, extra_, table_;
    int64_t table_floats_ = 0, hidden_[2], memory_, whole_ = 0;
    PackedPlace<Storage> x_, h_;
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
