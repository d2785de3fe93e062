// The core, as Python sees it. Memory comes as addresses: `kernels/native.py`, the only caller, has checked it.
#include "binding.h"

#include <dlfcn.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <thread>

#include "statewise/pictures.h"
#include "statewise/program.h"
#include "statewise/ranking.h"
#include "statewise/rows.h"

namespace binding {
namespace {

struct Schedule {
    std::vector<int32_t> start, row, place, source, last;
    statewise_schedule view{};

    // A state is kept for each pair and twice for each row, and has a number.
    static size_t room(int32_t steps, int32_t rows) {
        check(steps >= 0 && rows >= 0 && (int64_t)steps * rows + 2 * (int64_t)rows < INT32_MAX, "the number of steps and rows");
        return (size_t)steps * rows;
    }

    Schedule(int32_t steps, int32_t rows, Address reset, Address mask)
        : row(room(steps, rows)), place(row.size()), source(row.size()), last(rows) {
        start.resize((size_t)steps + 1);
        const int32_t pairs = statewise_fill_schedule(
            steps, rows, reinterpret_cast<const uint8_t *>(reset), reinterpret_cast<const uint8_t *>(mask),
            start.data(), row.data(), place.data(), source.data(), last.data());
        view = {steps, rows, pairs, start.data(), row.data(), place.data(), source.data(), last.data()};
    }
};

// PyTorch's own threads do the work: a second team would fight them for the processors. Without GNU OpenMP in the
// process, threads are begun for each call.
struct Team {
    typedef void (*Begin)(void (*)(void *), void *, unsigned, unsigned);
    Begin begin = reinterpret_cast<Begin>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
    int (*index)() = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_thread_num"));
    int (*count)() = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_num_threads"));
    bool whole() const { return begin && index && count; }
};

const Team &team() {
    static const Team found;
    return found;
}

struct Work {
    statewise_work work;
    void *given;
};

void on_openmp(void *given) {
    const Work *of = static_cast<const Work *>(given);
    of->work(of->given, team().index(), team().count());
}

}  // namespace

void on_threads(statewise_work work, void *given, int threads) {
    if (threads <= 1) return work(given, 0, 1);
    if (team().whole()) {
        Work of{work, given};
        return team().begin(on_openmp, &of, (unsigned)threads, 0);
    }
    std::vector<std::thread> others;
    for (int index = 1; index < threads; ++index) others.emplace_back(work, given, index, threads);
    work(given, 0, threads);
    for (std::thread &other : others) other.join();
}

const statewise_kernels *kernels = statewise_best();

namespace {

void use(const std::string &name) {
    const statewise_kernels *named = name == "best" ? statewise_best() : statewise_named(name.c_str());
    if (!named) throw std::invalid_argument("this processor has no " + name);
    kernels = named;
}

statewise_record record(const Addresses &of) {
    return {numbers(of[0]), numbers(of[1]), numbers(of[2]), numbers(of[3])};
}

void forward(const Sizes &sizes, const Addresses &weights, const Schedule &when, Address xs, int64_t xs_stride,
             const Addresses &states, const Addresses &records, const Drawn &drawn, int threads) {
    const statewise_layer of = layer(sizes, weights, drawn);
    const statewise_record to = record(records);
    kernels->forward(&of, &when.view, numbers(xs), xs_stride, {numbers(states[0]), numbers(states[1])},
                     {numbers(states[2]), numbers(states[3])}, &to, on_threads, threads);
}

void backward(const Sizes &sizes, const Addresses &weights, const Schedule &when, Address xs, int64_t xs_stride,
              const Addresses &records, Address outputs, int64_t outputs_stride, const std::array<Address, 2> &last,
              Address to_xs, const Addresses &to_weights, const Addresses &to_states, const Drawn &drawn,
              int threads) {
    const statewise_layer of = layer(sizes, weights, drawn);
    const statewise_record from = record(records);
    const statewise_gradients to = {numbers(outputs),      outputs_stride,
                                    {numbers(last[0]), numbers(last[1])},
                                    numbers(to_xs),        numbers(to_weights[0]),
                                    numbers(to_weights[1]), numbers(to_weights[2]),
                                    numbers(to_weights[3]), numbers(to_states[0]),
                                    numbers(to_states[1]), numbers(to_states[2]),
                                    numbers(to_states[3])};
    kernels->backward(&of, &when.view, numbers(xs), xs_stride, &from, &to, on_threads, threads);
}

// streams: seeds and draws of first and fresh states, then the last ones
void draw_changes(const Schedule &when, int32_t units, int32_t parts, int32_t kept, const std::array<Address, 6> &streams,
                  Address changes) {
    const auto of = [&](int i) { return reinterpret_cast<int64_t *>(streams[i]); };
    check(units > 0 && 0 <= parts && parts <= 2, "the size of a state");
    statewise_draw_changes(&when.view, units, parts, kept, {of(0), of(1)}, {of(2), of(3)},
                           reinterpret_cast<uint8_t *>(changes), {of(4), of(5)});
}

// steps, rows, units, whether complex; then reset, mask, decay, drive, first, states
void scan(const std::array<int32_t, 4> &sizes, const std::array<Address, 6> &of, const std::array<int64_t, 2> &gaps,
          const std::array<Address, 4> &to, int threads) {
    check(sizes[0] >= 0 && sizes[1] >= 0 && sizes[2] >= 0, "the size of a scan");
    const statewise_scan given{sizes[0], sizes[1], sizes[2], sizes[3], reinterpret_cast<const uint8_t *>(of[0]),
                               reinterpret_cast<const uint8_t *>(of[1]), numbers(of[2]), gaps[0], gaps[1],
                               numbers(of[3]), numbers(of[4]), numbers(of[5])};
    const statewise_scan_gradients gradients{numbers(to[0]), numbers(to[1]), numbers(to[2]), numbers(to[3])};
    kernels->scan(&given, to[3] ? &gradients : nullptr, on_threads, threads);
}

// steps, rows, width, drawn, loss, whether in batch; then mask, items, queries, vectors, biases, lowered ones; then the
// gradients: nats, queries, vectors, biases
void rank(const std::array<int32_t, 6> &sizes, double regularization, const std::array<Address, 6> &of,
          const std::array<Address, 4> &to, int threads) {
    const int64_t places = (int64_t)sizes[0] * sizes[1];
    check(sizes[0] > 0 && sizes[1] > 0 && sizes[2] > 0 && sizes[3] > 0 && places + sizes[3] < INT32_MAX, "the size of a ranking");
    check(0 <= sizes[4] && sizes[4] < STATEWISE_RANKING_LOSSES, "the number of a loss");
    const statewise_ranking given{sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], (float)regularization,
                                  reinterpret_cast<const uint8_t *>(of[0]), reinterpret_cast<const int64_t *>(of[1]),
                                  numbers(of[2]), numbers(of[3]), numbers(of[4]), numbers(of[5])};
    const statewise_ranking_gradients gradients{numbers(to[0]), numbers(to[1]), numbers(to[2]), numbers(to[3])};
    kernels->rank(&given, &gradients, on_threads, threads);
}

// how many, height, width, channels, maps; then pictures, weights, bias, found; the gradients, or nulls: found, pictures,
// weights, bias
void pictures(const std::array<int32_t, 5> &sizes, int64_t gap, const std::array<Address, 4> &of,
              const std::array<Address, 4> &to, int threads) {
    for (const int32_t size : sizes) check(size > 0, "the size of a picture");
    const statewise_pictures given{sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], numbers(of[0]), gap,
                                   numbers(of[1]), numbers(of[2]), numbers(of[3])};
    const statewise_pictures_gradients gradients{numbers(to[0]), numbers(to[1]), numbers(to[2]), numbers(to[3])};
    kernels->pictures(&given, to[0] ? &gradients : nullptr, on_threads, threads);
}

