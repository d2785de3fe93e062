// A network that writes as one object, compiled once for each instruction set.
#include <atomic>
#include <numeric>
#include <vector>

#include "any_writer.h"
#include "dense.h"
#include "draw.h"
#include "writer_rows.h"

namespace statewise {
namespace STATEWISE_TARGET {

template <class Storage>
class Writer final : public statewise_writer {
   public:
    explicit Writer(const statewise_writer_model &model)
        : glimpse_(model.glimpse), hills_(model.hills), outputs_(model.outputs), first_(model.first, places_) {
        query_ = Dense<Float32>(model.query_weights, model.query_bias, 3 * hills_, first_.units, places_);
        reads_ = STEP + first_.units + glimpse_;
        all_ = reads_;
        widest_ = std::max(reads_, first_.features);
        for (int32_t i = 0; i < model.above; ++i) {
            above_.emplace_back(model.layers[i], places_);
            all_ += above_.back().units;
            widest_ = std::max(widest_, above_.back().features);
        }
        head_ = Dense<Storage>(model.head_weights, model.head_bias, outputs_, all_ - STEP, places_);
        sums_ = places_.take(SUMS);
        read_ = places_.take(padded(widest_));
        seen_ = places_.take(padded(all_));
        asked_ = places_.take(padded(3 * hills_));
        raised_ = places_.take(3 * padded(hills_));
    }

    int64_t write(const statewise_pen &pen, const statewise_texts &texts, const float *const *before, const statewise_written &to,
                  statewise_parallel parallel, int threads) const override {
        Writing writing{this, Pen(pen), texts, before, to, {-1}};
        threads = std::min(worth(multiplications() * texts.rows, threads), (texts.rows + 1) / 2);  // a row alone takes as long as two
        parallel(Writing::work, &writing, std::max(1, threads));
        return writing.found;
    }

   private:
    struct Writing {
        const Writer *writer;
        const Pen pen;
        const statewise_texts &texts;
        const float *const *before;
        const statewise_written &to;
        std::atomic<int64_t> found;

        static void work(void *given, int index, int count) {
            Writing &of = *static_cast<Writing *>(given);
            const Range mine = share(of.texts.rows, index, count);
            for (int32_t row = mine.from; row < mine.to; row += BLOCK_ROWS)
                if (!of.writer->write_rows(of, {row, std::min(mine.to, row + BLOCK_ROWS)})) of.found = -2;
        }
    };

    bool write_rows(const Writing &of, Range mine) const {
        const statewise_texts &texts = of.texts;
        Lines rows{{}, states(of, mine), Table(STEP, mine, texts.steps), Memories(texts, mine, glimpse_, hills_), {}, {}, {}, {}};
        for (int32_t row = mine.from; row < mine.to; ++row) {
            rows.live.push_back({row, 0, texts.strokes});
            of.to.lengths[row] = of.to.costs[row] = of.to.ended[row] = 0;
        }
        rows.sight.resize(mine.size());
        rows.sums.resize((size_t)mine.size() * outputs_);
        rows.heights.resize((size_t)mine.size() * rows.memories.wide);
        rows.room.resize(of.pen.floats());
        while (!rows.live.empty()) {
            advance(rows);
            for (int32_t i = (int32_t)rows.live.size() - 1; i >= 0; --i) {
                const int goes_on = draw(of, rows, i);
                if (goes_on < 0) return false;
                if (goes_on) continue;
                const int64_t last = (int64_t)rows.live.size() - 1;
                for (Table &table : rows.state) table.move(last, i);
                rows.xs.move(last, i);
                rows.live[i] = rows.live.back();
                rows.live.pop_back();
            }
        }
        return true;
    }

    std::vector<Table> states(const Writing &of, Range mine) const {
        std::vector<Table> found;
        const auto take = [&](int64_t width) { found.emplace_back(width, mine, of.before[found.size()]); };
        for (const int64_t width : {first_.units, first_.units, glimpse_, hills_}) take(width);
        for (const Recurrence<Storage> &layer : above_) take(layer.units), take(layer.units);
        return found;
    }

