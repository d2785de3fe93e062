// The gradient of an LSTM with a window, back through time: step after step from the last, each thread its own rows; then the
// gradients of weights as a few large products over all pairs at once.
#pragma once
#include "peepholes.h"
#include "window.h"

namespace statewise {
namespace STATEWISE_TARGET {

template <class Cell>
class WindowBackward {
   public:
    WindowBackward(const statewise_window &of, const statewise_schedule &when, const statewise_window_record &record,
                   const statewise_window_gradients &to, int threads)
        : all_(of, when, record), to_(to), first_anew_(all_.first_anew()) {
        const int64_t sums = all_.layer.sums(), rows = all_.rows, pairs = when.pairs, state_floats = rows * all_.state_width();
        weights_scratch_ = std::max(sum_over_pairs_scratch(all_.reads), sum_over_pairs_scratch(all_.units)) + PANEL;
        carve({{&recurrent_panels_, sums * all_.width},
               {&input_panels_, sums * all_.read_width},
               {&query_panels_, (int64_t)all_.sum_width * all_.width},
               {&gates_, pairs * all_.layer.gap()},
               {&query_, pairs * all_.sum_width},
               {&extra_, Cell::EXTRA * (int64_t)all_.width},
               {&there_, all_.there_floats()},
               {&vectors_, all_.memory_floats()},
               {&columns_, all_.column_floats()},
               {&to_vectors_, to.values ? all_.memory_floats() : 0},
               {&carried_, state_floats},
               {&fresh_, state_floats},
               {&heights_, rows * all_.wide},
               {&packed_, rows * std::max<int64_t>(sums, all_.sum_width)},
               {&products_, rows * PANEL * BACK},
               {&for_weights_, threads * (int64_t)weights_scratch_}});
    }

    void begin() const {
        const State carried = state(carried_);
        copy_padded(to_.last.hidden, all_.rows, all_.units, carried.hidden);
        copy_padded(to_.last.memory, all_.rows, all_.units, carried.memory);
        copy_padded(to_.last.glimpse, all_.rows, all_.glimpse, carried.glimpse);
        copy_padded(to_.last.position, all_.rows, all_.hills, carried.position);
        all_.lay_extra(extra_);
        std::fill_n(fresh_, (int64_t)all_.rows * all_.state_width(), 0.0f);
        if (to_.values) std::fill_n(to_vectors_, all_.memory_floats(), 0.0f);
    }

    void end() const {
        give(state(carried_), to_.first);
        give(state(fresh_), to_.fresh);
        if (to_.values) copy_narrow(to_vectors_, (int64_t)all_.rows * all_.places, all_.glimpse, to_.values);
    }

    static void work(void *given, int index, int count) { static_cast<WindowBackward *>(given)->work(index, count); }

   private:
    struct State {
        float *hidden, *memory, *glimpse, *position;
    };
    State state(float *floats) const {
        const int64_t rows = all_.rows;
        float *glimpse = floats + 2 * rows * all_.width;
        return {floats, floats + rows * all_.width, glimpse, glimpse + rows * all_.glimpse_width};
    }

    static void copy_narrow(const float *from, int64_t rows, int32_t units, float *to) {
        for (int64_t r = 0; to && r < rows; ++r) std::copy_n(from + r * padded(units), units, to + r * units);
    }
    void give(const State &from, const statewise_window_state_gradients &to) const {
        copy_narrow(from.hidden, all_.rows, all_.units, to.hidden);
        copy_narrow(from.memory, all_.rows, all_.units, to.memory);
        copy_narrow(from.glimpse, all_.rows, all_.glimpse, to.glimpse);
        copy_narrow(from.position, all_.rows, all_.hills, to.position);
    }

    void work(int index, int count) {
        const Split split(true, all_.layer.blocks, all_.when(), index, count);
        const Range mine = share(all_.layer.blocks, index, count);
        const statewise_layer &of = all_.of.layer;
        pack_weights_back(of.recurrent_weights, Cell::GATES, all_.units, all_.units, mine, true, recurrent_panels_);
        pack_weights_back(of.input_weights, Cell::GATES, all_.units, all_.reads, share(all_.read_width / PANEL, index, count), true,
                          input_panels_);
        pack_weights_back(all_.of.query_weights, 1, 3 * all_.hills, all_.units, mine, false, query_panels_);
        all_.copy_memory(split.rows, there_, vectors_, columns_);
        barrier_.wait(count);
        for (int32_t t = all_.when().steps - 1; t >= 0; --t) {
            const Range pairs = split.pairs(all_.when(), t);
            if (pairs.size()) step(pairs, split.rows.from);
        }
        barrier_.wait(count);
        gradients_of_weights(index, count);
    }

