// A model as one object, compiled once for each instruction set.
#include <atomic>
#include <numeric>
#include <vector>

#include "any_program.h"
#include "choose.h"
#include "dense.h"
#include "draw.h"
#include "layer.h"

namespace statewise {
namespace STATEWISE_TARGET {

struct Addition {
    int32_t added, width;
    int64_t place;
};

template <class Storage>
class Program final : public statewise_program {
   public:
    explicit Program(const statewise_model &model)
        : choices_(model.choices), inputs_(model.inputs), features_(model.features), outputs_(model.outputs) {
        encoded_ = places_.take(features_);
        sums_ = places_.take(SUMS);
        if (model.encoder_weights)
            encoder_ = Dense<Storage>(model.encoder_weights, model.encoder_bias, features_, inputs_, places_);
        maps_ = model.encoder_weights != nullptr;
        int32_t width = features_;
        for (int32_t i = 0; i < model.parts; ++i) {
            const statewise_part &part = model.part[i];
            first_value_added_ |= part.added == 0;
            if (part.added < 0) {
                order_.push_back({true, (int32_t)recurrences_.size()});
                recurrences_.emplace_back(part.layer, places_);
                width = part.layer.units;
            } else {
                order_.push_back({false, (int32_t)additions_.size()});
                additions_.push_back({part.added, padded(width), places_.take(width)});
            }
        }
        has_head_ = model.head_weights != nullptr;
        if (has_head_) head_ = Dense<Storage>(model.head_weights, model.head_bias, outputs_, width, places_);
        if (choices_) keep_inputs(model);
    }

    size_t bytes() const override {
        size_t total = (has_head_ ? head_.bytes() : 0) + (maps_ ? encoder_.bytes() : 0);
        total += embedding_ ? (size_t)choices_ * features_ * sizeof(float) : 0;
        for (const Recurrence<Storage> &recurrence : recurrences_) total += recurrence.bytes();
        return total;
    }

    int64_t step(int32_t rows, statewise_input input, const float *const *before, float *const *after, float *outputs,
                 statewise_parallel parallel, int threads) const override {
        const int64_t wrong = first_unknown(input, rows);
        if (wrong >= 0) return wrong;
        Stepping stepping{this, rows, input, before, after, outputs};
        threads = std::min(worth(multiplications() * rows, threads), (rows + 1) / 2);
        parallel(Stepping::work, &stepping, std::max(1, threads));
        return -1;
    }

    int64_t read(int64_t steps, statewise_input input, const int64_t *targets, const float *const *before,
                 float *const *after, float *outputs, float *nats) const override {
        const int64_t wrong = first_unknown(input, steps);
        if (wrong >= 0) return wrong;
        float *room;
        const RowBlock block = row_block(1, padded(outputs_), &room);
        int turn = 0;
        take(before, 0, block);
        for (int64_t t = 0; t < steps; ++t, turn = 1 - turn) {
            advance(block, at(input, t), turn);
            if (!targets && t + 1 < steps) continue;
            head(block, 1 - turn, outputs);
            if (targets) nats[t] = nats_of(outputs, outputs_, targets[t], room);
        }
        give(after, 0, turn, block);
        return -1;
    }

    int64_t sample(int64_t steps, const float *odds, const statewise_rule &rule, uint64_t seed, uint64_t first,
                   int64_t *choices, const float *const *before, float *const *after, float *outputs) const override {
        float *room;
        const RowBlock block = row_block(1, 2 * padded(outputs_), &room);
        int turn = 0;
        take(before, 0, block);
        for (int64_t n = 0; n < steps; ++n, turn = 1 - turn) {
            choices[n] = choose(n ? outputs : odds, outputs_, rule, statewise_uniform(seed, first + n), room);
            if (choices[n] < 0) return -2;
            advance(block, {choices + n, nullptr}, turn);
            head(block, 1 - turn, outputs);
        }
        give(after, 0, turn, block);
        return -1;
    }

    int64_t draw(const statewise_pen &pen, int32_t rows, int64_t most, const float *parameters, const float *context,
                 const uint64_t *seeds, const float *const *before, const statewise_drawing &to, statewise_parallel parallel,
                 int threads) const override {
        Drawing drawing{this, Pen(pen), rows, most, parameters, context, seeds, before, to, {-1}};
        threads = std::min(worth(multiplications() * rows, threads), (rows + 1) / 2);
        parallel(Drawing::work, &drawing, std::max(1, threads));
        return drawing.found;
    }

   private:
    struct Where {
        bool recurs;
        int32_t number;
    };

    struct Stepping {
        const Program *program;
        int32_t rows;
        statewise_input input;
        const float *const *before;
        float *const *after;
        float *outputs;

        static void work(void *given, int index, int count) {
            const Stepping &of = *static_cast<Stepping *>(given);
            const Range mine = share(of.rows, index, count);
            for (int32_t row = mine.from; row < mine.to; row += BLOCK_ROWS)
                of.program->step_rows(of, row, std::min(BLOCK_ROWS, mine.to - row));
        }
    };

