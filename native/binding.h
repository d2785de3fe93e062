// What the binding's sources share: addresses as memory, sizes that are refused before anything is done with them.
#pragma once
#include <nanobind/nanobind.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "statewise/kernels.h"

namespace nb = nanobind;
using Address = uintptr_t;

namespace binding {

typedef std::array<int32_t, 4> Sizes;      // cell, features, units, memory units
typedef std::array<Address, 4> Addresses;  // weights in their order, or a record, or two states

typedef std::pair<double, Address> Drawn;  // the rate, and the changes that were drawn

constexpr int32_t MOST_WIDTH = 1 << 26;  // so that what lies in a row can be numbered by 32 bits

inline float *numbers(Address address) { return reinterpret_cast<float *>(address); }
inline const int64_t *wholes(Address address) { return reinterpret_cast<const int64_t *>(address); }

// Python has checked everything already: this message is read only where those checks were bypassed.
inline void check(bool holds, const char *what) {
    if (!holds) throw std::invalid_argument(std::string(what) + " is out of bounds");
}

inline statewise_layer layer(const Sizes &sizes, const Addresses &weights, const Drawn &drawn = {}) {
    check(0 <= sizes[0] && sizes[0] < STATEWISE_CELLS, "the number of a cell");
    check(sizes[1] > 0 && sizes[2] > 0 && sizes[3] > 0, "the width of a layer");
    return {sizes[0], sizes[1], sizes[2], sizes[3], numbers(weights[0]), numbers(weights[1]), numbers(weights[2]),
            numbers(weights[3]), (float)drawn.first, reinterpret_cast<const uint8_t *>(drawn.second)};
}

// The kernels in use, and the threads that they run on.
extern const statewise_kernels *kernels;
void on_threads(statewise_work, void *given, int threads);

void bind_programs(nb::module_ &);
void bind_writers(nb::module_ &);

}  // namespace binding