    // `carried_` is what each row's state is worth to what comes after it: a step takes it and leaves what it owes.
    void step(Range pairs, int32_t first_row) const {
        const State carried = state(carried_);
        const Rows of_query{query_, all_.sum_width, nullptr}, of_gates{gates_, all_.layer.gap(), nullptr};
        for (int32_t p = pairs.from; p < pairs.to; ++p) look(p, carried);
        bring(pairs, first_row, of_query, all_.sum_width, query_panels_, all_.layer.blocks, [&](int32_t p, int32_t j, const float *product) {
            float *hidden = carried.hidden + (int64_t)all_.when().row[p] * all_.width + j * PANEL;
            for (int u = 0; u < PANEL; u += LANES) store(hidden + u, load(hidden + u) + load(product + u));
        });
        for (int32_t p = pairs.from; p < pairs.to; ++p)
            for (int32_t j = 0; j < all_.layer.blocks; ++j) turn(p, j, carried);
        const int32_t sums = (int32_t)all_.layer.sums();
        bring(pairs, first_row, of_gates, sums, recurrent_panels_, all_.layer.blocks, [&](int32_t p, int32_t j, const float *product) {
            unpack(product, PANEL, carried.hidden + (int64_t)all_.when().row[p] * all_.width + j * PANEL);
        });
        bring(pairs, first_row, of_gates, sums, input_panels_, all_.read_width / PANEL, [&](int32_t p, int32_t j, const float *product) {
            read(p, j, product, carried);
        });
        for (int32_t p = pairs.from; p < pairs.to; ++p)
            if (all_.layer.begins_anew(p)) give_to_fresh(all_.when().row[p]);
    }

    // Through the window: to the query's sums, and to where the window was.
    void look(int32_t p, const State &carried) const {
        const int32_t row = all_.when().row[p];
        const int64_t after = all_.to(p);
        float *to_glimpse = carried.glimpse + (int64_t)row * all_.glimpse_width, *heights = heights_ + (int64_t)row * all_.wide;
        float *to_sums = query_ + (int64_t)p * all_.sum_width;
        const float *outputs = to_.outputs + all_.when().place[p] * to_.outputs_stride + all_.units;
        for (int32_t g = 0; g < all_.glimpse; ++g) to_glimpse[g] += outputs[g];
        const RowMemory memory = all_.memory_of(row, p >= first_anew_[row], there_, vectors_, columns_);
        const RowHills hills = all_.hills_at(p);
        const float *position = all_.record.position + after * all_.hill_width;
        if (to_.values) {
            raise_hills(memory, hills, position, heights);
            for (int32_t s = 0; s < memory.places; ++s) {
                float *to = to_vectors_ + ((int64_t)row * all_.places + s) * all_.glimpse_width;
                for (int32_t g = 0; g < all_.glimpse_width; g += LANES)
                    store(to + g, fused(fill(heights[s]), load(to_glimpse + g), load(to + g)));
            }
        }
        back_through_hills(memory, hills, position, to_glimpse, carried.position + (int64_t)row * all_.hill_width, to_sums, heights);
        std::fill(to_sums + 3 * all_.hills, to_sums + all_.sum_width, 0.0f);
    }

    // Through the cell, at the units of a block.
    void turn(int32_t p, int32_t j, const State &carried) const {
        const int64_t row = all_.when().row[p], from = all_.from(p) * all_.width + j * PANEL, to = all_.to(p) * all_.width + j * PANEL;
        alignas(64) float outputs[PANEL];
        pack_row(to_.outputs + all_.when().place[p] * to_.outputs_stride + j * PANEL, all_.units - j * PANEL, outputs);
        float *hidden = carried.hidden + row * all_.width + j * PANEL, *memory = carried.memory + row * all_.width + j * PANEL;
        const int64_t sums = p * all_.layer.gap() + all_.layer.of_block(j);
        for (int32_t u = 0; u < PANEL; u += LANES)
            Cell::backward({PANEL, all_.record.gates + sums + u, all_.record.hidden + from + u, all_.record.hidden + to + u,
                            all_.record.memory + from + u, all_.record.memory + to + u, nullptr, extra_ + (int64_t)j * Cell::EXTRA * PANEL + u},
                           load(hidden + u) + load(outputs + u), {gates_ + sums + u, nullptr, memory + u, nullptr});
    }

