// Programs, and what watches over the weights that they were packed from.
#include <nanobind/stl/array.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "statewise/program.h"
#include "watch.h"

namespace binding {
namespace {

// A program, and the calls on it. Each begins with a look at the model that it was packed from, unless `parts` is 0, and
// returns what `Watch` found, or what `statewise_step` and the others say.
class Program {
   public:
    typedef std::vector<Address> States;

    // sizes: storage, choices, inputs, features, outputs; encoder: embedding, weights, bias; head: weights, bias;
    // parts: the value that is added or -1, then the sizes and weights of a layer; starts: where in memory of one
    // sequence each of its states lies
    Program(nb::object watch, const std::array<int32_t, 5> &sizes, const std::array<Address, 3> &encoder,
            const std::array<Address, 2> &head, const std::vector<std::tuple<int32_t, Sizes, Addresses>> &parts,
            std::vector<int64_t> starts)
        : watch_object_(std::move(watch)), watch_(nb::cast<const Watch *>(watch_object_)), sizes_(sizes),
          starts_(std::move(starts)) {
        check(0 <= sizes[0] && sizes[0] < STATEWISE_STORAGES && sizes[1] >= 0, "the storage of a program");
        check(sizes[2] > 0 && sizes[3] > 0 && sizes[4] > 0, "the width of a program");
        check(sizes[1] ? encoder[0] != 0 : encoder[1] != 0 || sizes[2] == sizes[3], "what a program reads");
        std::vector<statewise_part> all;
        std::vector<int32_t> widths{sizes[3]};
        size_t states = 0;
        for (const auto &[added, of, weights] : parts) {
            check(added >= -1 && added < (int32_t)widths.size(), "the number of a value");
            check(added < 0 ? of[1] == widths.back() : widths[added] == widths.back(), "the width of a part");
            all.push_back({added, added < 0 ? layer(of, weights) : statewise_layer{}});
            widths.push_back(added < 0 ? of[2] : widths.back());
            if (added >= 0) continue;
            check(of[0] <= STATEWISE_GRU || (of[0] == STATEWISE_LAYER_NORM_LSTM && weights[3]), "the cell of a part");
            check(of[2] == of[3] && weights[0] && weights[1] && weights[2], "the cell of a part");
            states += 1 + (size_t)statewise_form_of(of[0]).memories;
        }
        check(states == starts_.size(), "the number of states");
        check(head[0] ? head[1] != 0 : sizes[4] == widths.back(), "the width of the outputs");
        const statewise_model model = {sizes[0], sizes[1], sizes[2], sizes[3],
                                       numbers(encoder[0]), numbers(encoder[1]), numbers(encoder[2]),
                                       (int32_t)all.size(), all.data(), sizes[4], numbers(head[0]), numbers(head[1])};
        program_ = statewise_pack(kernels, &model);
    }
    Program(const Program &) = delete;
    ~Program() { statewise_drop(program_); }

    size_t bytes() const { return statewise_bytes(program_); }

    int64_t step(int64_t parts, int32_t rows, Address inputs, const States &before, const States &after, Address outputs,
                 int threads) const {
        check(rows >= 0 && before.size() == starts_.size() && after.size() == starts_.size(), "the states of a step");
        return on_model(parts, [&] {
            return statewise_step(program_, rows, input(inputs), from(before), to(after), numbers(outputs), on_threads,
                                  std::max(1, threads));
        });
    }

    // One number, for the shortest way there is.
    int64_t push(int64_t parts, int64_t number, Address before, Address after, Address outputs) const {
        check(sizes_[1] > 0, "a number where vectors are read");
        const Places old = places(before), fresh = places(after);
        return on_model(parts, [&] {
            return statewise_step(program_, 1, {&number, nullptr}, from(old), to(fresh), numbers(outputs), on_threads, 1);
        });
    }

    int64_t read(int64_t parts, int64_t steps, Address inputs, Address targets, Address before, Address after,
                 Address outputs, Address nats) const {
        check(steps > 0, "the number of steps");
        for (int64_t t = 0; targets && t < steps; ++t)
            check(0 <= wholes(targets)[t] && wholes(targets)[t] < sizes_[4], "a target");
        const Places old = places(before), fresh = places(after);
        return on_model(parts, [&] {
            return statewise_read(program_, steps, input(inputs), wholes(targets), from(old), to(fresh), numbers(outputs),
                                  numbers(nats));
        });
    }

    int64_t sample(int64_t parts, int64_t steps, Address odds, double temperature, int32_t top_k, double top_p,
                   const std::vector<int32_t> &never, uint64_t seed, uint64_t first, Address choices, Address before,
                   Address after, Address outputs) const {
        check(steps >= 0 && temperature >= 0 && top_k >= 0 && top_p > 0, "what may be chosen");
        check(0 < sizes_[4] && sizes_[4] <= sizes_[1], "what is chosen");
        for (int32_t one : never) check(0 <= one && one < sizes_[4], "what is never chosen");
        const Places old = places(before), fresh = places(after);
        return on_model(parts, [&] {
            const statewise_rule rule = {temperature, top_k, top_p, never.data(), (int32_t)never.size()};
            return statewise_sample(program_, steps, numbers(odds), &rule, seed, first, reinterpret_cast<int64_t *>(choices),
                                    from(old), to(fresh), numbers(outputs));
        });
    }