// rows and units; scales, products of x and h, bias, extra, memory before, memory, hidden, gates, normal, moments, candidates;
// the gradients, or nulls: hidden, memory, scales, parameters, products of x and h
void hyper(const std::array<int32_t, 2> &sizes, const std::array<Address, 12> &of, double rate, const std::array<Address, 6> &to,
           int threads) {
    check(sizes[0] > 0 && sizes[1] > 0 && sizes[1] % STATEWISE_PANEL == 0, "the size of a HyperLSTM");
    const statewise_hyper given{sizes[0], sizes[1], numbers(of[0]), numbers(of[1]), numbers(of[2]), numbers(of[3]),
                                numbers(of[4]), numbers(of[5]), numbers(of[6]), numbers(of[7]), numbers(of[8]),
                                numbers(of[9]), numbers(of[10]), reinterpret_cast<const uint8_t *>(of[11]), (float)rate};
    const statewise_hyper_gradients gradients{numbers(to[0]), numbers(to[1]), numbers(to[2]),
                                              numbers(to[4]), numbers(to[5]), numbers(to[3])};
    kernels->hyper(&given, to[0] ? &gradients : nullptr, on_threads, threads);
}

// the cell, inputs, units, numbers of a glimpse, hills, places; then weights of inputs and of hidden values, bias, peepholes or
// null, weights and bias of the query, values, and which of them are there
statewise_window window(const std::array<int32_t, 6> &sizes, const std::array<Address, 8> &of) {
    check(sizes[0] == STATEWISE_LSTM || (sizes[0] == STATEWISE_PEEPHOLE_LSTM && of[3]), "the cell of a window");
    for (int i = 1; i < 6; ++i) check(0 < sizes[i] && sizes[i] <= MOST_WIDTH, "the size of a window");
    const statewise_layer layer = {sizes[0], sizes[1] + sizes[3], sizes[2], sizes[2], numbers(of[0]), numbers(of[1]),
                                   numbers(of[2]), numbers(of[3]), 0, nullptr};
    return {layer, sizes[3], sizes[4], sizes[5], numbers(of[4]), numbers(of[5]), numbers(of[6]), reinterpret_cast<const uint8_t *>(of[7])};
}

