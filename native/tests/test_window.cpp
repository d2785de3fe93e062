// An LSTM with a window, and texts that are written, by themselves: many sizes on every instruction set, held to the slope of
// what comes out and to themselves on other numbers of threads, and run under the sanitizers with no byte to spare around any array.
#include <algorithm>
#include <cmath>
#include <string>

#include "numbers.h"
#include "statewise/writer.h"

namespace {

size_t padded(size_t units) { return (units + STATEWISE_PANEL - 1) / STATEWISE_PANEL * STATEWISE_PANEL; }

struct State {
    Numbers hidden, memory, glimpse, position;
    State(size_t rows, size_t units, size_t glimpse, size_t hills, float scale)
        : hidden(random_numbers(rows * units, scale)), memory(random_numbers(rows * units, scale)),
          glimpse(random_numbers(rows * glimpse, scale)), position(random_numbers(rows * hills, scale)) {}
    State(const State &) = delete;
    statewise_window_state view() const { return {hidden.get(), memory.get(), glimpse.get(), position.get()}; }
    statewise_window_state_gradients to() const { return {hidden.get(), memory.get(), glimpse.get(), position.get()}; }
};

struct Weights {
    Numbers input, recurrent, bias, extra;
    Weights(int cell, size_t features, size_t units, float scale = 0.3f)
        : input(random_numbers(4 * units * features, scale)), recurrent(random_numbers(4 * units * units, scale)),
          bias(random_numbers(4 * units, scale)), extra(random_numbers(cell == STATEWISE_PEEPHOLE_LSTM ? 3 * units : 0, scale)) {}
    statewise_layer layer(int cell, int features, int units) const {
        return {cell, features, units, units, input.get(), recurrent.get(), bias.get(), extra.get(), 0, nullptr};
    }
};

struct Case {
    int cell, steps, rows, inputs, units, glimpse, hills, places;
    bool resets;
    size_t all = (size_t)steps * rows;
    Numbers xs = random_numbers(all * inputs, 1), values = random_numbers((size_t)rows * places * glimpse, 1),
            query = random_numbers((size_t)3 * hills * units, 0.3f / std::sqrt((float)units)), query_bias = random_numbers((size_t)3 * hills, 0.3f);
    Weights weights = Weights(cell, (size_t)inputs + glimpse, units, 0.5f / std::sqrt((float)units + glimpse));
    State first = State(rows, units, glimpse, hills, 0.5f), fresh = State(rows, units, glimpse, hills, 0.5f);
    std::vector<uint8_t> there = std::vector<uint8_t>((size_t)rows * places), reset = std::vector<uint8_t>(all),
                         mask = std::vector<uint8_t>(all);
    std::vector<int32_t> start = std::vector<int32_t>(steps + 1), row = std::vector<int32_t>(all), place = row, source_of = row,
                         last = std::vector<int32_t>(rows);
    statewise_schedule when{};

