// What each recurrence does to a few units once its sums are there, and how a gradient comes back through it.
#pragma once
#include "activations.h"
#include "statewise/kernels.h"

namespace statewise {
namespace STATEWISE_TARGET {

// One pair's numbers, at the units in hand. Gates and their gradients are `gap` numbers apart.
struct Unit {
    int64_t gap;
    float *gates;               // sums before, activations after
    const float *hidden_before;
    float *hidden;
    const float *memory_before;
    float *memory;
    float *inner;               // what the recurrent weights alone gave the last gate (GRU)
    const float *extra;         // parameters per unit, `gap` numbers apart
    const uint8_t *hidden_changes = nullptr, *memory_changes = nullptr;  // for zoneout, or null where all change in part
    float zoneout = 0;
    const uint8_t *candidates = nullptr;  // which candidates are kept, for dropout of them, or null where all are
    float rest = 1;                       // the share of them that is kept
};

struct UnitGradient {
    float *gates, *inner;  // of the sums
    float *memory;         // in: of the memory after; out: of the memory before
    float *hidden;         // out: of the hidden value before, so far as it does not come through a product
};

// All bits of a lane where a byte is 255, none where it is 0.
static inline Wholes chosen(const uint8_t *bytes) {
    typedef int8_t Bytes __attribute__((vector_size(LANES)));
    Bytes some;
    __builtin_memcpy(&some, bytes, sizeof some);
    return __builtin_convertvector(some, Wholes);
}

// By what dropout multiplies candidates.
static inline Lanes kept(const uint8_t *candidates, float rest) { return chosen(candidates) ? fill(1.0f / rest) : Lanes{}; }

static inline Lanes slope_of_tanh(Lanes y) { return fused(-y, y, fill(1.0f)); }
static inline Lanes slope_of_sigmoid(Lanes y) { return fused(-y, y, y); }

template <bool rectified>
struct Elman {
    static constexpr int GATES = 1;
    static constexpr bool MEMORY = false, INNER = false;
    static constexpr int EXTRA = 0;

    static inline void forward(const Unit &at) {
        const Lanes sum = load(at.gates);
        // not a number is neither above nor below zero, and must not become zero
        const Lanes h = rectified ? (sum < 0 ? Lanes{} : sum) : hyperbolic_tangent(sum);
        store(at.hidden, h);
    }
    static inline void backward(const Unit &at, Lanes dh, const UnitGradient &to) {
        const Lanes h = load(at.hidden);
        store(to.gates, rectified ? (h > 0 ? dh : Lanes{}) : dh * slope_of_tanh(h));
    }
};

enum class Forget { GATE, COUPLED, NEVER };

template <Forget forget, bool peephole>
struct LongShortTerm {
    static constexpr bool OWN_INPUT = forget != Forget::COUPLED, OWN_FORGET = forget != Forget::NEVER;
    static constexpr int I = 0, F = OWN_INPUT ? 1 : 0, G = OWN_INPUT + OWN_FORGET, O = G + 1;
    static constexpr int GATES = O + 1;
    static constexpr bool MEMORY = true, INNER = false;
    static constexpr int EXTRA = peephole ? 3 : 0;

    static inline Lanes peep(const Unit &at, int gate, Lanes c, Lanes sum) {
        return peephole ? fused(load(at.extra + gate * at.gap), c, sum) : sum;
    }

    static inline Lanes remembered(Lanes i, Lanes f, Lanes g, Lanes before) {
        if (forget == Forget::COUPLED) return fused(f, before - g, g);
        if (forget == Forget::NEVER) return fused(i, g, before);
        return fused(f, before, i * g);
    }
    // The memory after, from the activations.
    static inline Lanes remembered(const Unit &at) {
        return remembered(load(at.gates + I * at.gap), load(at.gates + F * at.gap), load(at.gates + G * at.gap),
                          load(at.memory_before));
    }

    static inline void forward(const Unit &at) {
        const Lanes before = load(at.memory_before);
        Lanes g = hyperbolic_tangent(load(at.gates + G * at.gap));
        if (at.candidates) g *= kept(at.candidates, at.rest);
        store(at.gates + G * at.gap, g);
        Lanes i{}, f{}, c;
        if (OWN_INPUT) {
            i = sigmoid(peep(at, 0, before, load(at.gates + I * at.gap)));
            store(at.gates + I * at.gap, i);
        }
        if (OWN_FORGET) {
            f = sigmoid(peep(at, 1, before, load(at.gates + F * at.gap)));
            store(at.gates + F * at.gap, f);
        }
        c = remembered(i, f, g, before);
        store(at.memory, c);
        const Lanes o = sigmoid(peep(at, 2, c, load(at.gates + O * at.gap)));
        store(at.gates + O * at.gap, o);
        store(at.hidden, o * hyperbolic_tangent(c));
    }

