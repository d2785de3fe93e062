// Programs by themselves: every cell in every storage, on every instruction set, with no byte to spare around any array.
// A row alone must have the bits that it has among others, many steps those of single steps, and exact weights must give
// what whole weights give in every storage.
#include <algorithm>
#include <cmath>

#include "numbers.h"
#include "statewise/program.h"

namespace {

struct Program {
    statewise_program *made;
    explicit Program(statewise_program *made) : made(made) {}
    Program(const Program &) = delete;
    ~Program() { statewise_drop(made); }
};

// Two layers of one cell, the second with a way around it, behind an embedding or a linear map.
struct Case {
    int cell, features, units, outputs;
    bool looked_up;
    statewise_form form = statewise_form_of(cell);
    size_t gates = (size_t)form.gates * units;
    Numbers encoder = whole_numbers((size_t)outputs * features), encoder_bias = whole_numbers(features),
            weights[2] = {whole_numbers(gates * features), whole_numbers(gates * units)},
            recurrent[2] = {whole_numbers(gates * units), whole_numbers(gates * units)},
            bias[2] = {random_numbers(gates, 0.3f), random_numbers(gates, 0.3f)},
            extra[2] = {random_numbers((size_t)form.extra * units, 0.3f), random_numbers((size_t)form.extra * units, 0.3f)},
            head = whole_numbers((size_t)outputs * units), head_bias = random_numbers(outputs, 1);

    // Numbers that every storage keeps exactly: of each eight one is the largest, 127 parts of 1024.
    static Numbers whole_numbers(size_t size) {
        Numbers numbers(size);
        std::uniform_int_distribution<int> draw(-127, 127);
        for (size_t i = 0; i < size; ++i) numbers.at[i] = (float)(draw(source) | 1) / 1024;
        return numbers;
    }

    std::string name() const {
        return "cell " + std::to_string(cell) + ", features " + std::to_string(features) + ", units " + std::to_string(units);
    }

