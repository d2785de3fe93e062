// The gradient of one layer, back through time: step after step from the last, then the gradients of inputs and
// weights as a few large products over all pairs at once.
#pragma once
#include "layer.h"
#include "peepholes.h"
#include "scratch.h"

namespace statewise {
namespace STATEWISE_TARGET {

template <class Cell>
class Backward {
   public:
    Backward(const statewise_layer &of, const statewise_schedule &when, const statewise_record &record,
             const float *xs, int64_t xs_stride, const statewise_gradients &to, int threads)
        : layer_(of, when, record), xs_{xs, xs_stride, when.place}, to_(to) {
        const int64_t sums = layer_.sums(), rows = layer_.rows, width = layer_.width, pairs = when.pairs;
        weights_scratch_ = std::max({sum_over_pairs_scratch(layer_.features), sum_over_pairs_scratch(layer_.units),
                                     (size_t)(BLOCK_ROWS * sums)}) + PANEL;
        carve({{&recurrent_panels_, sums * width},
               {&input_panels_, to.xs ? sums * padded(layer_.features) : 0},
               {&extra_, Cell::EXTRA * width},
               {&gates_, pairs * layer_.gap()},
               {&inner_, Cell::INNER ? pairs * width : 0},
               {&hidden_, rows * width},
               {&memory_, Cell::MEMORY ? rows * width : 0},
               {&fresh_hidden_, rows * width},
               {&fresh_memory_, Cell::MEMORY ? rows * width : 0},
               {&packed_[0], rows * sums},
               {&packed_[1], rows * sums},
               {&products_, threads * rows * PANEL * BACK},
               {&for_weights_, threads * (int64_t)weights_scratch_}});
    }

    void begin() {
        copy_padded(to_.last.hidden, layer_.rows, layer_.units, hidden_);
        std::fill_n(fresh_hidden_, (int64_t)layer_.rows * layer_.width, 0.0f);
        if (Cell::MEMORY) {
            copy_padded(to_.last.memory, layer_.rows, layer_.units, memory_);
            std::fill_n(fresh_memory_, (int64_t)layer_.rows * layer_.width, 0.0f);
        }
        std::fill_n(extra_, (int64_t)Cell::EXTRA * layer_.width, 0.0f);
        if (Cell::EXTRA) interleave(layer_.of.extra, Cell::EXTRA, layer_.units, Cell::EXTRA, 0, extra_);
    }

    void end() {
        copy_narrow(hidden_, to_.first_hidden);
        copy_narrow(fresh_hidden_, to_.fresh_hidden);
        if (Cell::MEMORY) {
            copy_narrow(memory_, to_.first_memory);
            copy_narrow(fresh_memory_, to_.fresh_memory);
        }
    }

    static void work(void *given, int index, int count) { static_cast<Backward *>(given)->work(index, count); }

   private:
    void copy_narrow(const float *from, float *to) const {
        for (int32_t r = 0; to && r < layer_.rows; ++r)
            std::copy_n(from + (int64_t)r * layer_.width, layer_.units, to + (int64_t)r * layer_.units);
    }

    void work(int index, int count) {
        const Split split(better_by_rows(layer_.blocks, layer_.rows, count), layer_.blocks, layer_.when, index, count);
        const Range mine = share(layer_.blocks, index, count);
        pack_weights_back(layer_.of.recurrent_weights, Cell::GATES, layer_.units, layer_.units, mine, true,
                          recurrent_panels_);
        if (to_.xs)
            pack_weights_back(layer_.of.input_weights, Cell::GATES, layer_.units, layer_.features,
                              share(padded(layer_.features) / PANEL, index, count), true, input_panels_);
        barrier_.wait(count);
        float *products = products_ + (int64_t)index * layer_.rows * PANEL * BACK;
        for (int32_t t = layer_.when.steps - 1; t >= 0; --t) {
            step(split, t, products);
            if (!split.by_rows) barrier_.wait(count);
        }
        for (int32_t j = split.columns.from; layer_.when.steps && j < split.columns.to; j += BACK)
            carry(split, 0, {j, std::min(j + BACK, split.columns.to)}, products);
        barrier_.wait(count);
        gradients_of_inputs_and_weights(index, count);
    }

