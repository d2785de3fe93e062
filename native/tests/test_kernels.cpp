// The core by itself: every cell at many sizes, held to plain loops in double precision, to itself on other instruction
// sets and numbers of threads, and run under the sanitizers with no byte to spare around any array.
#include <cmath>
#include <string>
#include <vector>

#include "numbers.h"
#include "statewise/kernels.h"

namespace {

constexpr float KEPT = 0.3f;  // of a state, with zoneout

constexpr float LOST = 0.25f;  // of candidates, with dropout of them

struct Case {
    int cell, steps, rows, features, units;
    bool resets, sleeps, loses;
    statewise_form form = statewise_form_of(cell);
    int memory_units = cell == STATEWISE_PROJECTED_LSTM ? units + 3 : units;
    size_t gates = (size_t)form.gates * memory_units, states = (size_t)rows * units, memories = (size_t)form.memories * rows * memory_units;
    Numbers xs = random_numbers((size_t)steps * rows * features, 1), weights = random_numbers(gates * features, 0.8f / std::sqrt((float)features)),
            recurrent = random_numbers(gates * units, 0.8f / std::sqrt((float)units)), bias = random_numbers(gates, 0.3f),
            extra = random_numbers(cell == STATEWISE_PROJECTED_LSTM ? (size_t)units * memory_units : (size_t)form.extra * units, 0.3f), first_hidden = random_numbers(states, 0.5f),
            first_memory = random_numbers(memories, 0.5f), fresh_hidden = random_numbers(states, 0.5f),
            fresh_memory = random_numbers(memories, 0.5f),
            pulls = random_numbers((size_t)steps * rows * units, 1);
    std::vector<uint8_t> reset = places(resets, 0.2), mask = places(sleeps, 0.7);
    std::vector<uint8_t> kept = drawn();  // for each pair, as wide as a memory is padded

    size_t memory_width() const { return (memory_units + STATEWISE_PANEL - 1) / STATEWISE_PANEL * STATEWISE_PANEL; }
    std::vector<uint8_t> drawn() const {
        std::bernoulli_distribution draw(1 - LOST);
        std::vector<uint8_t> found(loses && form.memories && !zoned() ? steps * rows * memory_width() : 0);
        for (uint8_t &each : found) each = draw(source) ? 255 : 0;
        return found;
    }