statewise_window_record window_record(const std::array<Address, 7> &of, bool recorded) {
    return {recorded, numbers(of[0]), numbers(of[1]), numbers(of[2]), numbers(of[3]), numbers(of[4]), numbers(of[5]), numbers(of[6])};
}

// states: hidden, memory, glimpse and position, of the first state and of fresh ones; record: the same and gates, read, hills
void window_forward(const std::array<int32_t, 6> &sizes, const std::array<Address, 8> &weights, const Schedule &when, Address xs,
                    int64_t xs_stride, const std::array<Address, 8> &states, const std::array<Address, 7> &records, bool recorded,
                    Address ys, int threads) {
    const statewise_window of = window(sizes, weights);
    const statewise_window_record record = window_record(records, recorded);
    const auto state = [&](int i) -> statewise_window_state {
        return {numbers(states[i]), numbers(states[i + 1]), numbers(states[i + 2]), numbers(states[i + 3])};
    };
    kernels->window_forward(&of, &when.view, numbers(xs), xs_stride, state(0), state(4), &record, numbers(ys), on_threads, threads);
}

// to: inputs, the six weights, values, then the first state and fresh ones
void window_backward(const std::array<int32_t, 6> &sizes, const std::array<Address, 8> &weights, const Schedule &when,
                     const std::array<Address, 7> &records, Address outputs, int64_t outputs_stride,
                     const std::array<Address, 4> &last, const std::array<Address, 16> &to, int threads) {
    const statewise_window of = window(sizes, weights);
    const statewise_window_record record = window_record(records, true);
    const auto state = [&](int i) -> statewise_window_state_gradients {
        return {numbers(to[i]), numbers(to[i + 1]), numbers(to[i + 2]), numbers(to[i + 3])};
    };
    const statewise_window_gradients gradients = {
        numbers(outputs), outputs_stride, {numbers(last[0]), numbers(last[1]), numbers(last[2]), numbers(last[3])},
        numbers(to[0]), numbers(to[1]), numbers(to[2]), numbers(to[3]), numbers(to[4]), numbers(to[5]), numbers(to[6]),
        numbers(to[7]), state(8), state(12)};
    kernels->window_backward(&of, &when.view, &record, &gradients, on_threads, threads);
}

// numbers and values; then which and sums
int64_t merge_rows(int64_t count, int32_t width, int64_t limit, const std::array<Address, 4> &of, int threads) {
    check(0 <= count && count < INT32_MAX && width >= 0, "the number of rows");
    const int64_t found = statewise_merge_rows(count, width, limit, wholes(of[0]), numbers(of[1]),
                                               reinterpret_cast<int64_t *>(of[2]), numbers(of[3]), on_threads, threads);
    check(found >= 0, "the number of a row");
    return found;
}

// of each table: itself, the rows, how many the table has, and how wide they are
void copy_rows(int64_t count, Address which, const std::vector<std::tuple<Address, Address, int64_t, int32_t>> &tables,
               bool put, int threads) {
    check(count >= 0, "the number of rows");
    std::vector<statewise_rows> of;
    for (const auto &[table, rows, limit, width] : tables) {
        check(width >= 0, "the width of a row");
        of.push_back({numbers(table), numbers(rows), limit, width});
    }
    const int32_t found = statewise_copy_rows(count, wholes(which), of.data(), (int32_t)of.size(), put, on_threads, threads);
    check(found == 0, "the number of a row");
}