    // What each row's state is worth to what comes after it lies in `hidden_` and `memory_`; a step takes what it owes
    // the step after it, adds what its output is worth, and leaves the gradient of its sums, packed for the step before.
    void step(const Split &split, int32_t t, float *products) {
        const Range pairs = split.pairs(layer_.when, t);
        for (int32_t j = split.columns.from; j < split.columns.to; j += BACK) {
            const Range blocks{j, std::min(j + BACK, split.columns.to)};
            for (int32_t p = pairs.from; p < pairs.to; ++p) fetch(p, blocks);
            if (t + 1 < layer_.when.steps) carry(split, t + 1, blocks, products);
            for (int32_t block = j; block < blocks.to; ++block) {
                for (int32_t p = pairs.from; p < pairs.to; ++p) turn(p, block);
                pack_sums_of(split, pairs, t, block);
            }
        }
    }

    // Bring the gradient of a step's sums, through the recurrent weights, to the states that it started from.
    void carry(const Split &split, int32_t t, Range blocks, float *products) {
        const Range pairs = split.pairs(layer_.when, t);
        if (pairs.size())
            multiply_back(pairs.size(), packed_sums(split, t), recurrent_panels_, (int)layer_.sums(), blocks, products);
        for (int32_t j = blocks.from; j < blocks.to; ++j)
            for (int32_t p = pairs.from; p < pairs.to; ++p, products += PANEL) {
                float *hidden = hidden_ + (int64_t)layer_.when.row[p] * layer_.width + j * PANEL;
                for (int u = 0; u < PANEL; u += LANES) store(hidden + u, load(hidden + u) + load(products + u));
                if (layer_.begins_anew(p)) give_to_fresh(hidden, fresh_hidden_, p, j);
            }
    }

    void give_to_fresh(float *carried, float *fresh, int32_t p, int32_t j) {
        float *to = fresh + (int64_t)layer_.when.row[p] * layer_.width + j * PANEL;
        for (int u = 0; u < PANEL; u += LANES) {
            store(to + u, load(to + u) + load(carried + u));
            store(carried + u, Lanes{});
        }
    }

    // Have what a turn will read brought nearer while products are made.
    void fetch(int32_t p, Range blocks) const {
        constexpr int LINE = 16;
        const int64_t source = layer_.when.source[p], width = layer_.width, from = blocks.from * PANEL;
        const float *gates = layer_.record.gates + p * layer_.gap() + layer_.of_block(blocks.from);
        const float *gradients = gates_ + p * layer_.gap() + layer_.of_block(blocks.from);
        for (int32_t i = 0; i < Cell::GATES * blocks.size() * PANEL; i += LINE) {
            __builtin_prefetch(gates + i, 0, 2);
            __builtin_prefetch(gradients + i, 1, 2);
        }
        for (int32_t i = 0; i < blocks.size() * PANEL; i += LINE) {
            __builtin_prefetch(to_.outputs + layer_.when.place[p] * to_.outputs_stride + from + i, 0, 2);
            if (Cell::MEMORY) __builtin_prefetch(layer_.record.memory + source * width + from + i, 0, 2);
            if (Cell::INNER) __builtin_prefetch(layer_.record.inner + p * width + from + i, 0, 2);
        }
    }

