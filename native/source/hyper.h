// What a HyperLSTM does with whole rows once its products are there, and how a gradient comes back through that.
#pragma once
#include "scratch.h"
#include "staged_cells.h"
#include "team.h"

namespace statewise {
namespace STATEWISE_TARGET {

// sums = d_x * W_x x + d_h * W_h h + e, each gate brought to one scale by itself; the rest is the normalised LSTM's.
struct HyperRows {
    static constexpr int GATES = 4, USES = 3, MOMENTS = 8, PARAMETERS = 14;
    const statewise_hyper &of;
    const statewise_hyper_gradients *to;
    float *spare;  // of each thread, 6 rows

    static void work(void *given, int index, int count) {
        const HyperRows &all = *static_cast<HyperRows *>(given);
        const Range mine = share(all.of.rows, index, count);
        for (int32_t row = mine.from; row < mine.to; ++row)
            all.to ? all.backward(row, all.spare + (int64_t)index * 6 * all.of.units) : all.forward(row);
    }

    // Of use 0 (of what is read), 1 (of the hidden value) or 2 (the shift), and a gate: numbers [uses][gates][rows][units].
    int64_t scale(int use, int gate, int32_t row) const {
        return (((int64_t)use * GATES + gate) * of.rows + row) * of.units;
    }

    Row row_at(int32_t row) const {
        const int64_t units = of.units, at = row * units;
        return {of.units, units, of.gates + GATES * at, nullptr, nullptr, of.hidden + at, of.memory_before + at, of.memory + at,
                of.extra, of.candidates ? of.candidates + at : nullptr, 1 - of.rate};
    }

    void forward(int32_t row) const {
        const Row at = row_at(row);
        const int64_t units = of.units;
        float *normal = of.normal + GATES * row * units, *scales = of.moments + (int64_t)row * MOMENTS;
        const float *from_x = of.from_x + GATES * row * units, *from_h = of.from_h + GATES * row * units;
        for (int g = 0; g < GATES; ++g) {
            float *sums = normal + g * units;
            const float *of_x = of.scales + scale(0, g, row), *of_h = of.scales + scale(1, g, row), *shift = of.scales + scale(2, g, row);
            for (int64_t u = 0; u < units; u += LANES)
                store(sums + u, fused(load(of_x + u), load(from_x + g * units + u),
                                      fused(load(of_h + u), load(from_h + g * units + u), load(shift + u))));
            const Moments found = moments<1>(of.units, units, sums);
            scales[g] = found.scale;
            for (int64_t u = 0; u < units; u += LANES) store(sums + u, (load(sums + u) - found.mean) * found.scale);
        }
        const auto sum = [&](int g, int64_t u) {
            const int64_t place = g * units + u;
            return fused(load(normal + place), load(of.extra + place), load(of.bias + place));
        };
        for (int64_t u = 0; u < units; u += LANES) open_gates(at, (int32_t)u, sum(0, u), sum(1, u), sum(2, u), sum(3, u));
        const Moments memory = moments<1>(of.units, units, at.memory);
        scales[GATES] = memory.mean;
        scales[GATES + 1] = memory.scale;
        for (int64_t u = 0; u < units; u += LANES)
            store(at.hidden + u,
                  load(at.gates + 3 * units + u) * hyperbolic_tangent(NormalizedLSTM::scaled(at, memory, (int32_t)u)));
    }

    void backward(int32_t row, float *here) const {
        const Row at = row_at(row);
        const int64_t units = of.units, whole = GATES * units;
        float *gates = here, *sums = here + whole, *spare = here + 5 * units;
        float *parameters = to->parameters + (int64_t)row * PARAMETERS * units;
        const float *from_x = of.from_x + row * whole, *from_h = of.from_h + row * whole;
        float *back_x = to->from_x + row * whole, *back_h = to->from_h + row * whole;
        const float *normal = of.normal + row * whole, *scales = of.moments + (int64_t)row * MOMENTS;
        NormalizedLSTM::back_to_memory(at, {gates, nullptr, to->hidden + row * units, to->memory + row * units, nullptr, nullptr,
                                            parameters, spare},
                                       {scales[GATES], scales[GATES + 1]});
        for (int64_t place = 0; place < whole; place += LANES) add(parameters + place, load(gates + place));
        for (int g = 0; g < GATES; ++g) {
            back_through_normal<1>(of.units, units, gates + g * units, normal + g * units, of.extra + g * units, scales[g], sums,
                                   parameters + whole + g * units);
            const float *of_x = of.scales + scale(0, g, row), *of_h = of.scales + scale(1, g, row);
            float *to_x = to->scales + scale(0, g, row), *to_h = to->scales + scale(1, g, row), *to_shift = to->scales + scale(2, g, row);
            for (int64_t u = 0; u < units; u += LANES) {
                const Lanes d = load(sums + u), x = load(from_x + g * units + u), h = load(from_h + g * units + u);
                store(to_x + u, d * x);
                store(to_h + u, d * h);
                store(to_shift + u, d);
                store(back_x + g * units + u, d * load(of_x + u));
                store(back_h + g * units + u, d * load(of_h + u));
            }
        }
    }
};

static void hyper(const statewise_hyper *of, const statewise_hyper_gradients *to, statewise_parallel parallel, int threads) {
    constexpr int64_t WORTH_A_THREAD = 1 << 15;  // numbers
    threads = (int)std::max<int64_t>(1, std::min<int64_t>(threads, (int64_t)of->rows * of->units / WORTH_A_THREAD));
    HyperRows rows{*of, to, nullptr};
    carve({{&rows.spare, (int64_t)threads * 6 * of->units}});
    parallel(HyperRows::work, &rows, threads);
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