// An array as other libraries take it (the DLPack 0.8 standard), over memory that is brought back when they are done.
struct Array {
    struct {
        void *memory;
        struct { int32_t type, id; } device;
        int32_t dimensions;
        struct { uint8_t kind, bits; uint16_t lanes; } type;
        int64_t *shape, *strides;
        uint64_t offset;
    } tensor;
    void *unused;
    void (*done)(Array *);
    int64_t floats;
};

constexpr char OFFERED[] = "dltensor";  // its name until somebody takes it

PyObject *lend(int64_t floats) {
    constexpr int32_t CPU = 1;
    constexpr uint8_t FLOAT = 2;
    const auto done = [](Array *of) {
        statewise_take_back(of->tensor.memory, of->floats * sizeof(float));
        delete of;
    };
    Array *of = new Array{{statewise_lend(floats * sizeof(float)), {CPU, 0}, 1, {FLOAT, 32, 1}, nullptr, nullptr, 0},
                          nullptr, done, floats};
    of->tensor.shape = &of->floats;
    return PyCapsule_New(of, OFFERED, [](PyObject *capsule) {
        if (!PyCapsule_IsValid(capsule, OFFERED)) return;
        Array *of = static_cast<Array *>(PyCapsule_GetPointer(capsule, OFFERED));
        of->done(of);
    });
}

}  // namespace
}  // namespace binding

NB_MODULE(_native, m) {
    using namespace binding;
    const auto unlocked = nb::call_guard<nb::gil_scoped_release>();
    nb::set_leak_warnings(false);  // what a traceback still holds when the interpreter ends is no leak of ours
    m.attr("INTERFACE") = 2;  // as `kernels/extension.py` says: another one whenever a call is another
    m.attr("ABILITIES") = nb::make_tuple("candidate_dropout", "drawing", "hyper_lstm", "normalized_program", "pictures", "windowed_lstm", "writer");
    m.attr("PANEL") = (int)STATEWISE_PANEL;
    m.def("instructions", [] { return kernels->name; });
    m.def("use", use);
    m.def("shares_threads", [] { return team().whole(); });
    nb::class_<Schedule>(m, "Schedule")
        .def(nb::init<int32_t, int32_t, Address, Address>())
        .def_prop_ro("pairs", [](const Schedule &of) { return of.view.pairs; });
    m.def("form", [](int32_t cell) {
        check(0 <= cell && cell < STATEWISE_CELLS, "the number of a cell");
        const statewise_form of = statewise_form_of(cell);
        return std::array<int32_t, 5>{of.gates, of.memories, of.inner, of.moments, of.extra};
    });
    m.def("forward", forward, unlocked);
    m.def("backward", backward, unlocked);
    m.def("draw_changes", draw_changes, unlocked);
    m.def("scan", scan, unlocked);
    m.def("rank", rank, unlocked);
    m.def("pictures", pictures, unlocked);
    m.def("hyper", hyper, unlocked);
    m.def("window_forward", window_forward, unlocked);
    m.def("window_backward", window_backward, unlocked);
    m.def("merge_rows", merge_rows, unlocked);
    m.def("copy_rows", copy_rows, unlocked);
    m.def("spread", [](const Schedule &when, int32_t units, Address hidden, Address ys) {
        check(units > 0, "the width of a state");
        statewise_spread(&when.view, units, numbers(hidden), numbers(ys));
    }, unlocked);
    m.def("last", [](const Schedule &when, int32_t units, Address states, bool numbered, Address to) {
        check(units > 0, "the width of a state");
        statewise_gather(when.view.rows, units, numbers(states), numbered ? when.view.last : nullptr, numbers(to));
    }, unlocked);
    m.def("sigmoid", [](Address x, Address y, int64_t n) { kernels->sigmoid(numbers(x), numbers(y), n); }, unlocked);
    m.def("tanh", [](Address x, Address y, int64_t n) { kernels->tanh(numbers(x), numbers(y), n); }, unlocked);
    m.def("product", [](Address a, Address b, Address c, int32_t rows, int32_t columns, int32_t terms, int threads) {
        check(rows >= 0 && columns >= 0 && terms >= 0 && threads > 0, "the size of a product");
        kernels->product(numbers(a), numbers(b), numbers(c), rows, columns, terms, on_threads, threads);
    }, unlocked);
    m.def("multiply_adds", [](int64_t times) { return kernels->multiply_adds(times); }, unlocked);
    bind_programs(m);
    bind_writers(m);
    m.def("uniform", statewise_uniform);
    m.def("lend", [](int64_t floats) {
        check(0 <= floats && floats <= INT64_MAX / 16, "the number of floats");
        return nb::steal(lend(floats));
    });
    m.def("memory_held", statewise_memory_held);
    m.def("memory_release", statewise_memory_release);
}