    struct Drawing {
        const Program *program;
        const Pen pen;
        int32_t rows;
        int64_t most;
        const float *parameters, *context;
        const uint64_t *seeds;
        const float *const *before;
        const statewise_drawing &to;
        std::atomic<int64_t> found;

        static void work(void *given, int index, int count) {
            Drawing &of = *static_cast<Drawing *>(given);
            const Range mine = share(of.rows, index, count);
            for (int32_t row = mine.from; row < mine.to; row += BLOCK_ROWS)
                if (!of.program->draw_rows(of, {row, std::min(mine.to, row + BLOCK_ROWS)})) of.found = -2;
        }
    };

    // Rows that have ended make place for the last one of those that go on, so that what is left is one piece.
    bool draw_rows(const Drawing &of, Range mine) const {
        std::vector<int32_t> live(mine.size());
        std::iota(live.begin(), live.end(), mine.from);
        std::vector<std::vector<float>> states;
        std::vector<float *> own;
        for (const Recurrence<Storage> &recurrence : recurrences_)
            for (int s = 0; s < recurrence.states(); ++s) {
                const int64_t units = recurrence.units;
                const float *from = of.before[states.size()] + mine.from * units;
                states.emplace_back(from, from + mine.size() * units);
            }
        for (std::vector<float> &state : states) own.push_back(state.data());
        std::vector<float> sums((size_t)mine.size() * outputs_), xs((size_t)mine.size() * inputs_), room(of.pen.floats());
        std::copy_n(of.parameters + (int64_t)mine.from * outputs_, sums.size(), sums.data());
        for (int32_t r = mine.from; r < mine.to; ++r) of.to.lengths[r] = 0, of.to.nats[r] = 0.0, of.to.ended[r] = 0;
        for (int64_t n = 0; !live.empty(); ++n) {
            for (int32_t i = (int32_t)live.size() - 1; i >= 0; --i) {
                const int goes_on = draw_step(of, live[i], n, sums.data() + (int64_t)i * outputs_, xs.data() + (int64_t)i * inputs_, room.data());
                if (goes_on < 0) return false;
                if (goes_on) continue;
                const int64_t last = (int64_t)live.size() - 1;
                std::copy_n(xs.data() + last * inputs_, inputs_, xs.data() + i * inputs_);
                for (std::vector<float> &state : states) {
                    const int64_t units = (int64_t)(state.size() / mine.size());
                    std::copy_n(state.data() + last * units, units, state.data() + i * units);
                }
                live[i] = live.back();
                live.pop_back();
            }
            if (live.empty()) break;
            float *unused;
            const RowBlock block = row_block((int32_t)live.size(), 0, &unused);
            take(own.data(), 0, block);
            advance(block, {nullptr, xs.data()}, 0);
            head(block, 1, sums.data());
            give(own.data(), 0, 1, block);
        }
        return true;
    }

    // Draw one step of a row and lay out what is read next: 1, or 0 where the drawing is at its end, -1 where odds are none.
    int draw_step(const Drawing &of, int32_t row, int64_t n, const float *sums, float *x, float *room) const {
        double uniform[4];
        for (int i = 0; i < 4; ++i) uniform[i] = statewise_uniform(of.seeds[row], 4 * (uint64_t)n + i);
        const typename Pen::Movement movement = of.pen.draw(sums, n == 0, uniform, room);
        if (movement.state < 0) return -1;
        const bool ends = of.pen.ends(movement.state);
        if (n == of.most && !ends) return 0;  // the limit: nothing is scribbled on
        of.to.nats[row] += movement.nats;
        of.to.ended[row] = ends;
        if (ends) return 0;
        const int32_t width = of.pen.width();
        float *step = of.to.steps + ((int64_t)row * of.most + n) * width;
        of.pen.write(movement, step);
        ++of.to.lengths[row];
        std::copy_n(step, width, x);
        std::copy_n(of.context + (int64_t)row * (inputs_ - width), inputs_ - width, x + width);
        return 1;
    }

    void step_rows(const Stepping &of, int32_t row, int32_t rows) const {
        float *room;
        const RowBlock block = row_block(rows, 0, &room);
        take(of.before, row, block);
        advance(block, at(of.input, row), 0);
        head(block, 1, of.outputs + (int64_t)row * outputs_);
        give(of.after, row, 1, block);
    }

