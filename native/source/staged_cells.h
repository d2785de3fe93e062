// Cells whose step is no single product followed by what each unit does alone: they take two products, or need sums over
// a whole row. What follows a product works on one row, so it is the same whoever computes it.
#pragma once
#include "normal.h"
#include "tiles.h"

namespace statewise {
namespace STATEWISE_TARGET {

// One product of a step: weights [gates * units, terms].
struct Stage {
    const float *weights;
    int32_t gates, units, terms;
    int64_t sums() const { return (int64_t)gates * padded(units); }
};

// One pair's numbers. Gates lie `width` apart, and each has `units` numbers; so do the parameters in `extra`.
struct Row {
    int32_t units;
    int64_t width;
    float *gates, *inner;
    const float *hidden_before;
    float *hidden;
    const float *memory_before;
    float *memory;
    const float *extra;
    const uint8_t *candidates;  // which are kept, for dropout of them, or null where all are
    float rest;                 // the share of them that is kept
};

struct RowGradient {
    float *gates;      // of the inputs' sums
    float *recurrent;  // of the first product, for cells in which it is another
    float *hidden;     // in: of the hidden value after; out: of that before, so far as it does not come through a product
    float *memory;     // in: of the memory after; out: of that before
    float *inner;      // of what the second product read
    float *outer;      // of what the second product gave, for cells in which no gate holds it
    float *parameters; // sums over a row's pairs of the gradients of bias and extra
    float *spare;      // room for `width` numbers
};

// Where a stage's sums go, for the first of some pairs: `gap` numbers from pair to pair, onto what is there or afresh.
struct Target {
    float *out;
    int64_t gap;
    bool onto;
};

struct SumPlaces {
    float *gates, *inner, *hidden;
    int64_t sums, inner_each, width;  // gaps
    int64_t gate_width;
};

// r, z = sigmoid(. + W h)   n = tanh(. + U (r h))   h' = (1 - z) n + z h
struct EarlyReset {
    static constexpr int GATES = 3, STAGES = 2, INNER = 1, EXTRA = 0;
    static constexpr bool MEMORY = false, NORMALIZED = false, OUTER = false;

    static Stage stage(const statewise_layer &of, int s) {
        const int64_t square = (int64_t)of.units * of.units;
        return {of.recurrent_weights + (s ? 2 * square : 0), s ? 1 : 2, of.units, of.units};
    }
    static Target target(const SumPlaces &at, int s) { return {at.gates + (s ? 2 * at.gate_width : 0), at.sums, true}; }
    static void read(const Row &, const float *) {}

    static void after(int s, const Row &at) {
        for (int32_t u = 0; u < at.width; u += LANES) {
            const Lanes before = load(at.hidden_before + u);
            if (s == 0) {
                const Lanes r = sigmoid(load(at.gates + u));
                store(at.gates + u, r);
                store(at.gates + at.width + u, sigmoid(load(at.gates + at.width + u)));
                store(at.inner + u, r * before);
            } else {
                const Lanes z = load(at.gates + at.width + u), n = hyperbolic_tangent(load(at.gates + 2 * at.width + u));
                store(at.gates + 2 * at.width + u, n);
                store(at.hidden + u, fused(z, before - n, n));
            }
        }
    }

