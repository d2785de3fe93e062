// How badly a wanted item was ranked among others, and how that changes with every score: one struct a loss, with the
// equations of `heads/ranking_losses.py`.
#pragma once
#include <cmath>
#include <limits>

#include "activations.h"

namespace statewise {
namespace STATEWISE_TARGET {

constexpr float LEFT_OUT = -std::numeric_limits<float>::infinity();  // the score of what does not count

// The scores of the others, in two pieces that are padded with what does not count; gradients take their place.
struct Others {
    float *piece[2];
    int32_t size[2];

    template <class With>
    void each(With with) const {
        for (int i = 0; i < 2; ++i)
            for (int32_t at = 0; at < size[i]; at += LANES) with(piece[i] + at, load(piece[i] + at));
    }
};

struct Outcome {
    float nats, pull;  // the loss, and its gradient by the wanted score
};

static inline float sum_of(Lanes x) {
    float sum = 0.0f;
    for (int v = 0; v < LANES; ++v) sum += x[v];
    return sum;
}

static inline float highest_of(const Others &others) {
    Lanes most = fill(LEFT_OUT);
    others.each([&](float *, Lanes r) { most = r > most ? r : most; });
    float highest = most[0];
    for (int v = 1; v < LANES; ++v) highest = most[v] > highest ? most[v] : highest;
    return highest;
}

static inline float count_of(const Others &others) {
    Lanes count{};
    others.each([&](float *, Lanes r) { count += r == LEFT_OUT ? Lanes{} : fill(1.0f); });
    return sum_of(count);
}

static inline Outcome nothing(const Others &others) {
    others.each([](float *at, Lanes) { store(at, Lanes{}); });
    return {0.0f, 0.0f};
}

// Both softmax losses begin with the highest score and the sum of e^(r - highest).
struct Softmax {
    float highest;
    Lanes sum{};
    explicit Softmax(const Others &others) : highest(highest_of(others)) {}
    Lanes of(Lanes r) const { return exponential(r - highest); }
};

struct CrossEntropy {
    static Outcome rank(float wanted, const Others &others, float) {
        const float among = highest_of(others), highest = wanted > among ? wanted : among;
        Lanes sum{};
        others.each([&](float *at, Lanes r) {
            const Lanes e = exponential(r - highest);
            store(at, e);
            sum += e;
        });
        const float own = std::exp(wanted - highest), total = sum_of(sum) + own, scale = 1.0f / total;
        others.each([&](float *at, Lanes e) { store(at, e * scale); });
        return {std::log(total) + (highest - wanted), own * scale - 1.0f};
    }
};

struct BayesianPersonalized {
    static Outcome rank(float wanted, const Others &others, float) {
        const float count = count_of(others);
        if (count == 0.0f) return nothing(others);
        constexpr int FACTORS = 64;  // of at most 2 each, whose product is still a number
        Lanes sum{}, above{}, product = fill(1.0f);
        float logs = 0.0f;
        int factors = 0;
        const auto take = [&] {
            for (int v = 0; v < LANES; ++v) logs += std::log(product[v]);
            product = fill(1.0f), factors = 0;
        };
        others.each([&](float *at, Lanes r) {
            const Lanes ahead = r - wanted, s = r == LEFT_OUT ? Lanes{} : sigmoid(ahead);
            above += ahead > 0 ? ahead : ahead != ahead ? ahead : Lanes{};
            product *= 1.0f + exponential(-absolute(ahead));
            if (++factors == FACTORS) take();
            sum += s;
            store(at, s / count);
        });
        take();
        return {(sum_of(above) + logs) / count, -sum_of(sum) / count};
    }
};

struct Top1 {
    static Outcome rank(float wanted, const Others &others, float) {
        const float count = count_of(others);
        if (count == 0.0f) return nothing(others);
        Lanes sum{}, pulls{};
        others.each([&](float *at, Lanes r) {
            const Lanes s = sigmoid(r - wanted), square = sigmoid(r * r), slope = s * (1.0f - s);
            const auto counted = [&](Lanes x) { return r == LEFT_OUT ? Lanes{} : x; };
            sum += counted(s + square);
            pulls += counted(slope);
            store(at, counted(slope + 2.0f * r * square * (1.0f - square)) / count);
        });
        return {sum_of(sum) / count, -sum_of(pulls) / count};
    }
};

struct BprMax {
    // With g = sigmoid(w - r), shares p of e^r g are kept from vanishing: where w < highest, e^r g = e^w sigmoid(r - w).
    static Outcome rank(float wanted, const Others &others, float regularization) {
        if (count_of(others) == 0.0f) return nothing(others);
        Softmax softmax(others);
        const bool lower = wanted < softmax.highest;
        Lanes weights{}, slopes{}, squares{};
        const auto weight = [&](Lanes e, Lanes r, Lanes g) { return r == LEFT_OUT ? Lanes{} : lower ? 1.0f - g : e * g; };
        others.each([&](float *, Lanes r) {
            const Lanes e = softmax.of(r), g = sigmoid(wanted - r), p = weight(e, r, g);
            softmax.sum += e;
            weights += p;
            slopes += p * (1.0f - g);
            squares += r == LEFT_OUT ? Lanes{} : e * r * r;
        });
        const float whole = sum_of(softmax.sum), ahead = sum_of(weights), square = sum_of(squares) / whole;
        others.each([&](float *at, Lanes r) {
            const Lanes e = softmax.of(r), g = sigmoid(wanted - r), s = e / whole;
            const Lanes pulled = regularization * s * (r * r - square + 2.0f * r);
            store(at, r == LEFT_OUT ? Lanes{} : s - weight(e, r, g) * g / ahead + pulled);
        });
        const float lower_by = lower ? softmax.highest - wanted : 0.0f;
        return {std::log(whole) - std::log(ahead) + lower_by + regularization * square, -sum_of(slopes) / ahead};
    }
};

struct Top1Max {
    static Outcome rank(float wanted, const Others &others, float) {
        if (count_of(others) == 0.0f) return nothing(others);
        Softmax softmax(others);
        Lanes ahead{}, pulls{};
        others.each([&](float *, Lanes r) {
            const Lanes e = softmax.of(r), s = sigmoid(r - wanted);
            softmax.sum += e;
            ahead += r == LEFT_OUT ? Lanes{} : e * (s + sigmoid(r * r));
            pulls += e * s * (1.0f - s);
        });
        const float whole = sum_of(softmax.sum), loss = sum_of(ahead) / whole;
        others.each([&](float *at, Lanes r) {
            const Lanes s = sigmoid(r - wanted), square = sigmoid(r * r);
            const Lanes slope = s * (1.0f - s) + 2.0f * r * square * (1.0f - square);
            store(at, r == LEFT_OUT ? Lanes{} : softmax.of(r) / whole * (s + square - loss + slope));
        });
        return {loss, -sum_of(pulls) / whole};
    }
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
