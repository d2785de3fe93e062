// The linear recurrence h' = a h + b of numbers that listen to themselves alone, real or complex, and its gradient. A
// step passes over all numbers before the next one begins, so memory is read as it lies; threads share out the numbers
// and need not wait for each other.
#pragma once
#include <algorithm>

#include "team.h"

namespace statewise {
namespace STATEWISE_TARGET {

// a * b + c, rounded once where the processor can. Left to itself the compiler does so in its vectors of complex numbers
// and not after their end, and where that is depends on the number of threads.
static inline float fused(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

struct Real {
    static constexpr int FLOATS = 1;
    static void step(const float *__restrict a, const float *__restrict before, const float *__restrict b,
                     float *__restrict h, int64_t n) {
        for (int64_t i = 0; i < n; ++i) h[i] = fused(a[i], before[i], b[i]);
    }
    // g: in, of the state after; out, of the state before
    static void back(const float *__restrict a, const float *__restrict before, float *__restrict g,
                     float *__restrict to_a, int64_t n) {
        for (int64_t i = 0; i < n; ++i) {
            to_a[i] = g[i] * before[i];
            g[i] = g[i] * a[i];
        }
    }
};

struct Complex {
    static constexpr int FLOATS = 2;
    static void step(const float *__restrict a, const float *__restrict before, const float *__restrict b,
                     float *__restrict h, int64_t n) {
        for (int64_t i = 0; i < n; i += 2) {
            h[i] = fused(a[i], before[i], fused(-a[i + 1], before[i + 1], b[i]));
            h[i + 1] = fused(a[i], before[i + 1], fused(a[i + 1], before[i], b[i + 1]));
        }
    }
    static void back(const float *__restrict a, const float *__restrict before, float *__restrict g,
                     float *__restrict to_a, int64_t n) {
        for (int64_t i = 0; i < n; i += 2) {
            const float re = g[i], im = g[i + 1];
            to_a[i] = fused(re, before[i], im * before[i + 1]);
            to_a[i + 1] = fused(im, before[i], -re * before[i + 1]);
            g[i] = fused(re, a[i], im * a[i + 1]);
            g[i + 1] = fused(im, a[i], -re * a[i + 1]);
        }
    }
};

template <class Number>
struct Scan {
    const statewise_scan &of;
    const statewise_scan_gradients *to;

    int64_t row_floats() const { return (int64_t)of.units * Number::FLOATS; }
    int64_t step_floats() const { return of.rows * row_floats(); }

    // Call `with(row, first number, how many)` for a thread's part of each row.
    template <class With>
    void in_rows(int index, int count, With with) const {
        constexpr int64_t LINE = 16;  // no two threads write to one cache line
        const int32_t lines = (int32_t)((step_floats() + LINE - 1) / LINE);
        const Range mine = share(lines, index, count);
        const int64_t from = mine.from * LINE, end = std::min(mine.to * LINE, step_floats());
        for (int64_t at = from; at < end;) {
            const int64_t row = at / row_floats(), until = std::min(end, (row + 1) * row_floats());
            with(row, at, until - at);
            at = until;
        }
    }

    void forward(int index, int count) const {
        for (int64_t t = 0; t < of.steps; ++t)
            in_rows(index, count, [&](int64_t row, int64_t at, int64_t n) {
                const int64_t place = t * of.rows + row, within = at - row * row_floats();
                const float *before = t ? of.states + (t - 1) * step_floats() + at : of.first + at;
                const float *drive = of.drive + t * step_floats() + at;
                float *h = of.states + t * step_floats() + at;
                if (of.mask && !of.mask[place])
                    std::copy_n(before, n, h);
                else if (of.reset && of.reset[place])
                    std::copy_n(drive, n, h);
                else
                    Number::step(of.decay + t * of.decay_step + row * of.decay_row + within, before, drive, h, n);
            });
    }

    void backward(int index, int count) const {
        for (int64_t t = of.steps - 1; t >= 0; --t)
            in_rows(index, count, [&](int64_t row, int64_t at, int64_t n) {
                const int64_t place = t * of.rows + row, here = t * step_floats() + at;
                const float *before = t ? of.states + here - step_floats() : of.first + at;
                float *g = to->first + at, *to_decay = to->decay + here, *to_drive = to->drive + here;
                if (to->states)
                    for (int64_t i = 0; i < n; ++i) g[i] += to->states[here + i];
                const bool asleep = of.mask && !of.mask[place], restarts = of.reset && of.reset[place];
                if (asleep)
                    std::fill_n(to_drive, n, 0.0f);
                else
                    std::copy_n(g, n, to_drive);
                if (asleep || restarts)
                    std::fill_n(to_decay, n, 0.0f);
                else
                    Number::back(of.decay + t * of.decay_step + row * of.decay_row + at - row * row_floats(), before, g,
                                 to_decay, n);
                if (restarts && !asleep) std::fill_n(g, n, 0.0f);
            });
    }

    static void work_forward(void *given, int index, int count) { static_cast<Scan *>(given)->forward(index, count); }
    static void work_backward(void *given, int index, int count) { static_cast<Scan *>(given)->backward(index, count); }

    void run(statewise_parallel parallel, int threads) {
        constexpr int64_t WORTH_A_THREAD = 1 << 15;  // numbers that take longer than it takes to wake one
        parallel(to ? work_backward : work_forward, this,
                 std::max(1, (int)std::min<int64_t>(threads, of.steps * step_floats() / WORTH_A_THREAD)));
    }
};

static void scan(const statewise_scan *of, const statewise_scan_gradients *to, statewise_parallel parallel,
                 int threads) {
    if (of->complex)
        Scan<Complex>{*of, to}.run(parallel, threads);
    else
        Scan<Real>{*of, to}.run(parallel, threads);
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
