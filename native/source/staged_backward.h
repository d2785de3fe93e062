// The gradient of one layer, back through time, for cells whose step has stages.
#pragma once
#include "staged.h"

namespace statewise {
namespace STATEWISE_TARGET {

template <class Cell>
class StagedBackward {
   public:
    StagedBackward(const statewise_layer &of, const statewise_schedule &when, const statewise_record &record,
                   const float *xs, int64_t xs_stride, const statewise_gradients &to, int threads)
        : layer_(of, when, record), xs_{xs, xs_stride, when.place}, to_(to) {
        const int64_t rows = layer_.rows, pairs = when.pairs, gate_width = layer_.gate_width;
        products_scratch_ = (int64_t)std::max({sum_over_pairs_scratch(layer_.features),
                                               sum_over_pairs_scratch((int32_t)layer_.most_terms()),
                                               (size_t)(BLOCK_ROWS * layer_.sums)}) + PANEL;
        const auto panels = [&](int s) {
            return s < Cell::STAGES ? layer_.stage(s).sums() * padded(layer_.stage(s).terms) : 0;
        };
        const int64_t memory = Cell::MEMORY ? rows * gate_width : 0;
        carve({{&panels_[0], panels(0)},
               {&panels_[1], panels(1)},
               {&input_panels_, to.xs ? layer_.sums * padded(layer_.features) : 0},
               {&extra_, Cell::EXTRA * gate_width},
               {&gates_, pairs * layer_.sums},
               {&recurrent_, Cell::NORMALIZED ? pairs * layer_.sums : 0},
               {&outer_, Cell::OUTER ? pairs * layer_.width : 0},
               {&parameters_, Cell::NORMALIZED ? rows * parameters_each() : 0},
               {&hidden_, rows * layer_.width},
               {&memory_, memory},
               {&fresh_hidden_, rows * layer_.width},
               {&fresh_memory_, memory},
               {&inner_, Cell::STAGES > 1 ? rows * gate_width : 0},
               {&spare_, threads * gate_width},
               {&packed_, rows * layer_.most_sums()},
               {&products_, threads * rows * PANEL * BACK},
               {&for_products_, threads * products_scratch_}});
    }

    void begin() {
        copy_padded(to_.last.hidden, layer_.rows, layer_.of.units, hidden_);
        std::fill_n(fresh_hidden_, (int64_t)layer_.rows * layer_.width, 0.0f);
        if (Cell::MEMORY) {
            copy_padded(to_.last.memory, layer_.rows, layer_.gate_units, memory_);
            std::fill_n(fresh_memory_, (int64_t)layer_.rows * layer_.gate_width, 0.0f);
        }
        if (Cell::EXTRA) copy_padded(layer_.of.extra, Cell::EXTRA, layer_.gate_units, extra_);
        if (Cell::NORMALIZED) std::fill_n(parameters_, layer_.rows * parameters_each(), 0.0f);
    }

    void end() {
        copy_narrow(hidden_, layer_.of.units, to_.first_hidden);
        copy_narrow(fresh_hidden_, layer_.of.units, to_.fresh_hidden);
        if (Cell::MEMORY) {
            copy_narrow(memory_, layer_.gate_units, to_.first_memory);
            copy_narrow(fresh_memory_, layer_.gate_units, to_.fresh_memory);
        }
    }

    static void work(void *given, int index, int count) { static_cast<StagedBackward *>(given)->work(index, count); }

   private:
    int64_t parameters_each() const { return (Cell::GATES + Cell::EXTRA) * (int64_t)layer_.gate_width; }

    void copy_narrow(const float *from, int32_t units, float *to) const {
        for (int32_t r = 0; to && r < layer_.rows; ++r)
            std::copy_n(from + (int64_t)r * padded(units), units, to + (int64_t)r * units);
    }

