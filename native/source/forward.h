// One layer over a sequence: for a stretch of steps the sums of all inputs at once, then step after step the recurrent
// sums, each followed at once by what the cell does with it.
#pragma once
#include "layer.h"
#include "scratch.h"

namespace statewise {
namespace STATEWISE_TARGET {

constexpr int32_t STRETCH_PAIRS = 192;  // sums of so many inputs are still in the cache when their steps come

template <class Cell>
class Forward {
   public:
    Forward(const statewise_layer &of, const statewise_schedule &when, const statewise_record &record, const float *xs,
            int64_t xs_stride, int threads)
        : layer_(of, when, record), xs_{xs, xs_stride, when.place} {
        ring_ = record.gates ? 0 : ring_pairs();
        const int64_t sums = layer_.sums(), width = layer_.width;
        inputs_each_ = (int64_t)BLOCK_ROWS * layer_.features + PANEL;
        carve({{&input_panels_, sums * layer_.features},
               {&recurrent_panels_, sums * layer_.units},
               {&bias_, sums},
               {&extra_, Cell::EXTRA * width},
               {&hidden_[0], (int64_t)layer_.rows * layer_.units},
               {&hidden_[1], (int64_t)layer_.rows * layer_.units},
               {&inputs_, threads * inputs_each_},
               {&gates_, ring_ * layer_.gap()},
               {&inner_, Cell::INNER ? ring_ * width : 0}});
    }

    void begin(statewise_state first, statewise_state fresh) {
        copy_padded(first.hidden, layer_.rows, layer_.units, layer_.record.hidden);
        if (fresh.hidden) copy_padded(fresh.hidden, layer_.rows, layer_.units, state_at(layer_.record.hidden, layer_.rows));
        if (Cell::MEMORY) {
            copy_padded(first.memory, layer_.rows, layer_.units, layer_.record.memory);
            if (fresh.memory) copy_padded(fresh.memory, layer_.rows, layer_.units, state_at(layer_.record.memory, layer_.rows));
        }
        std::fill_n(bias_, layer_.sums(), 0.0f);
        interleave(layer_.of.bias, Cell::GATES, layer_.units, Cell::GATES, 0, bias_);
        std::fill_n(extra_, (int64_t)Cell::EXTRA * layer_.width, 0.0f);
        if (Cell::EXTRA) interleave(layer_.of.extra, Cell::EXTRA, layer_.units, Cell::EXTRA, 0, extra_);
    }

    static void work(void *given, int index, int count) { static_cast<Forward *>(given)->work(index, count); }

   private:
    float *state_at(float *states, int64_t number) const { return states + number * layer_.width; }

    // The last step of the stretch that begins with `step`, so that its inputs fill a block.
    int32_t stretch_end(int32_t step) const {
        const int32_t *start = layer_.when.start;
        int32_t end = step + 1;
        while (end < layer_.when.steps && start[end + 1] - start[step] <= STRETCH_PAIRS) ++end;
        return end;
    }
    int64_t ring_pairs() const {
        int64_t most = 0;
        for (int32_t t = 0, end; t < layer_.when.steps; t = end) {
            end = stretch_end(t);
            most = std::max<int64_t>(most, layer_.when.start[end] - layer_.when.start[t]);
        }
        return most;
    }

