// Networks that write.
#include <nanobind/stl/array.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "binding.h"
#include "statewise/writer.h"

namespace binding {
namespace {

constexpr int32_t STEP = 5;

class Writer {
   public:
    // sizes: storage, cell, numbers of a glimpse, hills, outputs; query and head: weights, bias; then units and weights of each LSTM, of which the
    // first one reads a step and a glimpse, and each other the step, the first one's output, the glimpse, and the one before it
    Writer(const std::array<int32_t, 5> &sizes, const std::array<Address, 2> &query, const std::array<Address, 2> &head,
           const std::vector<std::tuple<int32_t, Addresses>> &layers)
        : sizes_(sizes) {
        check(0 <= sizes[0] && sizes[0] < STATEWISE_STORAGES, "the storage of a program");
        check(sizes[1] == STATEWISE_LSTM || sizes[1] == STATEWISE_PEEPHOLE_LSTM, "the cell of a window");
        for (int i = 2; i < 5; ++i) check(0 < sizes[i] && sizes[i] <= MOST_WIDTH, "the size of a window");
        check(!layers.empty() && query[0] && query[1] && head[0] && head[1], "the parts of a network that writes");
        std::vector<statewise_layer> all;
        for (const auto &[units, weights] : layers) {
            check(0 < units && units <= MOST_WIDTH && weights[0] && weights[1] && weights[2], "the width of a layer");
            check(sizes[1] == STATEWISE_LSTM || weights[3], "the peepholes of a layer");
            int32_t features = STEP + sizes[2];
            if (!all.empty()) features += all[0].units;
            if (all.size() > 1) features += all.back().units;
            all.push_back(layer({sizes[1], features, units, units}, weights));
            states_.push_back(units);
        }
        const statewise_writer_model model = {sizes[0], all[0], sizes[2], sizes[3], numbers(query[0]), numbers(query[1]),
                                              (int32_t)all.size() - 1, all.data() + 1, sizes[4], numbers(head[0]), numbers(head[1])};
        writer_ = statewise_pack_writer(kernels, &model);
    }
    Writer(const Writer &) = delete;
    ~Writer() { statewise_drop_writer(writer_); }

    // rows and places; most points, patience, strokes; components, whether softened; bounds: log-deviation, correlation, temperature,
    // bias; given: steps, values, letters, limits, seeds; to: points, nats, heights, lengths, costs, ended
    int64_t write(const std::array<int32_t, 2> &count, const std::array<int64_t, 3> &limits, const std::array<int32_t, 2> &pen,
                  const std::array<double, 4> &how, const std::array<Address, 5> &given, const std::vector<Address> &before,
                  const std::array<Address, 6> &to, int threads) const {
        check(count[0] >= 0 && 0 < count[1] && (int64_t)count[0] * count[1] < INT32_MAX, "the size of the texts");
        check(count[1] <= MOST_WIDTH && 0 <= limits[0] && limits[0] < INT32_MAX && limits[1] >= 0 && limits[2] > 0, "the size of a text");
        check(before.size() == 2 + 2 * states_.size(), "the states of a network that writes");
        check(pen[0] > 0 && 6 * (int64_t)pen[0] + 3 == sizes_[4] && how[2] >= 0 && how[3] >= 0, "what a pen is drawn from");
        for (int32_t row = 0; row < count[0]; ++row) {
            check(0 < wholes(given[2])[row] && wholes(given[2])[row] <= count[1], "the letters of a text");
            check(0 <= wholes(given[3])[row] && wholes(given[3])[row] <= limits[0], "the limit of a text");
        }
        const statewise_pen of = {pen[0], 3, (float)how[0], (float)how[1], how[2], how[3], pen[1]};
        const statewise_texts texts = {count[0], count[1], numbers(given[0]), numbers(given[1]), wholes(given[2]), wholes(given[3]),
                                       limits[0], limits[1], limits[2], reinterpret_cast<const uint64_t *>(given[4])};
        const auto whole = [&](int i) { return reinterpret_cast<int64_t *>(to[i]); };
        const statewise_written written = {numbers(to[0]), reinterpret_cast<double *>(to[1]), numbers(to[2]), whole(3), whole(4),
                                           reinterpret_cast<uint8_t *>(to[5])};
        nb::gil_scoped_release unlocked;
        return statewise_write(writer_, &of, &texts, reinterpret_cast<const float *const *>(before.data()), written, on_threads,
                               std::max(1, threads));
    }

   private:
    std::array<int32_t, 5> sizes_;
    std::vector<int32_t> states_;
    statewise_writer *writer_;
};

}  // namespace

void bind_writers(nb::module_ &m) {
    nb::class_<Writer>(m, "Writer")
        .def(nb::init<const std::array<int32_t, 5> &, const std::array<Address, 2> &, const std::array<Address, 2> &,
                      const std::vector<std::tuple<int32_t, Addresses>> &>())
        .def("write", &Writer::write);
}

}  // namespace binding