    // A table of what each input adds up to in the first recurrence is read faster than a product is made; it is not
    // kept where it would be larger than everything else.
    void keep_inputs(const statewise_model &model) {
        const bool first_recurs = model.parts && model.part[0].added < 0;
        constexpr size_t ALWAYS = (size_t)4 << 20;
        const statewise_layer *layer = first_recurs ? &model.part[0].layer : nullptr;
        const size_t table = layer ? (size_t)choices_ * padded(layer->units) * 4 * sizeof(float) : 0;
        if (layer && recurrences_[0].can_tabulate() && table <= std::max(ALWAYS, bytes())) recurrences_[0].tabulate(model.embedding, choices_, layer->input_weights);
        if (layer && recurrences_[0].has_table() && !first_value_added_) return;
        embedding_ = allocate<float>((int64_t)choices_ * features_);
        std::copy_n(model.embedding, (int64_t)choices_ * features_, embedding_.get());
    }

    int64_t multiplications() const {
        int64_t total = (int64_t)outputs_ * features_;
        for (const Recurrence<Storage> &recurrence : recurrences_) total += recurrence.multiplications();
        return total;
    }

    int64_t first_unknown(const statewise_input &input, int64_t count) const {
        for (int64_t i = 0; choices_ && i < count; ++i)
            if (input.numbers[i] < 0 || input.numbers[i] >= choices_) return i;
        return -1;
    }

    statewise_input at(const statewise_input &input, int64_t row) const {
        return {input.numbers ? input.numbers + row : nullptr, input.vectors ? input.vectors + row * inputs_ : nullptr};
    }

    RowBlock row_block(int32_t rows, int64_t more, float **room) const {
        float *base = statewise_scratch((size_t)(places_.used() * rows + more));
        *room = base + places_.used() * rows;
        return {base, Tiles(rows)};
    }

    void take(const float *const *before, int64_t row, const RowBlock &block) const {
        for (const Recurrence<Storage> &recurrence : recurrences_) recurrence.take(before, row, 0, block);
    }
    void give(float *const *after, int64_t row, int turn, const RowBlock &block) const {
        for (const Recurrence<Storage> &recurrence : recurrences_) recurrence.give(after, row, turn, block);
    }

    struct Value {
        const float *rows;
        int64_t gap;
    };

    Value value(int32_t number, int turn, const RowBlock &block) const {
        if (number == 0) return {block.at(encoded_), padded(features_)};
        const Where where = order_[number - 1];
        if (!where.recurs) return {block.at(additions_[where.number].place), additions_[where.number].width};
        return {recurrences_[where.number].hidden(turn, block), recurrences_[where.number].width};
    }

    void encode(const RowBlock &block, const statewise_input &input) const {
        float *to = block.at(encoded_);
        const int64_t gap = padded(features_);
        if (maps_) return encoder_.apply(block, input.vectors, inputs_, block.at(sums_), to, gap);
        if (choices_ && !embedding_) return;
        for (int32_t r = 0; r < block.tiles.rows; ++r)
            std::copy_n(choices_ ? embedding_.get() + input.numbers[r] * features_ : input.vectors + (int64_t)r * inputs_,
                        features_, to + r * gap);
    }

    // One step, from the states of this turn to those of the other.
    void advance(const RowBlock &block, const statewise_input &input, int turn) const {
        encode(block, input);
        for (int32_t i = 0; i < (int32_t)order_.size(); ++i) {
            const Value from = value(i, 1 - turn, block);
            if (order_[i].recurs) {
                const Recurrence<Storage> &recurrence = recurrences_[order_[i].number];
                recurrence.step(block, from.rows, from.gap, input.numbers, block.at(sums_), turn);
            } else
                add(block, additions_[order_[i].number], from, 1 - turn);
        }
    }

    void add(const RowBlock &block, const Addition &addition, const Value &one, int turn) const {
        const Value other = value(addition.added, turn, block);
        float *to = block.at(addition.place);
        const int64_t floats = (int64_t)block.tiles.rows * addition.width;
        for (int64_t i = 0; i < floats; i += LANES) store(to + i, load(other.rows + i) + load(one.rows + i));
    }

    void head(const RowBlock &block, int turn, float *outputs) const {
        const Value last = value((int32_t)order_.size(), turn, block);
        if (has_head_) return head_.apply(block, last.rows, last.gap, block.at(sums_), outputs, outputs_);
        for (int32_t r = 0; r < block.tiles.rows; ++r)
            std::copy_n(last.rows + r * last.gap, outputs_, outputs + (int64_t)r * outputs_);
    }

    int32_t choices_, inputs_, features_, outputs_;
    bool maps_ = false, has_head_ = false, first_value_added_ = false;
    Places places_;
    int64_t encoded_, sums_;
    Dense<Storage> encoder_, head_;
    Memory<float> embedding_;
    std::vector<Where> order_;
    std::vector<Recurrence<Storage>> recurrences_;
    std::vector<Addition> additions_;
};

statewise_program *pack(const statewise_model &model) {
    switch (model.storage) {
        case STATEWISE_BFLOAT16: return new Program<BFloat16>(model);
        case STATEWISE_INT8: return new Program<Int8>(model);
        default: return new Program<Float32>(model);
    }
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