    static void before(int s, const Row &at, const RowGradient &to) {
        for (int32_t u = 0; u < at.width; u += LANES) {
            const Lanes before = load(at.hidden_before + u), r = load(at.gates + u), dh = load(to.hidden + u);
            if (s == 1) {
                const Lanes z = load(at.gates + at.width + u), n = load(at.gates + 2 * at.width + u);
                store(to.gates + 2 * at.width + u, dh * (1.0f - z) * slope_of_tanh(n));
                store(to.gates + at.width + u, dh * (before - n) * slope_of_sigmoid(z));
                store(to.hidden + u, dh * z);
            } else {
                const Lanes d_inner = load(to.inner + u);
                store(to.gates + u, d_inner * before * slope_of_sigmoid(r));
                store(to.hidden + u, fused(d_inner, r, dh));
            }
        }
    }
};

// The memory and the activations of an LSTM, from its sums.
static inline void open_gates(const Row &at, int32_t u, Lanes i, Lanes f, Lanes g, Lanes o) {
    i = sigmoid(i), f = sigmoid(f), g = hyperbolic_tangent(g), o = sigmoid(o);
    if (at.candidates) g *= kept(at.candidates + u, at.rest);
    store(at.gates + u, i);
    store(at.gates + at.width + u, f);
    store(at.gates + 2 * at.width + u, g);
    store(at.gates + 3 * at.width + u, o);
    store(at.memory + u, fused(f, load(at.memory_before + u), i * g));
}

// The gradients of the sums of i, f and g from that of the memory, and that of the memory before.
static inline void back_to_sums(const Row &at, const RowGradient &to, int32_t u, Lanes dc) {
    const Lanes i = load(at.gates + u), f = load(at.gates + at.width + u), g = load(at.gates + 2 * at.width + u);
    store(to.gates + u, dc * g * slope_of_sigmoid(i));
    store(to.gates + at.width + u, dc * load(at.memory_before + u) * slope_of_sigmoid(f));
    const Lanes d_g = dc * i * slope_of_tanh(at.candidates ? g * at.rest : g);
    store(to.gates + 2 * at.width + u, at.candidates ? d_g * kept(at.candidates + u, at.rest) : d_g);
    store(to.memory + u, dc * f);
}

// An LSTM of which a projection is passed on: inner = o tanh(c), h = P inner.
struct Projected {
    static constexpr int GATES = 4, STAGES = 2, INNER = 1, EXTRA = 0;
    static constexpr bool MEMORY = true, NORMALIZED = false, OUTER = true;

    static Stage stage(const statewise_layer &of, int s) {
        if (s) return {of.extra, 1, of.units, of.memory_units};
        return {of.recurrent_weights, 4, of.memory_units, of.units};
    }
    static Target target(const SumPlaces &at, int s) {
        return s ? Target{at.hidden, at.width, false} : Target{at.gates, at.sums, true};
    }
    static void read(const Row &, const float *) {}

    static void after(int s, const Row &at) {
        if (s) return;
        for (int32_t u = 0; u < at.width; u += LANES) {
            const float *sum = at.gates + u;
            open_gates(at, u, load(sum), load(sum + at.width), load(sum + 2 * at.width), load(sum + 3 * at.width));
            store(at.inner + u, load(at.gates + 3 * at.width + u) * hyperbolic_tangent(load(at.memory + u)));
        }
    }

    static void before(int s, const Row &at, const RowGradient &to) {
        if (s) return;  // the projection's gradient is that of the hidden value itself
        for (int32_t u = 0; u < at.width; u += LANES) {
            const Lanes o = load(at.gates + 3 * at.width + u), squashed = hyperbolic_tangent(load(at.memory + u));
            const Lanes dh = load(to.inner + u);
            store(to.gates + 3 * at.width + u, dh * squashed * slope_of_sigmoid(o));
            back_to_sums(at, to, u, fused(dh * o, slope_of_tanh(squashed), load(to.memory + u)));
        }
    }
};

// Inner values of a normalised cell: normal sums of inputs, normal sums of hidden values, and the moments of both.
template <int GATES>
struct Normals {
    float *of_inputs, *of_hidden, *moments;
    explicit Normals(const Row &at)
        : of_inputs(at.inner), of_hidden(at.inner + GATES * at.width), moments(at.inner + 2 * GATES * at.width) {}
};

// Bring some gates of a row to one scale, in `normal`, and call `with(place, normal)` for each; return 1 / deviation.
template <int GATES, class With>
static inline float normalize(const Row &at, const float *sums, float *normal, With with) {
    const Moments of = moments<GATES>(at.units, at.width, sums);
    for (int g = 0; g < GATES; ++g)
        for (int32_t u = 0; u < at.width; u += LANES) {
            const int64_t place = g * at.width + u;
            const Lanes x = only_first((load(sums + place) - of.mean) * of.scale, at.units - u);
            store(normal + place, x);
            with(place, x);
        }
    return of.scale;
}

static inline void add(float *to, Lanes x) { store(to, load(to) + x); }

// i, f, g, o = ... (LN(W x) + LN(U h) + b)   h' = o tanh(LN(c')). Extra: gains of inputs [4], of hidden values [4], the
// memory's gain and bias. Parameters: the bias [4], then these.
struct NormalizedLSTM {
    static constexpr int GATES = 4, STAGES = 1, INNER = 2 * GATES, EXTRA = 10;
    static constexpr bool MEMORY = true, NORMALIZED = true, OUTER = false;
    enum { OF_INPUTS, OF_HIDDEN, MEAN, OF_MEMORY };