    Case(int cell, const int *size, bool resets)
        : cell(cell), steps(size[0]), rows(size[1]), inputs(size[2]), units(size[3]), glimpse(size[4]), hills(size[5]), places(size[6]),
          resets(resets) {
        for (int k = 0; k < hills; ++k) query_bias.at[k] -= 2;  // high hills make of a small step no small difference
        for (uint8_t &one : there) one = source() % 4 != 0;
        for (uint8_t &one : reset) one = source() % 5 == 0;
        for (uint8_t &one : mask) one = source() % 4 != 0;
        const int32_t pairs = statewise_fill_schedule(steps, rows, resets ? reset.data() : nullptr, resets ? mask.data() : nullptr,
                                                      start.data(), row.data(), place.data(), source_of.data(), last.data());
        when = {steps, rows, pairs, start.data(), row.data(), place.data(), source_of.data(), last.data()};
    }
    std::string name() const {
        return "cell " + std::to_string(cell) + ", steps " + std::to_string(steps) + ", rows " + std::to_string(rows) + ", units " +
               std::to_string(units) + ", glimpse " + std::to_string(glimpse) + ", places " + std::to_string(places);
    }
    statewise_window window(const Numbers &asked) const {
        return {weights.layer(cell, inputs + glimpse, units), glimpse, hills, places, asked.get(), query_bias.get(), values.get(), there.data()};
    }
};

struct Record {
    Numbers hidden, memory, glimpse, position, gates, read, hills;
    bool recorded;
    Record(const Case &of, bool recorded)
        : Record(of, recorded, 2 * (size_t)of.rows + (recorded ? of.when.pairs : 0), recorded ? of.when.pairs : of.rows) {}
    Record(const Case &of, bool recorded, size_t states, size_t pairs)
        : hidden(states * padded(of.units)), memory(states * padded(of.units)), glimpse(states * padded(of.glimpse)),
          position(states * padded(of.hills)), gates(pairs * (4 * padded(of.units) + STATEWISE_PANEL)),
          read(pairs * padded((size_t)of.inputs + of.glimpse)), hills(pairs * 3 * padded(of.hills)), recorded(recorded) {}
    statewise_window_record view() const {
        return {recorded, hidden.get(), memory.get(), glimpse.get(), position.get(), gates.get(), read.get(), hills.get()};
    }
};

Numbers forward(const Case &of, const statewise_kernels &kernels, const Numbers &asked, const Record &record, int threads) {
    Numbers ys(of.all * (of.units + of.glimpse));
    std::fill_n(ys.get(), ys.size, 0.0f);
    const statewise_window window = of.window(asked);
    const statewise_window_record view = record.view();
    kernels.window_forward(&window, &of.when, of.xs.get(), of.inputs, of.first.view(), of.resets ? of.fresh.view() : statewise_window_state{},
                           &view, ys.get(), on_threads, threads);
    return ys;
}

double total(const Numbers &numbers) {
    double sum = 0;
    for (size_t i = 0; i < numbers.size; ++i) sum += numbers[i];
    return sum;
}

struct Gradients {
    Numbers xs, input, recurrent, bias, extra, query, query_bias, values;
    State first, fresh;
    explicit Gradients(const Case &of)
        : xs(of.xs.size), input(of.weights.input.size), recurrent(of.weights.recurrent.size), bias(of.weights.bias.size),
          extra(of.weights.extra.size), query(of.query.size), query_bias(of.query_bias.size), values(of.values.size),
          first(of.rows, of.units, of.glimpse, of.hills, 0), fresh(of.rows, of.units, of.glimpse, of.hills, 0) {
        std::fill_n(xs.get(), xs.size, 0.0f);
    }
    bool equal(const Gradients &o) const {
        return xs.equal(o.xs) && input.equal(o.input) && recurrent.equal(o.recurrent) && bias.equal(o.bias) && extra.equal(o.extra) &&
               query.equal(o.query) && query_bias.equal(o.query_bias) && values.equal(o.values) && first.hidden.equal(o.first.hidden) &&
               first.memory.equal(o.first.memory) && first.glimpse.equal(o.first.glimpse) && first.position.equal(o.first.position);
    }
};

// Of the sum of all outputs.
void backward(const Case &of, const statewise_kernels &kernels, const Record &record, const Gradients &to, int threads) {
    Numbers ones((size_t)of.units + of.glimpse);
    std::fill_n(ones.get(), ones.size, 1.0f);
    const statewise_window window = of.window(of.query);
    const statewise_window_record view = record.view();
    const statewise_window_gradients gradients = {
        ones.get(), 0, {}, to.xs.get(), to.input.get(), to.recurrent.get(), to.bias.get(), to.extra.get(), to.query.get(),
        to.query_bias.get(), to.values.get(), to.first.to(), of.resets ? to.fresh.to() : statewise_window_state_gradients{}};
    kernels.window_backward(&window, &of.when, &view, &gradients, on_threads, threads);
}

// A small step along the gradient of the query's weights changes the sum as that says.
void hold_to_slope(const Case &of, const statewise_kernels &kernels, const Gradients &found) {
    double square = 0;
    for (size_t i = 0; i < found.query.size; ++i) square += (double)found.query[i] * found.query[i];
    if (square == 0) return;
    const double step = 0.004 / std::sqrt(square);
    Numbers up(of.query.size), down(of.query.size);
    for (size_t i = 0; i < up.size; ++i) {
        up.at[i] = of.query[i] + (float)(step * found.query[i]);
        down.at[i] = of.query[i] - (float)(step * found.query[i]);
    }
    const double above = total(forward(of, kernels, up, Record(of, false), 1)), below = total(forward(of, kernels, down, Record(of, false), 1));
    const double slope = (above - below) / (2 * step);
    check(std::fabs(slope - square) < 0.05 * square + 1e-2 * std::sqrt(square),
          of.name() + ": the slope is " + std::to_string(slope) + ", the gradient says " + std::to_string(square));
}

void read(const Case &of, const statewise_kernels &kernels) {
    const Record one(of, true), three(of, true);
    const Numbers ys = forward(of, kernels, of.query, one, 1);
    check(ys.equal(forward(of, kernels, of.query, three, 3)), of.name() + ": three threads give other bits");
    check(ys.equal(forward(of, kernels, of.query, Record(of, false), 1)), of.name() + ": without a record other bits come out");
    if (!of.when.pairs) return;
    const Gradients found(of), again(of);
    backward(of, kernels, one, found, 1);
    backward(of, kernels, three, again, 3);
    check(found.equal(again), of.name() + ": three threads give other gradients");
    hold_to_slope(of, kernels, found);
}

// Texts of any lengths, on one thread and on three, with weights kept in every way.
void write(const statewise_kernels &kernels, int cell, int storage, int rows, int layers) {
    const int units = 21, glimpse = 6, hills = 3, components = 4, places = 18, seen = units * layers + glimpse, most = 13, outputs = 6 * components + 3;
    const Weights first(cell, 5 + glimpse, units), second(cell, 5 + units + glimpse, units), others(cell, 5 + 2 * units + glimpse, units);
    const Numbers query = random_numbers(3 * hills * units, 0.2f), query_bias = random_numbers(3 * hills, 0.2f),
                  head = random_numbers((size_t)outputs * seen, 0.2f), head_bias = random_numbers(outputs, 0.2f),
                  steps = random_numbers((size_t)rows * 5, 1), values = random_numbers((size_t)rows * places * glimpse, 1),
                  hidden = random_numbers((size_t)rows * units, 0.5f), seen_before = random_numbers((size_t)rows * glimpse, 0.5f),
                  position = random_numbers((size_t)rows * hills, 0.5f);
    std::vector<statewise_layer> above;
    if (layers > 1) above.push_back(second.layer(cell, 5 + units + glimpse, units));
    while ((int)above.size() < layers - 1) above.push_back(others.layer(cell, 5 + 2 * units + glimpse, units));
    const statewise_writer_model model = {storage, first.layer(cell, 5 + glimpse, units), glimpse, hills, query.get(), query_bias.get(),
                                          layers - 1, above.data(), outputs, head.get(), head_bias.get()};
    statewise_writer *writer = statewise_pack_writer(&kernels, &model);
    std::vector<int64_t> letters(rows), limits(rows);
    std::vector<uint64_t> seeds(rows);
    for (int row = 0; row < rows; ++row) letters[row] = 1 + source() % places, limits[row] = source() % (most + 1), seeds[row] = source();
    std::vector<const float *> before{hidden.get(), hidden.get(), seen_before.get(), position.get()};
    for (int i = 1; i < layers; ++i) before.insert(before.end(), 2, hidden.get());
    const statewise_pen pen = {components, 3, 7, 0.999f, 1, 0.5, 1};
    const statewise_texts texts = {rows, places, steps.get(), values.get(), letters.data(), limits.data(), most, 3, 5, seeds.data()};
    struct Written {
        Numbers points, heights;
        std::vector<double> nats;
        std::vector<int64_t> lengths, costs;
        std::vector<uint8_t> ended;
    };
    const auto written = [&](int threads) {
        const size_t count = rows;
        Written to{Numbers(count * most * 5), Numbers(count * (most + 1) * places), std::vector<double>(count * (most + 1)),
                   std::vector<int64_t>(count), std::vector<int64_t>(count), std::vector<uint8_t>(count)};
        std::fill_n(to.points.get(), to.points.size, 0.0f);
        std::fill_n(to.heights.get(), to.heights.size, 0.0f);
        check(statewise_write(writer, &pen, &texts, before.data(),
                              {to.points.get(), to.nats.data(), to.heights.get(), to.lengths.data(), to.costs.data(), to.ended.data()},
                              on_threads, threads) == -1, "texts: odds are not numbers");
        return to;
    };
    const Written one = written(1), three = written(3);
    check(one.points.equal(three.points) && one.heights.equal(three.heights) && one.nats == three.nats && one.lengths == three.lengths &&
              one.costs == three.costs && one.ended == three.ended, "texts: three threads write something else");
    for (int row = 0; row < rows; ++row) {
        check(one.lengths[row] <= limits[row], "texts: beyond the limit");
        check(one.costs[row] == one.lengths[row] + one.ended[row], "texts: a point without its cost");
    }
    statewise_drop_writer(writer);
}

}  // namespace

int main() {
    const int sizes[][7] = {{1, 1, 1, 1, 1, 1, 1}, {7, 3, 5, 4, 6, 2, 9}, {9, 13, 17, 48, 20, 3, 33}, {4, 30, 3, 20, 33, 17, 16}};
    int cases = 0;
    for (const char *name : {"baseline", "avx2", "avx512", "avx512vnni"})
        if (const statewise_kernels *kernels = statewise_named(name))
            for (const int cell : {(int)STATEWISE_LSTM, (int)STATEWISE_PEEPHOLE_LSTM}) {
                for (const auto &size : sizes)
                    for (const bool resets : {false, true}) read(Case(cell, size, resets), *kernels), ++cases;
                for (int storage = 0; storage < STATEWISE_STORAGES; ++storage)
                    for (const int rows : {1, 2, 110})
                        for (const int layers : {1, 2, 4}) write(*kernels, cell, storage, rows, layers), ++cases;
            }
    statewise_memory_release();
    std::printf("%d cases, %d failures\n", cases, failures);
    return failures != 0;
}