    void work(int index, int count) {
        const StagedSplit split(layer_, index, count);
        for (int s = 0; s < Cell::STAGES; ++s) {
            const Stage stage = layer_.stage(s);
            pack_weights_back(stage.weights, stage.gates, stage.units, stage.terms,
                              share(padded(stage.terms) / PANEL, index, count), false, panels_[s]);
        }
        if (to_.xs)
            pack_weights_back(layer_.of.input_weights, Cell::GATES, layer_.gate_units, layer_.features,
                              share(padded(layer_.features) / PANEL, index, count), false, input_panels_);
        barrier_.wait(count);
        for (int32_t t = layer_.when.steps - 1; t >= 0; --t) step(split, t);
        barrier_.wait(count);
        gradients_of_inputs_and_weights(index, count);
    }

    // What each row's state is worth to what comes after it lies in `hidden_` and `memory_`.
    void step(const StagedSplit &split, int32_t t) {
        const Range pairs = split.products.pairs(layer_.when, t), own = split.rows.pairs(layer_.when, t);
        for (int32_t p = own.from; p < own.to; ++p) add_outputs(p);
        for (int s = Cell::STAGES - 1; s >= 0; --s) {
            for (int32_t p = own.from; p < own.to; ++p) before(s, p, split.index);
            const SumColumns sums = stage_sums(s);
            pack_own({sums.base, sums.gap, nullptr}, pairs, own, (int32_t)layer_.stage(s).sums(), packed(split));
            split.turn(barrier_);
            if (pairs.size()) products(split, s, pairs);
            split.turn(barrier_);
        }
    }

    void add_outputs(int32_t p) {
        const float *given = to_.outputs + layer_.when.place[p] * to_.outputs_stride;
        float *hidden = hidden_ + (int64_t)layer_.when.row[p] * layer_.width;
        alignas(64) float outputs[PANEL];
        for (int32_t from = 0; from < layer_.width; from += PANEL) {
            pack_row(given + from, layer_.of.units - from, outputs);
            for (int u = 0; u < PANEL; u += LANES) add(hidden + from + u, load(outputs + u));
        }
        if (!Cell::OUTER) return;
        std::copy_n(hidden, layer_.width, outer_ + (int64_t)p * layer_.width);
        std::fill_n(hidden, layer_.width, 0.0f);
    }

    void before(int s, int32_t p, int index) {
        const int64_t source = layer_.when.source[p], row = layer_.when.row[p], number = layer_.number(p);
        const int64_t width = layer_.width, gate_width = layer_.gate_width;
        const statewise_record &from = layer_.record;
        const Row at{layer_.gate_units, gate_width, from.gates + p * layer_.sums, from.inner + p * layer_.inner_each,
                     from.hidden + source * width, from.hidden + number * width,
                     Cell::MEMORY ? from.memory + source * gate_width : nullptr,
                     Cell::MEMORY ? from.memory + number * gate_width : nullptr, extra_, layer_.candidates(p),
                     1 - layer_.of.rate};
        float *memory = Cell::MEMORY ? memory_ + row * gate_width : nullptr;
        Cell::before(s, at, {gates_ + p * layer_.sums, recurrent_ + p * layer_.sums, hidden_ + row * width, memory,
                             inner_ + row * gate_width, outer_ + p * width, parameters_ + row * parameters_each(),
                             spare_ + index * gate_width});
        if (Cell::MEMORY && s == 0 && layer_.begins_anew(p))
            for (int32_t j = 0; j < layer_.blocks; ++j) give_to_fresh(memory, fresh_memory_ + row * gate_width, j);
    }

    static void give_to_fresh(float *carried, float *fresh, int32_t j) {
        for (int32_t u = j * PANEL; u < (j + 1) * PANEL; u += LANES) {
            add(fresh + u, load(carried + u));
            store(carried + u, Lanes{});
        }
    }

    // Where the gradient of a stage's sums lies.
    SumColumns stage_sums(int s) const {
        if (Cell::OUTER && s) return {outer_, layer_.width, layer_.of.units, layer_.width, PANEL};
        float *base = Cell::NORMALIZED ? recurrent_ : gates_;
        return {base + (s ? layer_.stage(0).sums() : 0), layer_.sums, layer_.gate_units, layer_.gate_width, PANEL};
    }

    float *packed(const StagedSplit &split) const { return packed_ + split.products.rows.from * layer_.most_sums(); }