    static Stage stage(const statewise_layer &of, int) { return {of.recurrent_weights, 4, of.units, of.units}; }
    static Target target(const SumPlaces &at, int) {
        return {at.inner + GATES * at.gate_width, at.inner_each, false};
    }

    static void read(const Row &at, const float *bias) {
        const Normals<GATES> to(at);
        to.moments[OF_INPUTS] = normalize<GATES>(at, at.gates, to.of_inputs, [&](int64_t place, Lanes x) {
            store(at.gates + place, fused(x, load(at.extra + place), load(bias + place)));
        });
    }

    static void after(int, const Row &at) {
        const Normals<GATES> to(at);
        const float *gain = at.extra + GATES * at.width;
        to.moments[OF_HIDDEN] = normalize<GATES>(at, to.of_hidden, to.of_hidden, [&](int64_t place, Lanes x) {
            store(at.gates + place, fused(x, load(gain + place), load(at.gates + place)));
        });
        for (int32_t u = 0; u < at.width; u += LANES) {
            const float *sum = at.gates + u;
            open_gates(at, u, load(sum), load(sum + at.width), load(sum + 2 * at.width), load(sum + 3 * at.width));
        }
        const Moments of = moments<1>(at.units, at.width, at.memory);
        to.moments[MEAN] = of.mean;
        to.moments[OF_MEMORY] = of.scale;
        for (int32_t u = 0; u < at.width; u += LANES)
            store(at.hidden + u, load(at.gates + 3 * at.width + u) * hyperbolic_tangent(scaled(at, of, u)));
    }

    static Lanes normal(const Row &at, Moments of, int32_t u) { return (load(at.memory + u) - of.mean) * of.scale; }
    static Lanes scaled(const Row &at, Moments of, int32_t u) {
        const float *gain = at.extra + 2 * GATES * at.width + u;
        return fused(normal(at, of, u), load(gain), load(gain + at.width));
    }

    static void before(int, const Row &at, const RowGradient &to) {
        const Normals<GATES> from(at);
        back_to_memory(at, to, {from.moments[MEAN], from.moments[OF_MEMORY]});
        for (int64_t place = 0; place < GATES * at.width; place += LANES)
            add(to.parameters + place, load(to.gates + place));
        float *parameters = to.parameters + GATES * at.width;
        back_through_normal<GATES>(at.units, at.width, to.gates, from.of_hidden, at.extra + GATES * at.width,
                                   from.moments[OF_HIDDEN], to.recurrent, parameters + GATES * at.width);
        back_through_normal<GATES>(at.units, at.width, to.gates, from.of_inputs, at.extra, from.moments[OF_INPUTS],
                                   to.gates, parameters);
    }

    // From the hidden value's gradient, by the normalised memory, to the gradients of all sums.
    static void back_to_memory(const Row &at, const RowGradient &to, Moments of) {
        const float *gain = at.extra + 2 * GATES * at.width;
        float *to_gain = to.parameters + 3 * GATES * at.width, *to_bias = to_gain + at.width;
        for (int32_t u = 0; u < at.width; u += LANES) {
            const Lanes o = load(at.gates + 3 * at.width + u), squashed = hyperbolic_tangent(scaled(at, of, u));
            const Lanes dh = load(to.hidden + u), dy = dh * o * slope_of_tanh(squashed);
            store(to.gates + 3 * at.width + u, dh * squashed * slope_of_sigmoid(o));
            add(to_bias + u, dy);
            store(to.hidden + u, dy);
            store(to.spare + u, normal(at, of, u));
        }
        back_through_normal<1>(at.units, at.width, to.hidden, to.spare, gain, of.scale, to.hidden, to_gain);
        for (int32_t u = 0; u < at.width; u += LANES) {
            back_to_sums(at, to, u, load(to.memory + u) + load(to.hidden + u));
            store(to.hidden + u, Lanes{});
        }
    }
};

// r, z = sigmoid(LN(W x) + LN(U h) + b)   n = tanh(LN(W_n x) + b_n + r LN(U_n h)). Extra: gains of inputs [3], of hidden
// values [3]. Parameters: the bias [3], then these.
struct NormalizedGRU {
    static constexpr int GATES = 3, STAGES = 1, INNER = 2 * GATES, EXTRA = 6;
    static constexpr bool MEMORY = false, NORMALIZED = true, OUTER = false;
    enum { OF_INPUTS, OF_HIDDEN = 2 };  // each for the gates and for the candidate

