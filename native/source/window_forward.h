// An LSTM with a window over a sequence, step after step: one product of what it reads and of its hidden values, the cell, one
// product for the query, and the window. Each thread has rows of its own and waits for no other.
#pragma once
#include "window.h"

namespace statewise {
namespace STATEWISE_TARGET {

template <class Cell>
class WindowForward {
   public:
    WindowForward(const statewise_window &of, const statewise_schedule &when, const statewise_window_record &record,
                  const float *xs, int64_t xs_stride, float *ys)
        : all_(of, when, record), xs_{xs, xs_stride, when.place}, ys_(ys), terms_(all_.reads + all_.units),
          first_anew_(all_.first_anew()) {
        carve({{&panels_, all_.layer.sums() * terms_},
               {&query_panels_, (int64_t)all_.sum_width * all_.units},
               {&bias_, all_.layer.sums()},
               {&extra_, Cell::EXTRA * (int64_t)all_.width},
               {&query_bias_, all_.sum_width},
               {&there_, all_.there_floats()},
               {&vectors_, all_.memory_floats()},
               {&packed_, (int64_t)all_.rows * terms_},
               {&sums_, (int64_t)all_.rows * all_.sum_width},
               {&heights_, (int64_t)all_.rows * all_.wide}});
    }

    void begin(const statewise_window_state &first, const statewise_window_state &fresh) {
        const int32_t units = all_.units;
        begin_states(first.hidden, fresh.hidden, units, all_.record.hidden);
        begin_states(first.memory, fresh.memory, units, all_.record.memory);
        begin_states(first.glimpse, fresh.glimpse, all_.glimpse, all_.record.glimpse);
        begin_states(first.position, fresh.position, all_.hills, all_.record.position);
        std::fill_n(bias_, all_.layer.sums(), 0.0f);
        interleave(all_.of.layer.bias, Cell::GATES, units, Cell::GATES, 0, bias_);
        all_.lay_extra(extra_);
        copy_padded(all_.of.query_bias, 1, 3 * all_.hills, query_bias_);
    }

    static void work(void *given, int index, int count) { static_cast<WindowForward *>(given)->work(index, count); }

   private:
    void begin_states(const float *first, const float *fresh, int32_t units, float *states) const {
        copy_padded(first, all_.rows, units, states);
        if (fresh) copy_padded(fresh, all_.rows, units, states + (int64_t)all_.rows * padded(units));
    }

    void work(int index, int count) {
        const Split split(true, all_.layer.blocks, all_.when(), index, count);
        pack(share(all_.layer.blocks, index, count));
        pack_weights(all_.of.query_weights, 1, 3 * all_.hills, all_.units, share(all_.sum_width / PANEL, index, count), query_panels_);
        all_.copy_memory(split.rows, there_, vectors_, nullptr);
        barrier_.wait(count);
        for (int32_t t = 0; t < all_.when().steps; ++t) {
            const Range pairs = split.pairs(all_.when(), t);
            if (pairs.size()) step(pairs, split.rows.from);
        }
    }

    // What is read, and then the hidden values, are the terms of one product.
    void pack(Range blocks) const {
        const int32_t units = all_.units, reads = all_.reads;
        for (int32_t j = blocks.from; j < blocks.to; ++j)
            for (int g = 0; g < Cell::GATES; ++g) {
                const int64_t first = (int64_t)g * units + j * PANEL;
                const int columns = std::min(PANEL, units - j * PANEL);
                float *panel = panels_ + ((int64_t)j * Cell::GATES + g) * terms_ * PANEL;
                pack_transposed(all_.of.layer.input_weights + first * reads, reads, columns, reads, panel);
                pack_transposed(all_.of.layer.recurrent_weights + first * units, units, columns, units, panel + (int64_t)reads * PANEL);
            }
    }