    // One step of all rows: the state after it, what the head gives, and where the windows are.
    void advance(Lines &rows) const {
        const int32_t count = (int32_t)rows.live.size();
        const RowBlock block{statewise_scratch((size_t)(places_.used() * count)), Tiles(count)};
        std::vector<float *> own{rows.state[0].at(0), rows.state[1].at(0)};
        for (size_t i = OWN; i < rows.state.size(); ++i) own.push_back(rows.state[i].at(0));
        take(own, block);
        float *read = block.at(read_), *seen = block.at(seen_), *sums = block.at(sums_);
        const int64_t read_gap = padded(widest_), seen_gap = padded(all_);
        for (int32_t r = 0; r < count; ++r) {
            std::copy_n(rows.xs.at(r), STEP, seen + r * seen_gap);
            std::copy_n(rows.xs.at(r), STEP, read + r * read_gap);
            std::copy_n(rows.state[GLIMPSE].at(r), glimpse_, read + r * read_gap + STEP);
        }
        first_.step(block, read, read_gap, nullptr, sums, 0);
        const float *hidden = first_.hidden(1, block);
        query_.apply(block, hidden, first_.width, sums, block.at(asked_), padded(3 * hills_));
        for (int32_t r = 0; r < count; ++r) {
            look(rows, r, block.at(asked_) + (int64_t)r * padded(3 * hills_), block.at(raised_));
            float *to = seen + r * seen_gap + STEP;
            std::copy_n(hidden + (int64_t)r * first_.width, first_.units, to);
            std::copy_n(rows.state[GLIMPSE].at(r), glimpse_, to + first_.units);
        }
        climb(block, count);
        head_.apply(block, seen + STEP, seen_gap, sums, rows.sums.data(), outputs_);
        give(own, block);
    }

    void take(const std::vector<float *> &own, const RowBlock &block) const {
        const float *const *from = own.data();
        first_.take(from, 0, 0, block);
        for (const Recurrence<Storage> &layer : above_) layer.take(from, 0, 0, block);
    }
    void give(const std::vector<float *> &own, const RowBlock &block) const {
        float *const *to = own.data();
        first_.give(to, 0, 1, block);
        for (const Recurrence<Storage> &layer : above_) layer.give(to, 0, 1, block);
    }

    // Each layer above reads the step, the first one's output and the glimpse, and the layer before it.
    void climb(const RowBlock &block, int32_t count) const {
        float *read = block.at(read_), *seen = block.at(seen_);
        const int64_t read_gap = padded(widest_), seen_gap = padded(all_);
        int64_t at = reads_, before = 0;
        for (const Recurrence<Storage> &layer : above_) {
            for (int32_t r = 0; r < count; ++r) {
                std::copy_n(seen + r * seen_gap, reads_, read + r * read_gap);
                std::copy_n(seen + r * seen_gap + at - before, before, read + r * read_gap + reads_);
            }
            layer.step(block, read, read_gap, nullptr, block.at(sums_), 0);
            const float *hidden = layer.hidden(1, block);
            for (int32_t r = 0; r < count; ++r) std::copy_n(hidden + (int64_t)r * layer.width, layer.units, seen + r * seen_gap + at);
            before = layer.units;
            at += before;
        }
    }

    // Move a row's window, take a glimpse, and say where it is.
    void look(Lines &rows, int32_t r, const float *asked, float *raised) const {
        const int32_t row = rows.live[r].row, letters = (int32_t)rows.memories.texts.letters[row];
        const RowMemory memory = rows.memories.of(row);
        const RowHills hills{raised, padded(hills_)};
        float *position = rows.state[POSITION].at(r), *heights = rows.heights.data() + (int64_t)r * memory.wide;
        alignas(64) float few[4 * PANEL];
        std::vector<float> many(padded(glimpse_) > 4 * PANEL ? padded(glimpse_) : 0);
        float *glimpse = many.empty() ? few : many.data();
        move_hills(memory, asked, hills, position, position);
        raise_hills(memory, hills, position, heights);
        glimpse_of(memory, heights, glimpse);
        std::copy_n(glimpse, glimpse_, rows.state[GLIMPSE].at(r));
        const bool at_end = std::max_element(heights, heights + letters) - heights == letters - 1;
        rows.sight[r] = {at_end, is_behind(asked, hills, position, letters)};
    }