    void work(int index, int count) {
        const Split split(better_by_rows(layer_.blocks, layer_.rows, count), layer_.blocks, layer_.when, index, count);
        const Range mine = share(layer_.blocks, index, count);
        pack_weights(layer_.of.input_weights, Cell::GATES, layer_.units, layer_.features, mine, input_panels_);
        pack_weights(layer_.of.recurrent_weights, Cell::GATES, layer_.units, layer_.units, mine,
                     recurrent_panels_);
        if (layer_.when.steps) pack_hidden(split, 0, split.columns);
        barrier_.wait(count);
        for (int32_t t = 0, end; t < layer_.when.steps; t = end) {
            end = stretch_end(t);
            const Range pairs{layer_.when.start[t], layer_.when.start[end]};
            const int64_t offset = ring_ ? pairs.from : 0;
            float *inputs = inputs_ + index * inputs_each_;
            if (split.by_rows) {
                const Range part = share(pairs.size(), index, count);
                if (t) barrier_.wait(count);
                sum_inputs({pairs.from + part.from, pairs.from + part.to}, split.columns, offset, inputs);
                barrier_.wait(count);
            } else
                sum_inputs(pairs, split.columns, offset, inputs);
            for (int32_t step = t; step < end; ++step) {
                this->step(split, step, offset);
                if (!split.by_rows) barrier_.wait(count);
            }
        }
    }

    float *gates_at(int64_t pair) const {
        return (ring_ ? gates_ : layer_.record.gates) + pair * layer_.gap();
    }
    float *inner_at(int64_t pair) const {
        return (ring_ ? inner_ : layer_.record.inner) + pair * layer_.width;
    }

    void sum_inputs(Range pairs, Range columns, int64_t offset, float *inputs) {
        in_packed_blocks(xs_, pairs, layer_.features, inputs, [&](int32_t from, const Tiles &tiles, const float *packed) {
            float *sums = gates_at(from - offset);
            multiply_each(tiles, packed, input_panels_, layer_.features, columns.from * Cell::GATES,
                          columns.to * Cell::GATES, [&](int32_t n) {
                              return Sums{bias_ + n * PANEL, 0, sums + n * PANEL, layer_.gap()};
                          });
        });
    }

    void step(const Split &split, int32_t step, int64_t offset) {
        const Range pairs = split.pairs(layer_.when, step);
        if (pairs.size() == 1)
            step_of_one(split, pairs.from, step, offset);
        else if (pairs.size())
            step_of_many(split, pairs, step, offset);
        if (step + 1 < layer_.when.steps) pack_hidden(split, step + 1, split.columns);
    }

    // This thread's place among the packed hidden values of a step.
    float *packed_hidden(const Split &split, int32_t step) const {
        return hidden_[step & 1] + (int64_t)split.rows.from * layer_.units;
    }

    void step_of_many(const Split &split, Range pairs, int32_t step, int64_t offset) {
        const Tiles tiles(pairs.size());
        const float *hidden = packed_hidden(split, step);
        float *gates = gates_at(pairs.from - offset);
        float *inner = Cell::INNER ? inner_at(pairs.from - offset) : nullptr;
        constexpr int32_t BLOCKS = Cell::GATES % SIDE_OF_FEW ? SIDE_OF_FEW : 1;  // so that no panel goes alone
        for (int32_t j = split.columns.from; j < split.columns.to; j += BLOCKS) {
            const int32_t end = std::min(j + BLOCKS, split.columns.to);
            multiply_each(tiles, hidden, recurrent_panels_, layer_.units, j * Cell::GATES, end * Cell::GATES, [&](int32_t n) {
                if (Cell::INNER && n % Cell::GATES == Cell::GATES - 1) {
                    const int64_t column = n / Cell::GATES * PANEL;
                    return Sums{extra_ + column, 0, inner + column, layer_.width};
                }
                float *sums = gates + n * PANEL;
                return Sums{sums, layer_.gap(), sums, layer_.gap()};
            });
            for (int32_t block = j; block < end; ++block) finish(pairs, block, offset);
        }
    }

    void step_of_one(const Split &split, int32_t pair, int32_t step, int64_t offset) {
        constexpr int TOGETHER = Cell::GATES == 1 ? 8 : Cell::GATES == 3 ? 3 : 2;
        const float *hidden = packed_hidden(split, step);
        int32_t j = split.columns.from;
        for (; j + TOGETHER <= split.columns.to; j += TOGETHER) sum_of_one<TOGETHER>(hidden, pair, j, offset);
        for (; j < split.columns.to; ++j) sum_of_one<1>(hidden, pair, j, offset);
        for (j = split.columns.from; j < split.columns.to; ++j) finish({pair, pair + 1}, j, offset);
    }