    void step(Range pairs, int32_t first_row) {
        const Tiles tiles(pairs.size());
        const int64_t slot = all_.slot(pairs, first_row);
        float *packed = packed_ + (int64_t)first_row * terms_, *gates = all_.record.gates + slot * all_.layer.gap();
        pack_read(pairs, tiles, slot, packed);
        for (int32_t j = 0; j < all_.layer.blocks; ++j) {
            multiply_each(tiles, packed, panels_, terms_, j * Cell::GATES, (j + 1) * Cell::GATES, [&](int32_t n) {
                return Sums{bias_ + n * PANEL, 0, gates + n * PANEL, all_.layer.gap()};
            });
            finish(pairs, j, gates);
        }
        for (int32_t i = 0; i < tiles.count; ++i) pack_hidden(pairs, tiles, i, true, packed + (int64_t)tiles.first(i) * all_.units);
        float *sums = sums_ + (int64_t)first_row * all_.sum_width;
        multiply_each(tiles, packed, query_panels_, all_.units, 0, all_.sum_width / PANEL, [&](int32_t n) {
            return Sums{query_bias_ + n * PANEL, 0, sums + n * PANEL, all_.sum_width};
        });
        for (int32_t p = pairs.from; p < pairs.to; ++p)
            look(p, sums + (int64_t)(p - pairs.from) * all_.sum_width, all_.hills_at(slot + p - pairs.from));
    }

    void pack_hidden(Range pairs, const Tiles &tiles, int32_t i, bool after, float *to) const {
        const float *of_tile[TILE_ROWS];
        const int size = tiles.size(i);
        for (int r = 0; r < size; ++r) {
            const int32_t p = pairs.from + tiles.first(i) + r;
            of_tile[r] = all_.record.hidden + (after ? all_.to(p) : all_.from(p)) * all_.width;
        }
        packing_of(size)(of_tile, all_.units, to);
    }

    void pack_read(Range pairs, const Tiles &tiles, int64_t slot, float *packed) const {
        const int32_t reads = all_.reads, own = reads - all_.glimpse;
        float *read = all_.record.read + slot * all_.read_width;
        for (int32_t p = pairs.from; p < pairs.to; ++p, read += all_.read_width) {
            std::copy_n(xs_[p], own, read);
            std::copy_n(all_.record.glimpse + all_.from(p) * all_.glimpse_width, all_.glimpse, read + own);
            std::fill(read + reads, read + all_.read_width, 0.0f);
        }
        const Rows rows{all_.record.read + slot * all_.read_width, all_.read_width, nullptr};
        for (int32_t i = 0; i < tiles.count; ++i) {
            const float *of_tile[TILE_ROWS];
            const int size = tiles.size(i);
            float *tile = packed + (int64_t)tiles.first(i) * terms_;
            for (int r = 0; r < size; ++r) of_tile[r] = rows[tiles.first(i) + r];
            packing_of(size)(of_tile, reads, tile);
            pack_hidden(pairs, tiles, i, false, tile + (int64_t)reads * size);
        }
    }

    void finish(Range pairs, int32_t j, float *gates) const {
        for (int32_t p = pairs.from; p < pairs.to; ++p, gates += all_.layer.gap()) {
            const int64_t from = all_.from(p) * all_.width, to = all_.to(p) * all_.width;
            for (int32_t u = j * PANEL, lane = 0; lane < PANEL; u += LANES, lane += LANES)
                Cell::forward({PANEL, gates + all_.layer.of_block(j) + lane, all_.record.hidden + from + u, all_.record.hidden + to + u,
                               all_.record.memory + from + u, all_.record.memory + to + u, nullptr,
                               extra_ + (int64_t)j * Cell::EXTRA * PANEL + lane});
        }
    }

    void look(int32_t p, const float *sums, const RowHills &hills) const {
        const int32_t row = all_.when().row[p];
        const int64_t from = all_.from(p), to = all_.to(p);
        const RowMemory memory = all_.memory_of(row, p >= first_anew_[row], there_, vectors_, nullptr);
        float *position = all_.record.position + to * all_.hill_width, *glimpse = all_.record.glimpse + to * all_.glimpse_width;
        float *heights = heights_ + (int64_t)row * all_.wide;
        move_hills(memory, sums, hills, all_.record.position + from * all_.hill_width, position);
        std::fill(position + all_.hills, position + all_.hill_width, 0.0f);
        raise_hills(memory, hills, position, heights);
        glimpse_of(memory, heights, glimpse);
        float *y = ys_ + (int64_t)all_.when().place[p] * (all_.units + all_.glimpse);
        std::copy_n(all_.record.hidden + to * all_.width, all_.units, y);
        std::copy_n(glimpse, all_.glimpse, y + all_.units);
    }

    const WindowLayer<Cell> all_;
    const Rows xs_;
    float *ys_;
    const int32_t terms_;
    const std::vector<int32_t> first_anew_;
    float *panels_, *query_panels_, *bias_, *extra_, *query_bias_, *there_, *vectors_, *packed_, *sums_, *heights_;
    Barrier barrier_;
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