    static Stage stage(const statewise_layer &of, int) { return {of.recurrent_weights, 3, of.units, of.units}; }
    static Target target(const SumPlaces &at, int) {
        return {at.inner + GATES * at.gate_width, at.inner_each, false};
    }

    static void read(const Row &at, const float *bias) {
        const Normals<GATES> to(at);
        const int64_t late = 2 * at.width;
        to.moments[OF_INPUTS] = normalize<2>(at, at.gates, to.of_inputs, [&](int64_t place, Lanes x) {
            store(at.gates + place, fused(x, load(at.extra + place), load(bias + place)));
        });
        to.moments[OF_INPUTS + 1] = normalize<1>(at, at.gates + late, to.of_inputs + late, [&](int64_t u, Lanes x) {
            store(at.gates + late + u, fused(x, load(at.extra + late + u), load(bias + late + u)));
        });
    }

    static void after(int, const Row &at) {
        const Normals<GATES> to(at);
        const float *gain = at.extra + GATES * at.width;
        const int64_t late = 2 * at.width;
        to.moments[OF_HIDDEN] = normalize<2>(at, to.of_hidden, to.of_hidden, [&](int64_t place, Lanes x) {
            store(at.gates + place, sigmoid(fused(x, load(gain + place), load(at.gates + place))));
        });
        to.moments[OF_HIDDEN + 1] = normalize<1>(at, to.of_hidden + late, to.of_hidden + late, [&](int64_t u, Lanes x) {
            const Lanes r = load(at.gates + u), z = load(at.gates + at.width + u);
            const Lanes n = hyperbolic_tangent(fused(r * load(gain + late + u), x, load(at.gates + late + u)));
            store(at.gates + late + u, n);
            store(at.hidden + u, fused(z, load(at.hidden_before + u) - n, n));
        });
    }

    static void before(int, const Row &at, const RowGradient &to) {
        const Normals<GATES> from(at);
        const int64_t late = 2 * at.width, whole = GATES * at.width;
        const float *gain = at.extra + whole;
        for (int32_t u = 0; u < at.width; u += LANES) {
            const Lanes r = load(at.gates + u), z = load(at.gates + at.width + u), n = load(at.gates + late + u);
            const Lanes dh = load(to.hidden + u), dn = dh * (1.0f - z) * slope_of_tanh(n);
            const Lanes inner = load(from.of_hidden + late + u) * load(gain + late + u);
            store(to.gates + u, dn * inner * slope_of_sigmoid(r));
            store(to.gates + at.width + u, dh * (load(at.hidden_before + u) - n) * slope_of_sigmoid(z));
            store(to.gates + late + u, dn);
            store(to.spare + u, dn * r);
            store(to.hidden + u, dh * z);
            for (int g = 0; g < GATES; ++g) add(to.parameters + g * at.width + u, load(to.gates + g * at.width + u));
        }
        float *inputs = to.parameters + whole, *hidden = inputs + whole;
        const float *moments = from.moments;
        back_through_normal<2>(at.units, at.width, to.gates, from.of_hidden, gain, moments[OF_HIDDEN], to.recurrent,
                               hidden);
        back_through_normal<1>(at.units, at.width, to.spare, from.of_hidden + late, gain + late, moments[OF_HIDDEN + 1],
                               to.recurrent + late, hidden + late);
        back_through_normal<2>(at.units, at.width, to.gates, from.of_inputs, at.extra, moments[OF_INPUTS], to.gates,
                               inputs);
        back_through_normal<1>(at.units, at.width, to.gates + late, from.of_inputs + late, at.extra + late,
                               moments[OF_INPUTS + 1], to.gates + late, inputs + late);
    }
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