    template <int TOGETHER>
    void sum_of_one(const float *hidden, int32_t pair, int32_t j, int64_t offset) {
        const float *start[TOGETHER * Cell::GATES];
        float *out[TOGETHER * Cell::GATES];
        for (int n = 0; n < TOGETHER; ++n)
            for (int g = 0; g < Cell::GATES; ++g) {
                const int32_t column = (j + n) * PANEL;
                float *sums = gates_at(pair - offset) + layer_.of_block(j + n) + g * PANEL;
                const bool inner = Cell::INNER && g == Cell::GATES - 1;
                start[n * Cell::GATES + g] = inner ? extra_ + column : sums;
                out[n * Cell::GATES + g] = inner ? inner_at(pair - offset) + column : sums;
            }
        multiply_row<TOGETHER * Cell::GATES>(hidden, panel_at(j, 0), (int64_t)layer_.units * PANEL, layer_.units,
                                             start, out);
    }

    const float *panel_at(int32_t j, int g) const {
        return recurrent_panels_ + ((int64_t)j * Cell::GATES + g) * layer_.units * PANEL;
    }

    void finish(Range pairs, int32_t j, int64_t offset) {
        const bool recorded = !ring_;
        for (int32_t p = pairs.from; p < pairs.to; ++p) {
            const int64_t source = layer_.when.source[p], row = layer_.when.row[p], number = layer_.number(p);
            // without a record a row's memory stays in one place, which only a fresh start does not come from
            const int64_t memory_from = recorded ? source : layer_.begins_anew(p) ? layer_.rows + row : row;
            const int64_t memory_to = recorded ? number : row;
            for (int32_t u = j * PANEL, lane = 0; lane < PANEL; u += LANES, lane += LANES) {
                Unit at{PANEL, gates_at(p - offset) + layer_.of_block(j) + lane,
                        state_at(layer_.record.hidden, source) + u, state_at(layer_.record.hidden, number) + u,
                        nullptr, nullptr, nullptr, extra_ + (int64_t)j * Cell::EXTRA * PANEL + lane};
                if (Cell::MEMORY) {
                    at.memory_before = state_at(layer_.record.memory, memory_from) + u;
                    at.memory = state_at(layer_.record.memory, memory_to) + u;
                }
                if (Cell::INNER) at.inner = inner_at(p - offset) + u;
                layer_.draw(at, p, u);
                Cell::forward(at);
            }
        }
    }

    // The hidden values that a step starts from, so far as they are in these columns.
    void pack_hidden(const Split &split, int32_t step, Range columns) {
        const Range pairs = split.pairs(layer_.when, step);
        const Tiles tiles(pairs.size());
        const int32_t from = columns.from * PANEL, terms = std::min(layer_.units, columns.to * PANEL) - from;
        if (terms <= 0) return;
        const Rows rows{layer_.record.hidden + from, layer_.width, layer_.when.source};
        float *packed = packed_hidden(split, step);
        for (int32_t i = 0; i < tiles.count; ++i) {
            const float *of_tile[TILE_ROWS];
            const int size = tiles.size(i);
            for (int r = 0; r < size; ++r) of_tile[r] = rows[pairs.from + tiles.first(i) + r];
            packing_of(size)(of_tile, terms, packed + (int64_t)tiles.first(i) * layer_.units + (int64_t)from * size);
        }
    }

    const Layer<Cell> layer_;
    const Rows xs_;
    int64_t ring_, inputs_each_;
    float *input_panels_, *recurrent_panels_, *bias_, *extra_, *hidden_[2], *inputs_, *gates_, *inner_;
    Barrier barrier_;
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