    // Whether the place after the last one is higher than every other; heights are compared as logarithms, so that hills which
    // have moved further are past the end as well.
    bool is_behind(const float *asked, const RowHills &hills, const float *position, int32_t letters) const {
        const auto height = [&](int32_t place) {
            double most = -std::numeric_limits<double>::infinity(), sum = 0.0;
            for (int32_t k = 0; k < hills_; ++k) {
                const double away = (double)position[k] - place, here = asked[k] - hills.widths()[k] * away * away;
                sum = here > most ? sum * std::exp(most - here) + 1 : sum + std::exp(here - most);
                most = std::max(most, here);
            }
            return std::log(sum) + most;
        };
        const double after = height(letters + 1);
        for (int32_t place = letters; place > 0; --place)
            if (!(after > height(place))) return false;
        return true;
    }

    // Draw one step of a row and lay out what is read next: 1, or 0 where the row is written, -1 where odds are none.
    int draw(const Writing &of, Lines &rows, int32_t i) const {
        constexpr double NEVER_ENDS = -1e9, SURELY_ENDS = 1e9;
        Line &line = rows.live[i];
        const Sight sight = rows.sight[i];
        const statewise_texts &texts = of.texts;
        const float *sums = rows.sums.data() + (int64_t)i * outputs_, *pen = sums + outputs_ - 3;
        float *x = rows.xs.at(i);
        const int64_t n = of.to.lengths[line.row];
        line.waited = sight.at_end ? line.waited + 1 : 0;
        const bool must_end = x[LIFTED] > 0 && (sight.behind || line.waited > texts.patience);
        const double ends = must_end ? SURELY_ENDS : sight.at_end || sight.behind ? pen[2] : NEVER_ENDS;
        const double allowed[3] = {pen[0], pen[1], ends};
        double uniform[4];
        for (int k = 0; k < 4; ++k) uniform[k] = statewise_uniform(texts.seeds[line.row], 4 * (uint64_t)n + k);
        const Pen::Movement movement = of.pen.draw(sums, false, uniform, rows.room.data(), allowed);
        if (movement.state < 0) return -1;
        const bool has_ended = of.pen.ends(movement.state);
        if (n == texts.limits[line.row] && !has_ended) return 0;  // nothing is scribbled on
        of.to.nats[line.row * (texts.most + 1) + n] = movement.nats;
        std::copy_n(rows.heights.data() + (int64_t)i * rows.memories.wide, texts.places,
                    of.to.heights + (line.row * (texts.most + 1) + n) * texts.places);
        ++of.to.costs[line.row];
        of.to.ended[line.row] = has_ended;
        if (has_ended) return 0;
        of.pen.write(movement, x);
        std::copy_n(x, STEP, of.to.points + (line.row * texts.most + n) * STEP);
        ++of.to.lengths[line.row];
        line.strokes -= x[LIFTED] > 0;
        return line.strokes > 0;
    }

    int64_t multiplications() const {
        int64_t total = (int64_t)outputs_ * (all_ - STEP) + first_.multiplications();
        for (const Recurrence<Storage> &layer : above_) total += layer.multiplications();
        return total;
    }

    int32_t glimpse_, hills_, outputs_;
    Places places_;
    Recurrence<Storage> first_;
    std::vector<Recurrence<Storage>> above_;
    Dense<Float32> query_;  // what it asks for moves a window, and moves add up
    Dense<Storage> head_;
    int32_t reads_ = 0, all_ = 0, widest_ = 0;  // numbers that all above read, that are seen of a row, and the most that a layer reads
    int64_t sums_ = 0, read_ = 0, seen_ = 0, asked_ = 0, raised_ = 0;
};

statewise_writer *pack_writer(const statewise_writer_model &model) {
    switch (model.storage) {
        case STATEWISE_BFLOAT16: return new Writer<BFloat16>(model);
        case STATEWISE_INT8: return new Writer<Int8>(model);
        default: return new Writer<Float32>(model);
    }
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
