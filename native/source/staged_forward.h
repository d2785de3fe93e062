// One layer over a sequence, for cells whose step has stages.
#pragma once
#include "forward.h"
#include "staged.h"

namespace statewise {
namespace STATEWISE_TARGET {

template <class Cell>
class StagedForward {
   public:
    StagedForward(const statewise_layer &of, const statewise_schedule &when, const statewise_record &record,
                  const float *xs, int64_t xs_stride, int threads)
        : layer_(of, when, record), xs_{xs, xs_stride, when.place} {
        ring_ = record.gates ? 0 : ring_pairs();
        inputs_each_ = (int64_t)BLOCK_ROWS * layer_.features + PANEL;
        const auto panels = [&](int s) { return s < Cell::STAGES ? layer_.stage(s).sums() * layer_.stage(s).terms : 0; };
        carve({{&input_panels_, layer_.sums * layer_.features},
               {&panels_[0], panels(0)},
               {&panels_[1], panels(1)},
               {&bias_, layer_.sums},
               {&extra_, Cell::EXTRA * (int64_t)layer_.gate_width},
               {&packed_, layer_.rows * layer_.most_terms()},
               {&inputs_, threads * inputs_each_},
               {&gates_, ring_ * layer_.sums},
               {&inner_, ring_ * layer_.inner_each}});
    }

    void begin(statewise_state first, statewise_state fresh) {
        begin_states(first.hidden, fresh.hidden, layer_.of.units, layer_.record.hidden);
        if (Cell::MEMORY) begin_states(first.memory, fresh.memory, layer_.gate_units, layer_.record.memory);
        copy_padded(layer_.of.bias, Cell::GATES, layer_.gate_units, bias_);
        if (Cell::EXTRA) copy_padded(layer_.of.extra, Cell::EXTRA, layer_.gate_units, extra_);
    }

    static void work(void *given, int index, int count) { static_cast<StagedForward *>(given)->work(index, count); }

   private:
    void begin_states(const float *first, const float *fresh, int32_t units, float *states) const {
        copy_padded(first, layer_.rows, units, states);
        if (fresh) copy_padded(fresh, layer_.rows, units, states + (int64_t)layer_.rows * padded(units));
    }

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
        const StagedSplit split(layer_, index, count);
        pack_weights(layer_.of.input_weights, Cell::GATES, layer_.gate_units, layer_.features,
                     share(layer_.blocks, index, count), input_panels_);
        for (int s = 0; s < Cell::STAGES; ++s) {
            const Stage stage = layer_.stage(s);
            pack_weights(stage.weights, stage.gates, stage.units, stage.terms,
                         share(padded(stage.units) / PANEL, index, count), panels_[s]);
        }
        if (layer_.when.steps) pack_hidden(split, 0);
        barrier_.wait(count);
        for (int32_t t = 0, end; t < layer_.when.steps; t = end) {
            end = stretch_end(t);
            const Range pairs{layer_.when.start[t], layer_.when.start[end]};
            if (split.products.by_rows && t) barrier_.wait(count);
            read(split, pairs, ring_ ? pairs.from : 0);
            for (int32_t step = t; step < end; ++step) this->step(split, step, ring_ ? pairs.from : 0);
        }
    }

    // The sums of a stretch's inputs, normalised where the cell does that.
    void read(const StagedSplit &split, Range pairs, int64_t offset) {
        const Range part = share(pairs.size(), split.index, split.count);
        const Range own{pairs.from + part.from, pairs.from + part.to};
        sum_inputs(split.products.by_rows ? own : pairs, split.columns(layer_.blocks), offset,
                   inputs_ + split.index * inputs_each_);
        if (Cell::NORMALIZED) {
            split.turn(barrier_);
            for (int32_t p = own.from; p < own.to; ++p) Cell::read(row_of(p, offset), bias_);
            barrier_.wait(split.count);
        } else if (split.products.by_rows)
            barrier_.wait(split.count);
    }

    void sum_inputs(Range pairs, Range columns, int64_t offset, float *inputs) {
        const int32_t features = layer_.features;
        in_packed_blocks(xs_, pairs, features, inputs, [&](int32_t from, const Tiles &tiles, const float *packed) {
            float *sums = gates_at(from - offset);
            multiply_each(tiles, packed, input_panels_, features, columns.from * Cell::GATES, columns.to * Cell::GATES,
                          [&](int32_t n) {
                              const int64_t column = (int64_t)(n % Cell::GATES) * layer_.gate_width + n / Cell::GATES * PANEL;
                              return Sums{Cell::NORMALIZED ? nullptr : bias_ + column, 0, sums + column, layer_.sums};
                          });
        });
    }

