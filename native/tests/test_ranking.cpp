// Rankings and rows by themselves: every loss at many sizes on every instruction set, held to the slope of the loss, to
// itself on other numbers of threads, and run under the sanitizers with no byte to spare around any array.
#include "statewise/ranking.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "numbers.h"
#include "statewise/rows.h"

namespace {

struct Case {
    int loss, steps, rows, width, drawn;
    bool in_batch, sleeps;
    size_t places = (size_t)steps * rows, count = places + drawn;
    Numbers queries = random_numbers(places * width, 1.0f / std::sqrt((float)width)), vectors = random_numbers(count * width, 1),
            biases = random_numbers(count, 0.5f), lowered = random_numbers(count, 0.5f);
    std::vector<int64_t> items = std::vector<int64_t>(count);
    std::vector<uint8_t> mask = std::vector<uint8_t>(places);
    Case(int loss, int steps, int rows, int width, int drawn, bool in_batch, bool sleeps)
        : loss(loss), steps(steps), rows(rows), width(width), drawn(drawn), in_batch(in_batch), sleeps(sleeps) {
        for (int64_t &item : items) item = source() % 30;
        for (uint8_t &place : mask) place = source() % 4 != 0;
    }
    std::string name() const {
        return "loss " + std::to_string(loss) + ", steps " + std::to_string(steps) + ", rows " + std::to_string(rows) +
               ", width " + std::to_string(width) + ", drawn " + std::to_string(drawn);
    }
};

struct Result {
    Numbers nats, queries, vectors, biases;
    bool equal(const Result &o) const {
        return nats.equal(o.nats) && queries.equal(o.queries) && vectors.equal(o.vectors) && biases.equal(o.biases);
    }
    double sum() const {
        double all = 0;
        for (size_t i = 0; i < nats.size; ++i) all += nats[i];
        return all;
    }
};

Result run(const Case &of, const statewise_kernels &kernels, const Numbers &queries, int threads) {
    Result found{Numbers(of.places), Numbers(of.places * of.width), Numbers(of.count * of.width), Numbers(of.count)};
    const statewise_ranking given{of.steps, of.rows, of.width, of.drawn, of.loss, of.in_batch, 0.5f,
                                  of.sleeps ? of.mask.data() : nullptr, of.items.data(), queries.get(), of.vectors.get(),
                                  of.biases.get(), of.lowered.get()};
    const statewise_ranking_gradients to{found.nats.get(), found.queries.get(), found.vectors.get(), found.biases.get()};
    kernels.rank(&given, &to, on_threads, threads);
    return found;
}

// A small step along the gradient of the queries changes the loss as that says.
void hold_to_slope(const Case &of, const statewise_kernels &kernels, const Result &found) {
    double square = 0;
    for (size_t i = 0; i < found.queries.size; ++i) square += (double)found.queries[i] * found.queries[i];
    if (square == 0) return;
    const double step = 0.02 / std::sqrt(square);
    Numbers up(of.queries.size), down(of.queries.size);
    for (size_t i = 0; i < up.size; ++i) {
        up.at[i] = of.queries[i] + (float)(step * found.queries[i]);
        down.at[i] = of.queries[i] - (float)(step * found.queries[i]);
    }
    const double slope = (run(of, kernels, up, 1).sum() - run(of, kernels, down, 1).sum()) / (2 * step);
    check(std::fabs(slope - square) < 0.02 * square + 1e-3 * found.sum(), of.name() + ": the slope is " +
          std::to_string(slope) + ", the gradient says " + std::to_string(square));
}

void rows() {
    const int width = 7, count = 500, limit = 5000;
    std::vector<int64_t> numbers(count), which(count);
    for (int64_t &number : numbers) number = source() % 3 ? source() % 40 : source() % limit;
    const Numbers values = random_numbers((size_t)count * width, 1);
    Numbers sums((size_t)count * width), table((size_t)limit * width);
    const int64_t different = statewise_merge_rows(count, width, limit, numbers.data(), values.get(), which.data(),
                                                   sums.get(), on_threads, 3);
    check(std::is_sorted(which.begin(), which.begin() + different), "rows: numbers do not rise");
    std::fill_n(table.get(), table.size, 0.0f);
    for (int i = 0; i < count; ++i)
        for (int d = 0; d < width; ++d) table.at[numbers[i] * width + d] += values[(size_t)i * width + d];
    Numbers taken((size_t)different * width);
    const statewise_rows of{table.get(), taken.get(), limit, width};
    statewise_copy_rows(different, which.data(), &of, 1, 0, on_threads, 3);
    check(!std::memcmp(taken.get(), sums.get(), taken.size * sizeof(float)), "rows: sums are others");
    std::fill_n(taken.get(), taken.size, 0.0f);
    statewise_copy_rows(different, which.data(), &of, 1, 1, on_threads, 3);
    check(std::all_of(table.get(), table.get() + table.size, [](float x) { return x == 0; }), "rows: not all were put");
    const int64_t none = limit, below = -1;
    for (const int64_t *wrong : {&none, &below}) {
        check(statewise_copy_rows(1, wrong, &of, 1, 1, on_threads, 1) == -1, "rows: one that a table lacks was put");
        check(statewise_merge_rows(1, width, limit, wrong, values.get(), which.data(), sums.get(), on_threads, 1) == -1,
              "rows: one that a table lacks was merged");
    }
}

}  // namespace

int main() {
    const int sizes[][4] = {{1, 1, 1, 1}, {7, 3, 5, 11}, {2, 50, 33, 130}, {3, 70, 16, 64}, {1, 300, 17, 9}};
    int cases = 0;
    for (int loss = 0; loss < STATEWISE_RANKING_LOSSES; ++loss)
        for (const auto &size : sizes)
            for (const bool in_batch : {false, true}) {
                const Case of(loss, size[0], size[1], size[2], size[3], in_batch, ++cases % 3 == 0);
                for (const char *name : {"baseline", "avx2", "avx512"})
                    if (const statewise_kernels *kernels = statewise_named(name)) {
                        const Result one = run(of, *kernels, of.queries, 1);
                        check(one.equal(run(of, *kernels, of.queries, 3)), of.name() + ": three threads give other bits");
                        hold_to_slope(of, *kernels, one);
                    }
            }
    rows();
    statewise_memory_release();
    std::printf("%d cases, %d failures\n", cases, failures);
    return failures != 0;
}