    // A block of the gradient of what was read: inputs first, then the glimpse before.
    void read(int32_t p, int32_t j, const float *product, const State &carried) const {
        const int32_t inputs = all_.reads - all_.glimpse, from = j * PANEL, to = std::min(from + PANEL, all_.reads);
        const int32_t split = std::max(from, std::min(to, inputs));
        float *glimpse = carried.glimpse + (int64_t)all_.when().row[p] * all_.glimpse_width;
        if (to_.xs) std::copy(product, product + split - from, to_.xs + (int64_t)all_.when().place[p] * inputs + from);
        std::copy(product + split - from, product + to - from, glimpse + split - inputs);
    }

    // The rows of some pairs times panels, and for each pair and panel `take(pair, panel, product)`.
    template <class Take>
    void bring(Range pairs, int32_t first_row, const Rows &rows, int32_t terms, const float *panels, int32_t count, Take take) const {
        float *packed = packed_ + (int64_t)first_row * std::max<int64_t>(all_.layer.sums(), all_.sum_width);
        float *products = products_ + (int64_t)first_row * PANEL * BACK;
        pack_rows(rows, pairs.from, Tiles(pairs.size()), terms, packed);
        for (int32_t j = 0; j < count; j += BACK) {
            const Range some{j, std::min(j + BACK, count)};
            multiply_back(pairs.size(), packed, panels, terms, some, products);
            const float *product = products;
            for (int32_t panel = some.from; panel < some.to; ++panel)
                for (int32_t p = pairs.from; p < pairs.to; ++p, product += PANEL) take(p, panel, product);
        }
    }

    void give_to_fresh(int64_t row) const {
        const State carried = state(carried_), fresh = state(fresh_);
        const auto move = [row](float *from, float *to, int32_t width) {
            for (int64_t i = row * width; i < (row + 1) * width; ++i) to[i] += from[i], from[i] = 0.0f;
        };
        move(carried.hidden, fresh.hidden, all_.width);
        move(carried.memory, fresh.memory, all_.width);
        move(carried.glimpse, fresh.glimpse, all_.glimpse_width);
        move(carried.position, fresh.position, all_.hill_width);
    }

    void gradients_of_weights(int index, int count) const {
        const int32_t pairs = all_.when().pairs, units = all_.units, sums = Cell::GATES * units, asked = 3 * all_.hills;
        float *scratch = for_weights_ + index * (int64_t)weights_scratch_;
        const SumColumns columns{gates_, all_.layer.gap(), units, PANEL, Cell::GATES * PANEL};
        const SumColumns query{query_, all_.sum_width, asked, 0, PANEL};
        const Rows before{all_.record.hidden, all_.width, all_.when().source};
        const Rows after{all_.record.hidden + 2 * (int64_t)all_.rows * all_.width, all_.width, nullptr};
        const Range mine = share(sums, index, count);
        sum_over_pairs(columns, {all_.record.read, all_.read_width, nullptr}, pairs, mine, all_.reads, to_.input_weights, to_.bias, scratch);
        sum_over_pairs(columns, before, pairs, mine, units, to_.recurrent_weights, nullptr, scratch);
        if (Cell::EXTRA) gradients_of_peepholes(all_.layer, gates_, share(all_.layer.blocks, index, count), to_.extra);
        sum_over_pairs(query, after, pairs, share(asked, index, count), units, to_.query_weights, to_.query_bias, scratch);
    }

    const WindowLayer<Cell> all_;
    const statewise_window_gradients &to_;
    const std::vector<int32_t> first_anew_;
    size_t weights_scratch_;
    float *recurrent_panels_, *input_panels_, *query_panels_, *extra_, *gates_, *query_, *there_, *vectors_, *columns_, *to_vectors_, *carried_,
        *fresh_, *heights_, *packed_, *products_, *for_weights_;
    Barrier barrier_;
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