    statewise_program *pack(const statewise_kernels *kernels, int storage) const {
        statewise_part parts[3];
        for (int i = 0; i < 2; ++i)
            parts[i] = {-1, {cell, i ? units : features, units, units, weights[i].get(), recurrent[i].get(), bias[i].get(), extra[i].get()}};
        parts[2] = {1, {}};
        const statewise_model model = {storage, looked_up ? outputs : 0, outputs, features,
                                       looked_up ? encoder.get() : nullptr, looked_up ? nullptr : encoder.get(),
                                       looked_up ? nullptr : encoder_bias.get(), 3, parts, outputs, head.get(), head_bias.get()};
        return statewise_pack(kernels, &model);
    }
};

struct States {
    std::vector<Numbers> numbers;
    std::vector<float *> places;
    States(const Case &of, int rows) {
        for (int i = 0; i < 2 * (1 + of.form.memories); ++i) numbers.push_back(random_numbers((size_t)rows * of.units, 0.5f));
        for (const Numbers &array : numbers) places.push_back(array.get());
    }
    float *const *to() const { return places.data(); }
    const float *const *from() const { return const_cast<const float *const *>(places.data()); }
    void take_row(const States &all, int row, int units) {
        for (size_t i = 0; i < numbers.size(); ++i)
            std::copy_n(all.numbers[i].get() + (size_t)row * units, units, numbers[i].get());
    }
};

struct Inputs {
    std::unique_ptr<int64_t[]> codes;
    Numbers vectors;
    bool looked_up;
    int width;
    Inputs(const Case &of, int count)
        : codes(new int64_t[count]), vectors(random_numbers((size_t)count * of.outputs, 1)), looked_up(of.looked_up), width(of.outputs) {
        for (int i = 0; i < count; ++i) codes[i] = source() % of.outputs;
    }
    statewise_input at(int row) const {
        if (looked_up) return {codes.get() + row, nullptr};
        return {nullptr, vectors.get() + (size_t)row * width};
    }
};

bool same(const float *a, const float *b, int count) { return std::equal(a, a + count, b); }

void rows_alone_are_rows_among_others(const Case &of, const statewise_program *program, int rows, const std::string &what) {
    const Inputs inputs(of, rows);
    const States before(of, rows), after(of, rows), shared(of, rows);
    const Numbers outputs((size_t)rows * of.outputs), others((size_t)rows * of.outputs);
    check(statewise_step(program, rows, inputs.at(0), before.from(), after.to(), outputs.get(), on_threads, 1) == -1, what);
    statewise_step(program, rows, inputs.at(0), before.from(), shared.to(), others.get(), on_threads, 3);
    check(outputs.equal(others), what + ": three threads give other bits");
    for (int row = 0; row < rows; ++row) {
        States one(of, 1);
        const States next(of, 1);
        const Numbers alone(of.outputs);
        one.take_row(before, row, of.units);
        statewise_step(program, 1, inputs.at(row), one.from(), next.to(), alone.get(), on_threads, 1);
        bool equal = same(alone.get(), outputs.get() + (size_t)row * of.outputs, of.outputs);
        for (size_t i = 0; i < next.numbers.size(); ++i)
            equal &= same(next.numbers[i].get(), after.numbers[i].get() + (size_t)row * of.units, of.units);
        check(equal, what + ": a row alone has other bits");
    }
}

void many_steps_are_single_ones(const Case &of, const statewise_program *program, int steps, const std::string &what) {
    const Inputs inputs(of, steps);
    const States first(of, 1);
    States now = States(of, 1);
    now.take_row(first, 0, of.units);
    const States last(of, 1);
    const Numbers outputs(of.outputs), read(of.outputs), nats(steps);
    const std::unique_ptr<int64_t[]> targets(new int64_t[steps]);
    for (int t = 0; t < steps; ++t) {
        targets[t] = source() % of.outputs;
        const States next(of, 1);
        statewise_step(program, 1, inputs.at(t), now.from(), next.to(), outputs.get(), on_threads, 1);
        now.take_row(next, 0, of.units);
    }
    statewise_read(program, steps, inputs.at(0), targets.get(), first.from(), last.to(), read.get(), nats.get());
    check(outputs.equal(read) && now.numbers[0].equal(last.numbers[0]), what + ": reading has other bits than stepping");
    double sum = 0;
    for (int i = 0; i < of.outputs; ++i) sum += std::exp((double)read[i] - read[targets[steps - 1]]);
    check(std::fabs(nats[steps - 1] - std::log(sum)) < 1e-5 * (1 + std::log(sum)), what + ": nats are wrong");
}

void choices_can_be_made(const Case &of, const statewise_program *program, const std::string &what) {
    constexpr int STEPS = 5;
    const int32_t never[] = {0};
    const States first(of, 1), last(of, 1);
    const Numbers odds = random_numbers(of.outputs, 2), outputs(of.outputs);
    for (const statewise_rule &rule : {statewise_rule{1, 0, 1, nullptr, 0}, statewise_rule{0, 0, 1, nullptr, 0},
                                       statewise_rule{0.5, 2, 0.9, never, of.outputs > 1}}) {
        int64_t choices[STEPS];
        check(statewise_sample(program, STEPS, odds.get(), &rule, 7, 0, choices, first.from(), last.to(), outputs.get()) == -1, what);
        for (int64_t choice : choices)
            check(choice >= rule.nevers && choice < of.outputs, what + ": what may not be was chosen");
    }
}

void storages_agree(const Case &of, const statewise_kernels *kernels, const std::string &what) {
    const Inputs inputs(of, 1);
    const States before(of, 1), after(of, 1);
    const Numbers wanted(of.outputs);
    const Program whole(of.pack(statewise_named("baseline"), STATEWISE_FLOAT32));
    statewise_step(whole.made, 1, inputs.at(0), before.from(), after.to(), wanted.get(), on_threads, 1);
    for (int storage = 0; storage < STATEWISE_STORAGES; ++storage) {
        const Program program(of.pack(kernels, storage));
        const Numbers outputs(of.outputs);
        statewise_step(program.made, 1, inputs.at(0), before.from(), after.to(), outputs.get(), on_threads, 1);
        // weights of 8 bits are kept exactly only where a row's largest is 127 parts, and rows are rounded to 16 bits
        const float bound = storage == STATEWISE_INT8 ? 2e-2f : 2e-5f;
        for (int i = 0; i < of.outputs; ++i)
            check(std::fabs(outputs[i] - wanted[i]) < bound * (1 + std::fabs(wanted[i])), what + ": storages disagree");
    }
}

}  // namespace

int main() {
    const int sizes[] = {1, 2, 5, 15, 16, 17, 33, 70};
    std::uniform_int_distribution<int> draw(0, 1 << 20);
    int cases = 0;
    for (int cell = 0; cell <= STATEWISE_GRU; ++cell)
        for (int i = 0; i < 8; ++i, ++cases) {
            const Case of{cell, sizes[draw(source) % 8], sizes[draw(source) % 8], sizes[draw(source) % 8], i % 2 == 0};
            for (const char *name : {"baseline", "avx2", "avx512", "avx512vnni"})
                if (const statewise_kernels *kernels = statewise_named(name)) {
                    storages_agree(of, kernels, of.name() + " " + name);
                    for (int storage = 0; storage < STATEWISE_STORAGES; ++storage) {
                        const std::string what = of.name() + " " + name + ", storage " + std::to_string(storage);
                        const Program program(of.pack(kernels, storage));
                        rows_alone_are_rows_among_others(of, program.made, 1 + draw(source) % 30, what);
                        many_steps_are_single_ones(of, program.made, 3, what);
                        if (of.looked_up) choices_can_be_made(of, program.made, what);
                    }
                }
        }
    statewise_memory_release();
    std::printf("%d cases, %d failures\n", cases, failures);
    return failures != 0;
}