    float *gates_at(int64_t pair) const { return (ring_ ? gates_ : layer_.record.gates) + pair * layer_.sums; }
    float *inner_at(int64_t pair) const { return (ring_ ? inner_ : layer_.record.inner) + pair * layer_.inner_each; }

    Row row_of(int32_t p, int64_t offset) const {
        const int64_t source = layer_.when.source[p], row = layer_.when.row[p], number = layer_.number(p);
        // without a record a row's memory stays in one place, which only a fresh start does not come from
        const int64_t memory_from = !ring_ ? source : layer_.begins_anew(p) ? layer_.rows + row : row;
        const int64_t memory_to = !ring_ ? number : row;
        float *hidden = layer_.record.hidden, *memory = layer_.record.memory;
        return {layer_.gate_units, layer_.gate_width, gates_at(p - offset), inner_at(p - offset),
                hidden + source * layer_.width, hidden + number * layer_.width,
                Cell::MEMORY ? memory + memory_from * layer_.gate_width : nullptr,
                Cell::MEMORY ? memory + memory_to * layer_.gate_width : nullptr, extra_, layer_.candidates(p),
                1 - layer_.of.rate};
    }

    void step(const StagedSplit &split, int32_t step, int64_t offset) {
        const Range pairs = split.products.pairs(layer_.when, step), own = split.rows.pairs(layer_.when, step);
        for (int s = 0; s < Cell::STAGES; ++s) {
            if (pairs.size()) products(split, s, pairs, offset);
            split.turn(barrier_);
            for (int32_t p = own.from; p < own.to; ++p) Cell::after(s, row_of(p, offset));
            if (s + 1 < Cell::STAGES)
                pack_own({inner_at(pairs.from - offset), layer_.inner_each, nullptr}, {0, pairs.size()},
                         {own.from - pairs.from, own.to - pairs.from}, layer_.stage(s + 1).terms, packed(split));
            else if (step + 1 < layer_.when.steps)
                pack_hidden(split, step + 1);
            split.turn(barrier_);
        }
    }

    void products(const StagedSplit &split, int s, Range pairs, int64_t offset) const {
        const Stage stage = layer_.stage(s);
        const Target to = Cell::target({gates_at(pairs.from - offset), inner_at(pairs.from - offset),
                                        layer_.record.hidden + layer_.number(pairs.from) * layer_.width, layer_.sums,
                                        layer_.inner_each, layer_.width, layer_.gate_width}, s);
        const Tiles tiles(pairs.size());
        const float *from = packed(split);
        const int32_t width = padded(stage.units);
        const Range columns = split.columns(width / PANEL);
        for (int32_t j = columns.from; tiles.rows == 1 && j < columns.to; ++j) {
            const float *panels = panels_[s] + (int64_t)j * stage.gates * stage.terms * PANEL;
            gates_of_one(stage.gates, from, panels, stage.terms, to.out + (int64_t)j * PANEL, width, to.onto);
        }
        if (tiles.rows == 1) return;
        multiply_each(tiles, from, panels_[s], stage.terms, columns.from * stage.gates, columns.to * stage.gates,
                      [&](int32_t n) {
                          float *out = to.out + (int64_t)(n % stage.gates) * width + n / stage.gates * PANEL;
                          return Sums{to.onto ? out : nullptr, to.gap, out, to.gap};
                      });
    }

    float *packed(const StagedSplit &split) const {
        return packed_ + split.products.rows.from * layer_.most_terms();
    }

    void pack_hidden(const StagedSplit &split, int32_t step) const {
        pack_own({layer_.record.hidden, layer_.width, layer_.when.source}, split.products.pairs(layer_.when, step),
                 split.rows.pairs(layer_.when, step), layer_.of.units, packed(split));
    }

    const StagedLayer<Cell> layer_;
    const Rows xs_;
    int64_t ring_, inputs_each_;
    float *input_panels_, *panels_[2], *bias_, *extra_, *packed_, *inputs_, *gates_, *inner_;
    Barrier barrier_;
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