    // Bring the gradient of a stage's sums through its weights to what it read.
    void products(const StagedSplit &split, int s, Range pairs) {
        const Stage stage = layer_.stage(s);
        float *products = products_ + (int64_t)split.index * layer_.rows * PANEL * BACK;
        const Range columns = split.columns(padded(stage.terms) / PANEL);
        for (int32_t j = columns.from; pairs.size() && j < columns.to; j += BACK) {
            const Range blocks{j, std::min(j + BACK, columns.to)};
            multiply_back(pairs.size(), packed(split), panels_[s], (int)stage.sums(), blocks, products);
            const float *product = products;
            for (int32_t block = j; block < blocks.to; ++block)
                for (int32_t p = pairs.from; p < pairs.to; ++p, product += PANEL) bring(s, p, block, product);
        }
    }

    void bring(int s, int32_t p, int32_t j, const float *product) {
        if (s) {
            std::copy_n(product, PANEL, inner_ + layer_.when.row[p] * (int64_t)layer_.gate_width + j * PANEL);
            return;
        }
        const int64_t row = layer_.when.row[p] * (int64_t)layer_.width;
        for (int u = 0; u < PANEL; u += LANES) add(hidden_ + row + j * PANEL + u, load(product + u));
        if (layer_.begins_anew(p)) give_to_fresh(hidden_ + row, fresh_hidden_ + row, j);
    }

    void gradients_of_inputs_and_weights(int index, int count) {
        const int32_t pairs = layer_.when.pairs;
        float *scratch = for_products_ + index * products_scratch_;
        if (to_.xs)
            rows_by_panels({gates_, layer_.sums, nullptr}, share(pairs, index, count), (int32_t)layer_.sums,
                           input_panels_, layer_.features, to_.xs, layer_.when.place, scratch);
        const int32_t gates = Cell::GATES * layer_.gate_units;
        sum_over_pairs({gates_, layer_.sums, layer_.gate_units, layer_.gate_width, PANEL}, xs_, pairs,
                       share(gates, index, count), layer_.features, to_.input_weights,
                       Cell::NORMALIZED ? nullptr : to_.bias, scratch);
        for (int s = 0; s < Cell::STAGES; ++s) {
            const Stage stage = layer_.stage(s);
            const Rows read = s ? Rows{layer_.record.inner, layer_.inner_each, nullptr}
                                : Rows{layer_.record.hidden, layer_.width, layer_.when.source};
            float *to = Cell::OUTER && s ? to_.extra : to_.recurrent_weights + (stage.weights - layer_.stage(0).weights);
            sum_over_pairs(stage_sums(s), read, pairs, share(stage.gates * stage.units, index, count), stage.terms, to,
                           nullptr, scratch);
        }
        if (Cell::NORMALIZED) sum_parameters(share(layer_.blocks, index, count));
    }

    // The sums of each row's pairs, added up row after row: whoever owned the rows, these are the same numbers.
    void sum_parameters(Range blocks) {
        for (int64_t g = 0; g < Cell::GATES + Cell::EXTRA; ++g) {
            float *to = g < Cell::GATES ? to_.bias + g * layer_.gate_units
                                        : to_.extra + (g - Cell::GATES) * layer_.gate_units;
            for (int32_t j = blocks.from; j < blocks.to; ++j) {
                alignas(64) float whole[PANEL] = {};
                for (int32_t r = 0; r < layer_.rows; ++r) {
                    const float *of_row = parameters_ + r * parameters_each() + g * layer_.gate_width + j * PANEL;
                    for (int u = 0; u < PANEL; u += LANES) add(whole + u, load(of_row + u));
                }
                unpack(whole, layer_.gate_units - j * PANEL, to + j * PANEL);
            }
        }
    }

    const StagedLayer<Cell> layer_;
    const Rows xs_;
    const statewise_gradients &to_;
    int64_t products_scratch_;
    float *panels_[2], *input_panels_, *extra_, *gates_, *recurrent_, *outer_, *parameters_, *hidden_, *memory_,
        *fresh_hidden_, *fresh_memory_, *inner_, *spare_, *packed_, *products_, *for_products_;
    Barrier barrier_;
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
