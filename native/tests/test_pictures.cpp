// Pictures by themselves: many sizes on every instruction set, held to plain loops, to themselves on other numbers of
// threads, and run under the sanitizers with no byte to spare around any array.
#include "statewise/pictures.h"

#include <algorithm>
#include <cmath>

#include "numbers.h"

namespace {

struct Case {
    int count, height, width, channels, maps, spare;
    int rows = (height + 1) / 2, columns = (width + 1) / 2;
    size_t one = (size_t)height * width * channels, gap = one + spare, places = (size_t)count * rows * columns;
    Numbers pictures = random_numbers(gap * (count - 1) + one, 1), weights = random_numbers((size_t)maps * 9 * channels, 0.3f),
            bias = random_numbers(maps, 0.3f), owed = random_numbers(places * maps, 1);
    std::string name() const {
        std::string told;
        for (int size : {count, height, width, channels, maps, spare}) told += std::to_string(size) + " ";
        return told;
    }
    float pixel(int n, int y, int x, int c) const {
        const bool inside = 0 <= y && y < height && 0 <= x && x < width;
        return inside ? pictures[n * gap + ((size_t)y * width + x) * channels + c] : 0.0f;
    }
};

struct Result {
    Numbers found, pictures, weights, bias;
    explicit Result(const Case &of)
        : found(of.places * of.maps), pictures(of.one * of.count), weights(of.weights.size), bias(of.maps) {}
    bool equal(const Result &o) const {
        return found.equal(o.found) && pictures.equal(o.pictures) && weights.equal(o.weights) && bias.equal(o.bias);
    }
};

Result run(const Case &of, const statewise_kernels &kernels, int threads) {
    Result to(of);
    const statewise_pictures given{of.count, of.height, of.width, of.channels, of.maps, of.pictures.get(),
                                   (int64_t)of.gap, of.weights.get(), of.bias.get(), to.found.get()};
    kernels.pictures(&given, nullptr, on_threads, threads);
    const statewise_pictures_gradients gradients{of.owed.get(), to.pictures.get(), to.weights.get(), to.bias.get()};
    kernels.pictures(&given, &gradients, on_threads, threads);
    return to;
}

// Plain loops over everything; what is negative is where the kernel left it out, so that a tie cannot differ.
Result plain(const Case &of, const Result &kernel) {
    Result to(of);
    for (Numbers *numbers : {&to.pictures, &to.weights, &to.bias}) std::fill_n(numbers->get(), numbers->size, 0.0f);
    for (size_t p = 0, at = 0; p < of.places; ++p)
        for (int m = 0; m < of.maps; ++m, ++at) {
            const int n = (int)(p / (of.rows * of.columns)), y = (int)(p / of.columns % of.rows), x = (int)(p % of.columns);
            const float owed = kernel.found[at] > 0 ? of.owed[at] : 0.0f;
            double sum = of.bias[m];
            to.bias.at[m] += owed;
            for (int k = 0; k < 3; ++k)
                for (int l = 0; l < 3; ++l)
                    for (int c = 0; c < of.channels; ++c) {
                        const int row = 2 * y + k - 1, column = 2 * x + l - 1;
                        const size_t weight = ((size_t)(m * 3 + k) * 3 + l) * of.channels + c;
                        const float value = of.pixel(n, row, column, c);
                        sum += (double)value * of.weights[weight];
                        to.weights.at[weight] += owed * value;
                        if (0 <= row && row < of.height && 0 <= column && column < of.width)
                            to.pictures.at[n * of.one + ((size_t)row * of.width + column) * of.channels + c] +=
                                owed * of.weights[weight];
                    }
            to.found.at[at] = (float)std::max(sum, 0.0);
        }
    return to;
}

void hold(const Numbers &found, const Numbers &wanted, const std::string &what) {
    float most = 1.0f, away = 0.0f;
    for (size_t i = 0; i < wanted.size; ++i) most = std::max(most, std::fabs(wanted[i]));
    for (size_t i = 0; i < wanted.size; ++i) away = std::max(away, std::fabs(found[i] - wanted[i]));
    check(away < 2e-5f * most, what + " is off by " + std::to_string(away) + " of " + std::to_string(most));
}

}  // namespace

int main() {
    const Case cases[] = {{1, 1, 1, 1, 1, 0},   {3, 4, 5, 2, 3, 1},    {2, 7, 6, 3, 16, 0},  {70, 9, 5, 6, 8, 1},
                          {2, 32, 43, 6, 16, 1}, {5, 16, 22, 16, 32, 0}, {3, 8, 11, 32, 40, 0}, {2, 3, 27, 5, 17, 9}};
    for (const char *name : {"baseline", "avx2", "avx512"}) {
        const statewise_kernels *kernels = statewise_named(name);
        if (!kernels) continue;
        for (const Case &of : cases) {
            const Result found = run(of, *kernels, 1), wanted = plain(of, found);
            const std::string where = std::string(name) + ", " + of.name();
            hold(found.found, wanted.found, where + "found");
            hold(found.pictures, wanted.pictures, where + "pictures");
            hold(found.weights, wanted.weights, where + "weights");
            hold(found.bias, wanted.bias, where + "bias");
            check(found.equal(run(of, *kernels, 3)), where + "threads change bits");
        }
    }
    if (!failures) std::puts("pictures hold");
    return failures != 0;
}