    // pen: components, states, whether softened; bounds: log-deviation, correlation, temperature, bias; given: parameters,
    // context, seeds; to: steps, lengths, nats, ended
    int64_t draw(int32_t rows, int64_t most, const std::array<int32_t, 3> &pen, const std::array<double, 4> &how,
                 const std::array<Address, 3> &given, const States &before, const std::array<Address, 4> &to_drawing,
                 int threads) const {
        check(rows >= 0 && most >= 0 && before.size() == starts_.size(), "the rows of a drawing");
        check(pen[0] > 0 && (pen[1] == 1 || pen[1] == 3) && 6 * (int64_t)pen[0] + pen[1] == sizes_[4], "what a pen is drawn from");
        check(!sizes_[1] && sizes_[2] >= 2 + pen[1] && how[2] >= 0 && how[3] >= 0, "what a pen's movement is read by");
        const statewise_pen of = {pen[0], pen[1], (float)how[0], (float)how[1], how[2], how[3], pen[2]};
        const statewise_drawing drawing = {numbers(to_drawing[0]), reinterpret_cast<int64_t *>(to_drawing[1]),
                                           reinterpret_cast<double *>(to_drawing[2]), reinterpret_cast<uint8_t *>(to_drawing[3])};
        nb::gil_scoped_release unlocked;
        return statewise_draw(program_, &of, rows, most, numbers(given[0]), numbers(given[1]),
                              reinterpret_cast<const uint64_t *>(given[2]), from(before), drawing, on_threads,
                              std::max(1, threads));
    }

    static int traverse(PyObject *self, visitproc visit, void *arg) {
        Py_VISIT(Py_TYPE(self));
        if (nb::inst_ready(self)) Py_VISIT(nb::inst_ptr<Program>(self)->watch_object_.ptr());
        return 0;
    }
    static int clear(PyObject *) { return 0; }  // the watch lets go of what it holds

   private:
    // The states of one sequence, in one piece of memory; few enough not to be allocated.
    struct Places {
        static constexpr size_t FEW = 16;
        std::array<Address, FEW> few;
        States many;
        const Address *data() const { return many.empty() ? few.data() : many.data(); }
    };

    Places places(Address base) const {
        Places found;
        if (starts_.size() > Places::FEW) found.many.resize(starts_.size());
        Address *to = found.many.empty() ? found.few.data() : found.many.data();
        for (size_t i = 0; i < starts_.size(); ++i) to[i] = base + (Address)starts_[i];
        return found;
    }

    template <class Call>
    int64_t on_model(int64_t parts, Call call) const {
        int32_t to_read = 0;
        if (parts) {
            if (const int64_t found = watch_->look()) return found;
            to_read = watch_->parts(parts);
        }
        nb::gil_scoped_release unlocked;
        return to_read && !watch_->is_read_same(to_read) ? (int64_t)Watch::CHANGED : call();
    }

    statewise_input input(Address inputs) const {
        return sizes_[1] ? statewise_input{wholes(inputs), nullptr} : statewise_input{nullptr, numbers(inputs)};
    }
    template <class Of>
    static const float *const *from(const Of &states) {
        return reinterpret_cast<const float *const *>(states.data());
    }
    template <class Of>
    static float *const *to(const Of &states) {
        return reinterpret_cast<float *const *>(states.data());
    }

    nb::object watch_object_;
    const Watch *watch_;
    std::array<int32_t, 5> sizes_;
    std::vector<int64_t> starts_;
    statewise_program *program_;
};

PyType_Slot watch_slots[] = {{Py_tp_traverse, (void *)Watch::traverse}, {Py_tp_clear, (void *)Watch::clear}, {0, nullptr}};
PyType_Slot program_slots[] = {{Py_tp_traverse, (void *)Program::traverse}, {Py_tp_clear, (void *)Program::clear}, {0, nullptr}};

}  // namespace

void bind_programs(nb::module_ &m) {
    m.attr("CHANGED") = (int64_t)Watch::CHANGED;
    m.attr("NOT_NOW") = (int64_t)Watch::NOT_NOW;
    m.def("note_step", [](nb::args, nb::kwargs) { Watch::note_step(); });
    nb::class_<Watch>(m, "Watch", nb::type_slots(watch_slots))
        .def(nb::init<nb::object, Py_ssize_t, const nb::list &, const nb::list &, const nb::list &, const nb::list &, nb::object, nb::object>())
        .def("look", [](const Watch &watch, int64_t parts) -> int64_t {
            if (const int64_t found = watch.look()) return found;
            const int32_t to_read = watch.parts(parts);
            nb::gil_scoped_release unlocked;
            return watch.is_read_same(to_read) ? 0 : (int64_t)Watch::CHANGED;
        });
    nb::class_<Program>(m, "Program", nb::type_slots(program_slots))
        .def(nb::init<nb::object, const std::array<int32_t, 5> &, const std::array<Address, 3> &,
                      const std::array<Address, 2> &, const std::vector<std::tuple<int32_t, Sizes, Addresses>> &,
                      std::vector<int64_t>>())
        .def_prop_ro("bytes", &Program::bytes)
        .def("step", &Program::step)
        .def("push", &Program::push)
        .def("read", &Program::read)
        .def("sample", &Program::sample)
        .def("draw", &Program::draw);
}

}  // namespace binding
