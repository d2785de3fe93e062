// Rows of large tables. What is done with them is so little that only memory counts.
#include "statewise/rows.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace {

constexpr int64_t WORTH_A_THREAD = 1 << 16;  // numbers that take longer to move than it takes to wake one
constexpr int AHEAD = 8;                     // rows that are fetched before their turn

int worth(int64_t numbers, int threads) {
    return (int)std::max<int64_t>(1, std::min<int64_t>(threads, numbers / WORTH_A_THREAD));
}

void fetch(const float *row, int32_t width) {
    constexpr int32_t LINE = 16;
    for (int32_t d = 0; d < width; d += LINE) __builtin_prefetch(row + d);
}

bool are_below(const int64_t *numbers, int64_t count, int64_t limit) {
    return std::all_of(numbers, numbers + count, [=](int64_t number) { return 0 <= number && number < limit; });
}

// The order in which numbers rise, equal ones as they were given: by 11 bits at a time, the last ones first.
std::vector<int32_t> rising(const int64_t *numbers, int64_t count, int64_t limit) {
    constexpr int BITS = 11;
    std::vector<int32_t> order(count), next(count);
    for (int64_t i = 0; i < count; ++i) order[i] = (int32_t)i;
    for (int shift = 0; limit > 1 && (limit - 1) >> shift; shift += BITS) {
        int32_t begins[(1 << BITS) + 1] = {};
        const auto digit = [&](int64_t number) { return (number >> shift) & ((1 << BITS) - 1); };
        for (int64_t i = 0; i < count; ++i) ++begins[digit(numbers[i]) + 1];
        for (int d = 0; d < 1 << BITS; ++d) begins[d + 1] += begins[d];
        for (int64_t i = 0; i < count; ++i) next[begins[digit(numbers[order[i]])]++] = order[i];
        order.swap(next);
    }
    return order;
}

struct Merge {
    const float *values;
    float *sums;
    int32_t width;
    std::vector<int32_t> order, begins;  // where those of each different number begin in the order, and the end

    static void work(void *given, int index, int count) {
        const Merge &of = *static_cast<const Merge *>(given);
        const int64_t different = (int64_t)of.begins.size() - 1, width = of.width;
        for (int64_t r = different * index / count; r < different * (index + 1) / count; ++r) {
            float *sum = of.sums + r * width;
            std::memcpy(sum, of.values + of.order[of.begins[r]] * width, width * sizeof(float));
            for (int32_t i = of.begins[r] + 1; i < of.begins[r + 1]; ++i) {
                const float *value = of.values + of.order[i] * width;
                for (int64_t d = 0; d < width; ++d) sum[d] += value[d];
            }
        }
    }
};

struct Copies {
    int64_t rows;
    const int64_t *which;
    const statewise_rows *of;
    int32_t tables;
    bool put;

    static void work(void *given, int index, int count) {
        const Copies &all = *static_cast<const Copies *>(given);
        const int64_t from = all.rows * index / count, to = all.rows * (index + 1) / count;
        for (int32_t t = 0; t < all.tables; ++t) {
            const statewise_rows &of = all.of[t];
            const int64_t width = of.width;
            for (int64_t r = from; r < to; ++r) {
                if (r + AHEAD < to) fetch(of.table + all.which[r + AHEAD] * width, of.width);
                float *in_table = of.table + all.which[r] * width, *row = of.rows + r * width;
                std::memcpy(all.put ? in_table : row, all.put ? row : in_table, width * sizeof(float));
            }
        }
    }
};

}  // namespace

extern "C" {

int64_t statewise_merge_rows(int64_t count, int32_t width, int64_t limit, const int64_t *numbers, const float *values,
                             int64_t *which, float *sums, statewise_parallel parallel, int threads) {
    if (!are_below(numbers, count, limit)) return -1;
    Merge merge{values, sums, width, rising(numbers, count, limit), {}};
    int64_t different = 0;
    for (int64_t i = 0; i < count; ++i) {
        const int64_t number = numbers[merge.order[i]];
        if (different && which[different - 1] == number) continue;
        which[different++] = number;
        merge.begins.push_back((int32_t)i);
    }
    merge.begins.push_back((int32_t)count);
    parallel(Merge::work, &merge, worth(count * width, threads));
    return different;
}

int32_t statewise_copy_rows(int64_t count, const int64_t *which, const statewise_rows *of, int32_t tables, int32_t put,
                         statewise_parallel parallel, int threads) {
    for (int32_t t = 0; t < tables; ++t)
        if (!are_below(which, count, of[t].limit)) return -1;
    Copies copies{count, which, of, tables, put != 0};
    int64_t numbers = 0;
    for (int32_t t = 0; t < tables; ++t) numbers += count * of[t].width;
    parallel(Copies::work, &copies, worth(numbers, threads));
    return 0;
}
}