    static inline void backward(const Unit &at, Lanes dh, const UnitGradient &to) {
        const Lanes before = load(at.memory_before), c = load(at.memory);
        const Lanes g = load(at.gates + G * at.gap), o = load(at.gates + O * at.gap);
        const Lanes squashed = hyperbolic_tangent(c);
        const Lanes d_o = dh * squashed * slope_of_sigmoid(o);
        store(to.gates + O * at.gap, d_o);
        Lanes dc = fused(dh * o, slope_of_tanh(squashed), load(to.memory));
        if (peephole) dc = fused(d_o, load(at.extra + 2 * at.gap), dc);
        const Lanes i = OWN_INPUT ? load(at.gates + I * at.gap) : 1.0f - load(at.gates + F * at.gap);
        const Lanes d_g = dc * i * slope_of_tanh(at.candidates ? g * at.rest : g);
        store(to.gates + G * at.gap, at.candidates ? d_g * kept(at.candidates, at.rest) : d_g);
        Lanes d_before = dc;
        if (OWN_FORGET) {
            const Lanes f = load(at.gates + F * at.gap);
            const Lanes d_f = dc * (OWN_INPUT ? before : before - g) * slope_of_sigmoid(f);
            store(to.gates + F * at.gap, d_f);
            d_before = dc * f;
            if (peephole) d_before = fused(d_f, load(at.extra + at.gap), d_before);
        }
        if (OWN_INPUT) {
            const Lanes d_i = dc * g * slope_of_sigmoid(i);
            store(to.gates + I * at.gap, d_i);
            if (peephole) d_before = fused(d_i, load(at.extra), d_before);
        }
        store(to.memory, d_before);
    }
};

struct GatedUnit {
    static constexpr int R = 0, Z = 1, N = 2, GATES = 3;
    static constexpr bool MEMORY = false, INNER = true;
    static constexpr int EXTRA = 1;

    static inline void forward(const Unit &at) {
        const Lanes r = sigmoid(load(at.gates)), z = sigmoid(load(at.gates + at.gap));
        const Lanes n = hyperbolic_tangent(fused(r, load(at.inner), load(at.gates + N * at.gap)));
        store(at.gates, r);
        store(at.gates + Z * at.gap, z);
        store(at.gates + N * at.gap, n);
        store(at.hidden, fused(z, load(at.hidden_before) - n, n));
    }
    static inline void backward(const Unit &at, Lanes dh, const UnitGradient &to) {
        const Lanes r = load(at.gates), z = load(at.gates + at.gap), n = load(at.gates + N * at.gap);
        const Lanes before = load(at.hidden_before), inner = load(at.inner);
        const Lanes dn = dh * (1.0f - z) * slope_of_tanh(n);
        store(to.gates, dn * inner * slope_of_sigmoid(r));
        store(to.gates + Z * at.gap, dh * (before - n) * slope_of_sigmoid(z));
        store(to.gates + N * at.gap, dn);
        store(to.inner, dn * r);
        store(to.hidden, dh * z);
    }
};

// Call `with` an empty value of the cell's own type, for the cells that are all of them above.
template <class With>
static inline void with_plain_cell(int32_t cell, With with) {
    switch (cell) {
        case STATEWISE_ELMAN_TANH: return with(Elman<false>());
        case STATEWISE_ELMAN_RELU: return with(Elman<true>());
        case STATEWISE_LSTM: return with(LongShortTerm<Forget::GATE, false>());
        case STATEWISE_PEEPHOLE_LSTM: return with(LongShortTerm<Forget::GATE, true>());
        case STATEWISE_COUPLED_LSTM: return with(LongShortTerm<Forget::COUPLED, false>());
        case STATEWISE_LSTM_1997: return with(LongShortTerm<Forget::NEVER, false>());
        case STATEWISE_GRU: return with(GatedUnit());
    }
}

// A cell each value of whose state stays as it was at the places that were drawn, or in part wherever nothing was.
template <class Cell>
struct Zoned : Cell {
    static constexpr bool ZONED = true;

    static inline Lanes mix(const uint8_t *changes, Lanes changed, Lanes kept, float rate) {
        return changes ? (chosen(changes) ? changed : kept) : fused(fill(rate), kept - changed, changed);
    }

    static inline void forward(const Unit &at) {
        alignas(64) float hidden[LANES], memory[LANES];
        Unit free = at;
        free.hidden = hidden;
        free.memory = memory;
        Cell::forward(free);
        store(at.hidden, mix(at.hidden_changes, load(hidden), load(at.hidden_before), at.zoneout));
        if (Cell::MEMORY) store(at.memory, mix(at.memory_changes, load(memory), load(at.memory_before), at.zoneout));
    }

    static inline void backward(const Unit &at, Lanes dh, const UnitGradient &to) {
        alignas(64) float memory[LANES];
        Unit free = at;
        free.memory = memory;
        Lanes dc_kept{};
        if constexpr (Cell::MEMORY) {
            store(memory, Cell::remembered(at));
            const Lanes dc = load(to.memory);
            dc_kept = mix(at.memory_changes, Lanes{}, dc, at.zoneout);
            store(to.memory, mix(at.memory_changes, dc, Lanes{}, at.zoneout));
        }
        Cell::backward(free, mix(at.hidden_changes, dh, Lanes{}, at.zoneout), to);
        store(to.hidden, load(to.hidden) + mix(at.hidden_changes, Lanes{}, dh, at.zoneout));
        if (Cell::MEMORY) store(to.memory, load(to.memory) + dc_kept);
    }
};

template <class Cell, class = void>
struct IsZoned {
    static constexpr bool value = false;
};
template <class Cell>
struct IsZoned<Cell, decltype((void)Cell::ZONED)> {
    static constexpr bool value = true;
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