    void turn(int32_t p, int32_t j) {
        const int64_t source = layer_.when.source[p], row = layer_.when.row[p], number = layer_.number(p);
        const int32_t from = j * PANEL, width = layer_.width;
        const float *given = to_.outputs + layer_.when.place[p] * to_.outputs_stride + from;
        alignas(64) float outputs[PANEL];
        pack_row(given, layer_.units - from, outputs);
        float *hidden = hidden_ + row * width + from, *memory = memory_ + row * width + from;
        const int64_t sums = p * layer_.gap() + layer_.of_block(j);
        for (int32_t u = 0; u < PANEL; u += LANES) {
            Unit at{PANEL, layer_.record.gates + sums + u, layer_.record.hidden + source * width + from + u,
                    layer_.record.hidden + number * width + from + u, nullptr, nullptr, nullptr,
                    extra_ + (int64_t)j * Cell::EXTRA * PANEL + u};
            UnitGradient to{gates_ + sums + u, nullptr, nullptr, hidden + u};
            if (Cell::MEMORY) {
                at.memory_before = layer_.record.memory + source * width + from + u;
                at.memory = layer_.record.memory + number * width + from + u;
                to.memory = memory + u;
            }
            if (Cell::INNER) {
                at.inner = layer_.record.inner + p * width + from + u;
                to.inner = inner_ + p * width + from + u;
            }
            const Lanes worth = load(hidden + u) + load(outputs + u);
            store(hidden + u, Lanes{});
            layer_.draw(at, p, from + u);
            Cell::backward(at, worth, to);
        }
        if (Cell::MEMORY && layer_.begins_anew(p)) give_to_fresh(memory, fresh_memory_, p, j);
    }

    float *packed_sums(const Split &split, int32_t t) const {
        return packed_[t & 1] + (int64_t)split.rows.from * layer_.sums();
    }

    // Of a GRU's candidate, the gradient that reaches the recurrent product is not that of the input's.
    void pack_sums_of(const Split &split, Range pairs, int32_t t, int32_t j) {
        constexpr int SHARED = (Cell::INNER ? Cell::GATES - 1 : Cell::GATES) * PANEL;
        const Tiles tiles(pairs.size());
        for (int32_t i = 0; i < tiles.count; ++i) {
            const int size = tiles.size(i);
            const int64_t first = pairs.from + tiles.first(i);
            float *tile = packed_sums(split, t) + tiles.first(i) * layer_.sums() + layer_.of_block(j) * size;
            const float *sums[TILE_ROWS], *inner[TILE_ROWS];
            for (int r = 0; r < size; ++r) {
                sums[r] = gates_ + (first + r) * layer_.gap() + layer_.of_block(j);
                inner[r] = inner_ + (first + r) * layer_.width + j * PANEL;
            }
            packing_of(size)(sums, SHARED, tile);
            if (Cell::INNER) packing_of(size)(inner, PANEL, tile + (int64_t)SHARED * size);
        }
    }

    void gradients_of_inputs_and_weights(int index, int count) {
        const int32_t pairs = layer_.when.pairs, units = layer_.units, width = layer_.width;
        float *scratch = for_weights_ + index * (int64_t)weights_scratch_;
        const Rows sums{gates_, layer_.gap(), nullptr};
        if (to_.xs)
            rows_by_panels(sums, share(pairs, index, count), (int32_t)layer_.sums(), input_panels_, layer_.features,
                           to_.xs, layer_.when.place, scratch);
        const SumColumns columns{gates_, layer_.gap(), units, PANEL, Cell::GATES * PANEL};
        const Range mine = share(Cell::GATES * units, index, count);
        sum_over_pairs(columns, xs_, pairs, mine, layer_.features, to_.input_weights, to_.bias, scratch);
        const Rows before{layer_.record.hidden, width, layer_.when.source};
        const int32_t shared = (Cell::INNER ? Cell::GATES - 1 : Cell::GATES) * units;
        const Range outer = share(shared, index, count);
        sum_over_pairs(columns, before, pairs, outer, units, to_.recurrent_weights, nullptr, scratch);
        if (Cell::INNER)
            sum_over_pairs({inner_, width, units, 0, PANEL}, before, pairs, share(units, index, count), units,
                           to_.recurrent_weights + (int64_t)shared * units, to_.extra, scratch);
        else if (Cell::EXTRA)
            gradients_of_peepholes(layer_, gates_, share(layer_.blocks, index, count), to_.extra);
    }

    const Layer<Cell> layer_;
    const Rows xs_;
    const statewise_gradients &to_;
    size_t weights_scratch_;
    float *recurrent_panels_, *input_panels_, *extra_, *gates_, *inner_, *hidden_, *memory_, *fresh_hidden_,
        *fresh_memory_, *packed_[2], *products_, *for_weights_;
    Barrier barrier_;
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