    std::vector<uint8_t> places(bool any, double share) const {
        std::bernoulli_distribution draw(share);
        std::vector<uint8_t> found(any ? (size_t)steps * rows : 0);
        for (uint8_t &place : found) place = draw(source);
        return found;
    }
    statewise_layer layer() const {
        return {cell, features, units, memory_units, weights.get(), recurrent.get(), bias.get(), extra.get(), zoned() ? KEPT : kept.empty() ? 0 : LOST, kept.empty() ? nullptr : kept.data()};
    }
    bool zoned() const { return cell >= STATEWISE_ZONEOUT_LSTM && cell <= STATEWISE_ZONEOUT_GRU; }
    std::string name() const {
        return "cell " + std::to_string(cell) + ", steps " + std::to_string(steps) + ", rows " + std::to_string(rows) +
               ", features " + std::to_string(features) + ", units " + std::to_string(units);
    }
};

struct Result {
    Numbers ys, last_hidden, last_memory, xs, weights, recurrent, bias, extra, hidden, memory, fresh_hidden, fresh_memory;
    bool equal(const Result &o) const {
        return ys.equal(o.ys) && last_hidden.equal(o.last_hidden) && last_memory.equal(o.last_memory) && xs.equal(o.xs) &&
               weights.equal(o.weights) && recurrent.equal(o.recurrent) && bias.equal(o.bias) && extra.equal(o.extra) &&
               hidden.equal(o.hidden) && memory.equal(o.memory) && fresh_hidden.equal(o.fresh_hidden) &&
               fresh_memory.equal(o.fresh_memory);
    }
};

Result run(const Case &of, const statewise_kernels &kernels, int threads, bool recorded) {
    const size_t places = (size_t)of.steps * of.rows;
    std::vector<int32_t> start(of.steps + 1), row(places), place(places), from(places), last(of.rows);
    const int32_t pairs = statewise_fill_schedule(
        of.steps, of.rows, of.resets ? of.reset.data() : nullptr, of.sleeps ? of.mask.data() : nullptr, start.data(),
        row.data(), place.data(), from.data(), last.data());
    const statewise_schedule when{of.steps, of.rows, pairs, start.data(), row.data(), place.data(), from.data(),
                                  last.data()};
    const size_t width = (of.units + STATEWISE_PANEL - 1) / STATEWISE_PANEL * STATEWISE_PANEL;
    const size_t gate_width = (of.memory_units + STATEWISE_PANEL - 1) / STATEWISE_PANEL * STATEWISE_PANEL;
    const size_t numbers = 2 * (size_t)of.rows + pairs, inner_each = of.form.inner * gate_width + of.form.moments;
    Numbers hidden(numbers * width), memory(of.form.memories * (recorded ? numbers : 2 * of.rows) * gate_width);
    Numbers gates(recorded ? pairs * (of.form.gates * gate_width + STATEWISE_PANEL) : 0), inner(recorded ? pairs * inner_each : 0);
    const statewise_record record{hidden.get(), memory.get(), recorded && !gates.size ? hidden.get() : gates.get(),
                                  inner.get()};
    const statewise_layer layer = of.layer();
    kernels.forward(&layer, &when, of.xs.get(), of.features, {of.first_hidden.get(), of.first_memory.get()},
                    {of.fresh_hidden.get(), of.fresh_memory.get()}, &record, on_threads, threads);
    Result result;
    result.ys = Numbers(places * of.units);
    std::fill_n(result.ys.get(), result.ys.size, 0.0f);
    statewise_spread(&when, of.units, hidden.get(), result.ys.get());
    result.last_hidden = Numbers(of.states);
    statewise_gather(of.rows, of.units, hidden.get(), when.last, result.last_hidden.get());
    if (of.form.memories) {
        result.last_memory = Numbers(of.memories);
        statewise_gather(of.rows, of.memory_units, memory.get(), recorded ? when.last : nullptr, result.last_memory.get());
    }
    if (!recorded) return result;
    result.xs = Numbers(of.xs.size);
    std::fill_n(result.xs.get(), result.xs.size, 0.0f);
    result.weights = Numbers(of.weights.size);
    result.recurrent = Numbers(of.recurrent.size);
    result.bias = Numbers(of.bias.size);
    result.extra = Numbers(of.extra.size);
    result.hidden = Numbers(of.states);
    result.fresh_hidden = Numbers(of.states);
    result.memory = Numbers(of.memories);
    result.fresh_memory = Numbers(of.memories);
    const statewise_gradients to{of.pulls.get(), of.units, {nullptr, nullptr}, result.xs.get(), result.weights.get(),
                                 result.recurrent.get(), result.bias.get(), result.extra.get(), result.hidden.get(),
                                 result.memory.get(), result.fresh_hidden.get(), result.fresh_memory.get()};
    kernels.backward(&layer, &when, of.xs.get(), of.features, &record, &to, on_threads, threads);
    return result;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

bool in_stages(int cell) { return cell >= STATEWISE_GRU_RESET_BEFORE && cell <= STATEWISE_PROJECTED_LSTM; }

// Bring so many numbers to mean nought and deviation one, then to their gains.
void normalize(double *x, int count, const float *gains) {
    double mean = 0, variance = 0;
    for (int i = 0; i < count; ++i) mean += x[i] / count;
    for (int i = 0; i < count; ++i) variance += (x[i] - mean) * (x[i] - mean) / count;
    for (int i = 0; i < count; ++i) x[i] = (x[i] - mean) / std::sqrt(variance + 1e-5) * gains[i];
}

// The inputs' sums, in which the bias is, and the recurrent ones brought to one scale each.
void normalize_sums(const Case &of, std::vector<double> &input, std::vector<double> &inner) {
    const int H = of.units, G = of.form.gates, early = G == 3 ? 2 * H : G * H;
    for (int m = 0; m < G * H; ++m) input[m] -= of.bias[m];
    for (const int part : {0, early})
        if (part < G * H) {
            normalize(&input[part], part ? H : early, of.extra.get() + part);
            normalize(&inner[part], part ? H : early, of.extra.get() + G * H + part);
        }
    for (int m = 0; m < G * H; ++m) input[m] += of.bias[m];
}

// One step of a cell that takes it in stages, from the sums of inputs and the recurrent ones.
void step_in_stages(const Case &of, const std::vector<double> &factor, std::vector<double> input, std::vector<double> inner,
                    std::vector<double> &h, std::vector<double> &c) {
    const int H = of.units, M = of.memory_units;
    const bool normal = of.cell == STATEWISE_LAYER_NORM_LSTM || of.cell == STATEWISE_LAYER_NORM_GRU;
    if (normal) normalize_sums(of, input, inner);
    const auto sum = [&](int gate, int u) { return input[gate * M + u] + inner[gate * M + u]; };
    if (of.form.memories) {
        for (int u = 0; u < M; ++u) c[u] = sigmoid(sum(1, u)) * c[u] + sigmoid(sum(0, u)) * std::tanh(sum(2, u)) * factor[u];
        std::vector<double> read = c;
        if (normal) normalize(read.data(), H, of.extra.get() + 8 * H);
        for (int u = 0; u < M; ++u)
            read[u] = sigmoid(sum(3, u)) * std::tanh(read[u] + (normal ? of.extra[9 * H + u] : 0.0f));
        if (normal) h = read;
        for (int u = 0; !normal && u < H; ++u) {
            h[u] = 0;
            for (int m = 0; m < M; ++m) h[u] += (double)of.extra[(size_t)u * M + m] * read[m];
        }
        return;
    }
    const std::vector<double> before = h;
    for (int u = 0; u < H; ++u) {
        const double r = sigmoid(sum(0, u)), z = sigmoid(sum(1, u));
        double late = r * inner[2 * H + u];
        if (!normal) late = 0;
        for (int k = 0; !normal && k < H; ++k)
            late += (double)of.recurrent[((size_t)2 * H + u) * H + k] * sigmoid(sum(0, k)) * before[k];
        h[u] = (1 - z) * std::tanh(input[2 * H + u] + late) + z * before[u];
    }
}

// The number of the pair of a row that is awake at a step.
size_t pair_of(const Case &of, int t, int b) {
    const size_t place = (size_t)t * of.rows + b;
    size_t pair = place;
    for (size_t before = 0; of.sleeps && before < place; ++before) pair -= !of.mask[before];
    return pair;
}

// What one row holds, read step by step in double precision.
std::vector<double> plain_outputs(const Case &of, int b) {
    const int H = of.units, M = of.memory_units, D = of.features, G = of.form.gates;
    std::vector<double> h(of.first_hidden.get() + b * H, of.first_hidden.get() + (b + 1) * H), c(M), ys;
    if (of.form.memories) c.assign(of.first_memory.get() + b * M, of.first_memory.get() + (b + 1) * M);
    for (int t = 0; t < of.steps; ++t) {
        const size_t place = (size_t)t * of.rows + b;
        if (of.sleeps && !of.mask[place]) {
            ys.insert(ys.end(), H, 0.0);
            continue;
        }
        if (of.resets && of.reset[place]) {
            h.assign(of.fresh_hidden.get() + b * H, of.fresh_hidden.get() + (b + 1) * H);
            if (of.form.memories) c.assign(of.fresh_memory.get() + b * M, of.fresh_memory.get() + (b + 1) * M);
        }
        std::vector<double> input(G * M), inner(G * M);
        for (int m = 0; m < G * M; ++m) {
            input[m] = of.bias[m];
            for (int d = 0; d < D; ++d) input[m] += (double)of.weights[(size_t)m * D + d] * of.xs[place * D + d];
            for (int k = 0; k < H; ++k) inner[m] += (double)of.recurrent[(size_t)m * H + k] * h[k];
        }
        std::vector<double> factor(M, 1.0);  // of candidates
        for (int u = 0; u < M && !of.kept.empty(); ++u)
            factor[u] = of.kept[pair_of(of, t, b) * of.memory_width() + u] ? 1 / (1 - (double)LOST) : 0.0;
        if (in_stages(of.cell)) {
            step_in_stages(of, factor, input, inner, h, c);
            ys.insert(ys.end(), h.begin(), h.end());
            continue;
        }
        for (int u = 0; u < H; ++u) {
            const auto sum = [&](int gate) { return input[gate * H + u] + inner[gate * H + u]; };
            const auto peep = [&](int gate) { return of.cell == STATEWISE_PEEPHOLE_LSTM ? of.extra[gate * H + u] : 0.0; };
            const double h_before = h[u], c_before = c[u];
            switch (of.cell) {
                case STATEWISE_ELMAN_TANH: h[u] = std::tanh(sum(0)); break;
                case STATEWISE_ELMAN_RELU: h[u] = std::max(0.0, sum(0)); break;
                case STATEWISE_ZONEOUT_GRU:
                case STATEWISE_GRU: {
                    const double r = sigmoid(sum(0)), z = sigmoid(sum(1));
                    const double n = std::tanh(input[2 * H + u] + r * (inner[2 * H + u] + of.extra[u]));
                    h[u] = (1 - z) * n + z * h[u];
                    break;
                }
                case STATEWISE_ZONEOUT_COUPLED_LSTM:
                case STATEWISE_COUPLED_LSTM: {
                    const double f = sigmoid(sum(0));
                    c[u] = f * c[u] + (1 - f) * std::tanh(sum(1)) * factor[u];
                    h[u] = sigmoid(sum(2)) * std::tanh(c[u]);
                    break;
                }
                case STATEWISE_LSTM_1997:
                    c[u] += sigmoid(sum(0)) * std::tanh(sum(1)) * factor[u];
                    h[u] = sigmoid(sum(2)) * std::tanh(c[u]);
                    break;
                default: {
                    const double f = sigmoid(sum(1) + peep(1) * c[u]), i = sigmoid(sum(0) + peep(0) * c[u]);
                    c[u] = f * c[u] + i * std::tanh(sum(2)) * factor[u];
                    h[u] = sigmoid(sum(3) + peep(2) * c[u]) * std::tanh(c[u]);
                }
            }
            if (of.zoned()) {
                h[u] += KEPT * (h_before - h[u]);
                c[u] += KEPT * (c_before - c[u]);
            }
        }
        ys.insert(ys.end(), h.begin(), h.end());
    }
    return ys;
}

void hold_to_plain_loops(const Case &of, const Result &result) {
    double worst = 0;
    for (int b = 0; b < of.rows; ++b) {
        const std::vector<double> ys = plain_outputs(of, b);
        for (int t = 0; t < of.steps; ++t)
            for (int u = 0; u < of.units; ++u) {
                const double wanted = ys[(size_t)t * of.units + u];
                const double found = result.ys[((size_t)t * of.rows + b) * of.units + u];
                worst = std::max(worst, std::fabs(found - wanted) / (1 + std::fabs(wanted)));
            }
    }
    check(worst < 3e-5, of.name() + ": outputs are off by " + std::to_string(worst));
}

// Scans of sizes that end in the middle of a line, on one thread and on three, with no byte to spare.
void scan(const statewise_kernels &kernels, int complex, bool shared) {
    const int steps = 900, rows = 3, units = 29;
    const size_t row = (size_t)units * (complex ? 2 : 1), all = steps * rows * row;
    const Numbers decay = random_numbers(shared ? row : all, 0.4f), drive = random_numbers(all, 1);
    const Numbers first = random_numbers(rows * row, 1), pulls = random_numbers(all, 1);
    std::vector<uint8_t> reset(steps * rows), mask(steps * rows);
    for (uint8_t &place : reset) place = source() % 9 == 0;
    for (uint8_t &place : mask) place = source() % 5 != 0;
    std::vector<Numbers> found;
    for (const int threads : {1, 3}) {
        Numbers states(all), to_decay(all), to_drive(all), to_first(rows * row);
        std::fill_n(to_first.get(), to_first.size, 1.0f);
        const int64_t gap = shared ? 0 : (int64_t)row;
        const statewise_scan given{steps, rows, units, complex, reset.data(), mask.data(), decay.get(), gap * rows, gap,
                                   drive.get(), first.get(), states.get()};
        const statewise_scan_gradients to{pulls.get(), to_decay.get(), to_drive.get(), to_first.get()};
        kernels.scan(&given, nullptr, on_threads, threads);
        kernels.scan(&given, &to, on_threads, threads);
        for (Numbers *each : {&states, &to_decay, &to_drive, &to_first}) found.push_back(std::move(*each));
    }
    for (int i = 0; i < 4; ++i) check(found[i].equal(found[i + 4]), "scan: three threads give other bits");
}

// Any one number that changes, all that change their signs, and two that change places give another digest of their part.
void digest(const statewise_kernels &kernels) {
    constexpr int PARTS = 3;
    for (const size_t size : {1, 2, 15, 16, 17, 64, 257, 1000}) {
        Numbers one = random_numbers(size, 1), other = random_numbers(9, 1);
        const statewise_numbers of[] = {{one.get(), (int64_t)size}, {other.get(), 9}};
        const auto whole = [&] {
            std::vector<uint64_t> found;
            for (int part = 0; part < PARTS; ++part) found.push_back(kernels.digest(of, 2, part, PARTS));
            return found;
        };
        const std::vector<uint64_t> before = whole();
        const std::string name = std::string(kernels.name) + ", digest of " + std::to_string(size);
        for (size_t i = 0; i < size; ++i) {
            one.at[i] = -one.at[i];
            check(whole() != before, name + ": a number changed and was not seen");
            one.at[i] = -one.at[i];
            if (!i) continue;
            std::swap(one.at[i], one.at[i - 1]);
            check(whole() != before, name + ": two numbers changed places and were not seen");
            std::swap(one.at[i], one.at[i - 1]);
        }
        for (size_t i = 0; i < size; ++i) one.at[i] = -one.at[i];
        check(whole() != before, name + ": all signs changed and were not seen");
        for (size_t i = 0; i < size; ++i) one.at[i] = -one.at[i];
        check(whole() == before, name + ": the same numbers give another one");
    }
}

// Changes are drawn for pairs alone, a share of them near the rate, and streams go on where they were.
void draw_changes() {
    const int steps = 50, rows = 7, units = 37, parts = 2, width = 48;
    std::vector<int32_t> start(steps + 1), row(steps * rows), place(row), from(row), last(rows);
    std::vector<uint8_t> mask(steps * rows);
    for (uint8_t &each : mask) each = source() % 3 != 0;
    const int32_t pairs = statewise_fill_schedule(steps, rows, nullptr, mask.data(), start.data(), row.data(),
                                                  place.data(), from.data(), last.data());
    const statewise_schedule when{steps, rows, pairs, start.data(), row.data(), place.data(), from.data(), last.data()};
    std::vector<int64_t> seeds(rows, 5), draws(rows, 2), last_seeds(rows), last_draws(rows);
    std::vector<uint8_t> changes((size_t)pairs * parts * width);
    statewise_draw_changes(&when, units, parts, 1 << 22, {seeds.data(), draws.data()}, {seeds.data(), draws.data()},
                           changes.data(), {last_seeds.data(), last_draws.data()});
    double share = 0, drawn = 0;
    for (const uint8_t each : changes) share += each / 255.0 / ((double)pairs * parts * units);
    for (const int64_t each : last_draws) drawn += (double)each - 2;
    check(std::fabs(share - 0.75) < 0.02, "zoneout: a quarter stays, but " + std::to_string(share) + " changed");
    check(drawn == pairs, "zoneout: every pair draws once");
}

}  // namespace

int main() {
    const int sizes[] = {1, 2, 5, 15, 16, 17, 33, 70}, rows[] = {1, 2, 3, 6, 7, 13, 31};
    std::uniform_int_distribution<int> draw(0, 1 << 20);
    int cases = 0;
    for (int cell = 0; cell < STATEWISE_CELLS; ++cell)
        for (int i = 0; i < 30; ++i, ++cases) {
            const Case of{cell, 1 + draw(source) % 9, rows[draw(source) % 7], sizes[draw(source) % 8],
                          sizes[draw(source) % 8], draw(source) % 2 == 0, draw(source) % 2 == 0, draw(source) % 2 == 0};
            for (const char *name : {"baseline", "avx2", "avx512"})
                if (const statewise_kernels *kernels = statewise_named(name)) {
                    const Result one = run(of, *kernels, 1, true);
                    hold_to_plain_loops(of, one);
                    check(one.equal(run(of, *kernels, 3, true)), of.name() + ": three threads give other bits");
                    const Result bare = run(of, *kernels, 1, false);
                    check(one.ys.equal(bare.ys) && one.last_hidden.equal(bare.last_hidden) &&
                              one.last_memory.equal(bare.last_memory),
                          of.name() + ": without a record the bits are others");
                }
        }
    for (const char *name : {"baseline", "avx2", "avx512"})
        if (const statewise_kernels *kernels = statewise_named(name))
            for (const int complex : {0, 1})
                for (const bool shared : {false, true}) scan(*kernels, complex, shared);
    for (const char *name : {"baseline", "avx2", "avx512"})
        if (const statewise_kernels *kernels = statewise_named(name)) digest(*kernels);
    draw_changes();
    statewise_memory_release();
    std::printf("%d cases, %d failures\n", cases, failures);
    return failures != 0;
}
