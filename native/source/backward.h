// The gradient of one layer, back through time: step after step from the last, then the gradients of inputs and
// weights as a few large products over all pairs at once.
#pragma once
#include "layer.h"
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
               {&gates_, pairs * sums},
               {&inner_, Cell::INNER ? pairs * width : 0},
               {&hidden_, rows * width},
               {&memory_, Cell::MEMORY ? rows * width : 0},
               {&fresh_hidden_, rows * width},
               {&fresh_memory_, Cell::MEMORY ? rows * width : 0},
               {&packed_[0], rows * sums},
               {&packed_[1], rows * sums},
               {&products_, threads * rows * PANEL},
               {&for_weights_, threads * (int64_t)weights_scratch_}});
    }

    void begin() {
        copy_padded(to_.last.hidden, layer_.rows, layer_.units, hidden_);
        std::fill_n(fresh_hidden_, (int64_t)layer_.rows * layer_.width, 0.0f);
        if (Cell::MEMORY) {
            copy_padded(to_.last.memory, layer_.rows, layer_.units, memory_);
            std::fill_n(fresh_memory_, (int64_t)layer_.rows * layer_.width, 0.0f);
        }
        if (Cell::EXTRA) copy_padded(layer_.of.extra, Cell::EXTRA, layer_.units, extra_);
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
        pack_weights_back(layer_.of.recurrent_weights, Cell::GATES, layer_.units, layer_.units, mine,
                          recurrent_panels_);
        if (to_.xs)
            pack_weights_back(layer_.of.input_weights, Cell::GATES, layer_.units, layer_.features,
                              share(padded(layer_.features) / PANEL, index, count), input_panels_);
        barrier_.wait(count);
        float *products = products_ + (int64_t)index * layer_.rows * PANEL;
        for (int32_t t = layer_.when.steps - 1; t >= 0; --t) {
            step(split, t, products);
            if (!split.by_rows) barrier_.wait(count);
        }
        for (int32_t j = split.columns.from; layer_.when.steps && j < split.columns.to; ++j)
            carry(split, 0, j, products);
        barrier_.wait(count);
        gradients_of_inputs_and_weights(index, count);
    }

    // What each row's state is worth to what comes after it lies in `hidden_` and `memory_`; a step takes what it owes
    // the step after it, adds what its output is worth, and leaves the gradient of its sums, packed for the step before.
    void step(const Split &split, int32_t t, float *products) {
        const Range pairs = split.pairs(layer_.when, t);
        for (int32_t j = split.columns.from; j < split.columns.to; ++j) {
            if (t + 1 < layer_.when.steps) carry(split, t + 1, j, products);
            for (int32_t p = pairs.from; p < pairs.to; ++p) turn(p, j);
            pack_sums_of(split, pairs, t, j);
        }
    }

    // Bring the gradient of a step's sums, through the recurrent weights, to the states that it started from.
    void carry(const Split &split, int32_t t, int32_t j, float *products) {
        const Range pairs = split.pairs(layer_.when, t);
        const float *panel = recurrent_panels_ + (int64_t)j * layer_.sums() * PANEL;
        const float *sums = packed_sums(split, t);
        if (pairs.size() == 1) {
            const float *start = nullptr;
            multiply_row<1>(sums, panel, 0, (int)layer_.sums(), &start, &products);
        } else if (pairs.size())
            multiply(Tiles(pairs.size()), sums, panel, (int)layer_.sums(), nullptr, 0, products, PANEL);
        for (int32_t p = pairs.from; p < pairs.to; ++p) {
            float *hidden = hidden_ + (int64_t)layer_.when.row[p] * layer_.width + j * PANEL;
            const float *product = products + (int64_t)(p - pairs.from) * PANEL;
            for (int u = 0; u < PANEL; u += LANES) store(hidden + u, load(hidden + u) + load(product + u));
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

    void turn(int32_t p, int32_t j) {
        const int64_t source = layer_.when.source[p], row = layer_.when.row[p], number = layer_.number(p);
        const int32_t from = j * PANEL, width = layer_.width;
        const float *given = to_.outputs + layer_.when.place[p] * to_.outputs_stride + from;
        alignas(64) float outputs[PANEL];
        pack_row(given, layer_.units - from, outputs);
        float *hidden = hidden_ + row * width + from, *memory = memory_ + row * width + from;
        for (int32_t u = 0; u < PANEL; u += LANES) {
            Unit at{width, layer_.record.gates + p * layer_.sums() + from + u,
                    layer_.record.hidden + source * width + from + u, layer_.record.hidden + number * width + from + u,
                    nullptr, nullptr, nullptr, extra_ + from + u};
            UnitGradient to{gates_ + p * layer_.sums() + from + u, nullptr, nullptr, hidden + u};
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
            if (IsZoned<Cell>::value) layer_.zone(at, p, from + u);
            Cell::backward(at, worth, to);
        }
        if (Cell::MEMORY && layer_.begins_anew(p)) give_to_fresh(memory, fresh_memory_, p, j);
    }

    float *packed_sums(const Split &split, int32_t t) const {
        return packed_[t & 1] + (int64_t)split.rows.from * layer_.sums();
    }

    // The gradient that reaches the recurrent product of a gate: for a GRU's candidate it is not that of the input's.
    Rows recurrent_sums(int g) const {
        if (Cell::INNER && g == Cell::GATES - 1) return {inner_, layer_.width, nullptr};
        return {gates_ + (int64_t)g * layer_.width, layer_.sums(), nullptr};
    }

    void pack_sums_of(const Split &split, Range pairs, int32_t t, int32_t j) {
        const Tiles tiles(pairs.size());
        for (int32_t i = 0; i < tiles.count; ++i) {
            const int size = tiles.size(i);
            float *tile = packed_sums(split, t) + (int64_t)tiles.first(i) * layer_.sums();
            for (int g = 0; g < Cell::GATES; ++g) {
                const Rows sums = recurrent_sums(g);
                const float *of_tile[TILE_ROWS];
                for (int r = 0; r < size; ++r) of_tile[r] = sums[pairs.from + tiles.first(i) + r] + j * PANEL;
                of_rows(size).pack(of_tile, PANEL, tile + ((int64_t)g * layer_.width + j * PANEL) * size);
            }
        }
    }

    void gradients_of_inputs_and_weights(int index, int count) {
        const int32_t pairs = layer_.when.pairs, units = layer_.units, width = layer_.width;
        float *scratch = for_weights_ + index * (int64_t)weights_scratch_;
        const Rows sums{gates_, layer_.sums(), nullptr};
        if (to_.xs)
            rows_by_panels(sums, share(pairs, index, count), (int32_t)layer_.sums(), input_panels_, layer_.features,
                           to_.xs, layer_.when.place, scratch);
        const SumColumns columns{gates_, layer_.sums(), units, width};
        const Range mine = share(Cell::GATES * units, index, count);
        sum_over_pairs(columns, xs_, pairs, mine, layer_.features, to_.input_weights, to_.bias, scratch);
        const Rows before{layer_.record.hidden, width, layer_.when.source};
        const int32_t shared = (Cell::INNER ? Cell::GATES - 1 : Cell::GATES) * units;
        const Range outer = share(shared, index, count);
        sum_over_pairs(columns, before, pairs, outer, units, to_.recurrent_weights, nullptr, scratch);
        if (Cell::INNER)
            sum_over_pairs({inner_, width, units, width}, before, pairs, share(units, index, count), units,
                           to_.recurrent_weights + (int64_t)shared * units, to_.extra, scratch);
        else if (Cell::EXTRA)
            gradients_of_peepholes(share(layer_.blocks, index, count));
    }

    void gradients_of_peepholes(Range blocks) {
        static constexpr int GATE[] = {0, 1, 3};
        for (int e = 0; e < Cell::EXTRA; ++e)
            for (int32_t u = blocks.from * PANEL; u < std::min(layer_.units, blocks.to * PANEL); ++u) {
                float total = 0.0f;
                for (int32_t p = 0; p < layer_.when.pairs; ++p) {
                    const int64_t number = e == 2 ? layer_.number(p) : layer_.when.source[p];
                    total += gates_[p * layer_.sums() + (int64_t)GATE[e] * layer_.width + u] *
                             layer_.record.memory[number * layer_.width + u];
                }
                to_.extra[(int64_t)e * layer_.units + u] = total;
            }
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
