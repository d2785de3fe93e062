// One movement of a pen out of what a head of strokes gives: a mixture of bivariate normal distributions, and the pen's
// states; as `heads/strokes.py` draws it, from the same numbers.
#pragma once
#include <cmath>

#include "choose.h"

namespace statewise {
namespace STATEWISE_TARGET {

// The place of the first share that, added to those before it, is beyond a number between 0 and 1; -1 where they are no
// numbers. Where the temperature is 0, of the largest.
static inline int32_t drawn_of(const double *log_odds, int32_t n, double temperature, double uniform) {
    const int32_t likeliest = (int32_t)(std::max_element(log_odds, log_odds + n) - log_odds);
    if (temperature == 0.0) return std::isnan(log_odds[likeliest]) ? -1 : likeliest;
    double sum = 0.0, reached = 0.0;
    for (int32_t i = 0; i < n; ++i) sum += std::exp((log_odds[i] - log_odds[likeliest]) / temperature);
    if (!(sum > 0.0 && sum <= std::numeric_limits<double>::max())) return -1;
    int32_t last = likeliest;
    for (int32_t i = 0; i < n; ++i) {
        const double share = std::exp((log_odds[i] - log_odds[likeliest]) / temperature);
        if (share > 0.0) last = i;
        reached += share;
        if (reached > uniform * sum) return i;
    }
    return last;
}

class Pen {
   public:
    struct Movement {
        float x, y;
        int32_t state;  // with three states: draws on, is lifted, ends; else 1 where it is lifted; -1: no numbers
        double nats;
    };

    explicit Pen(const statewise_pen &of) : of_(of), wide_(padded(of.components)) {}

    int64_t floats() const { return 6 * (int64_t)wide_; }
    int32_t sums() const { return 6 * of_.components + of_.states; }
    int32_t width() const { return 2 + of_.states; }
    bool ends(int32_t state) const { return of_.states == 3 && state == 2; }

    // A movement as the next step reads it.
    void write(const Movement &movement, float *step) const {
        step[0] = movement.x;
        step[1] = movement.y;
        for (int32_t s = 0; s < of_.states; ++s) step[2 + s] = of_.states == 1 ? movement.state : movement.state == s;
    }

    // From a head's sums, or its parameters where they are that already. `uniform` are four numbers. The pen's state is drawn
    // from other odds where `allowed` has some; its cost is by its own.
    Movement draw(const float *sums, bool are_parameters, const double *uniform, float *room, const double *allowed = nullptr) const {
        spread(sums, are_parameters, room);
        const float *pen = sums + 6 * of_.components;
        const double warmth = of_.softened ? 0.5 + 0.5 * of_.temperature : of_.temperature;
        const int32_t k = component(warmth, uniform[0], room);
        double odds[3] = {0.0, 0.0, 0.0};
        for (int32_t s = 0; s < of_.states; ++s) odds[of_.states == 1 ? 1 : s] = pen[s];
        const int32_t states = of_.states == 1 ? 2 : 3, state = drawn_of(allowed ? allowed : odds, states, warmth, uniform[3]);
        if (k < 0 || state < 0) return {0, 0, -1, 0};
        constexpr double TURN = 6.283185307179586;
        const double far = std::sqrt(-2 * std::log1p(-uniform[1])), one = far * std::cos(TURN * uniform[2]);
        const double rho = room[5 * wide_ + k], other = rho * one + std::sqrt(1 - rho * rho) * far * std::sin(TURN * uniform[2]);
        const double warm = std::sqrt(of_.temperature);
        Movement found{(float)(room[wide_ + k] + warm * std::exp(room[3 * wide_ + k] - of_.bias) * one),
                       (float)(room[2 * wide_ + k] + warm * std::exp(room[4 * wide_ + k] - of_.bias) * other), state, 0};
        if (!std::isfinite(found.x) || !std::isfinite(found.y)) return {0, 0, -1, 0};
        double most = std::max({odds[0], odds[1], states == 3 ? odds[2] : odds[1]}), sum = 0.0;
        for (int32_t s = 0; s < states; ++s) sum += std::exp(odds[s] - most);
        found.nats = std::log(sum) + most - odds[state] + (ends(state) ? 0.0 : nats_of_place(found, room));
        return found;
    }

   private:
    // Into log-weights, means of x and y, log-deviations of x and y, and correlations, each padded.
    void spread(const float *sums, bool are_parameters, float *room) const {
        const int32_t k = of_.components;
        std::fill_n(room, floats(), 0.0f);
        std::fill_n(room, wide_, NEVER);
        for (int32_t i = 0; i < k; ++i) {
            room[i] = sums[i];
            for (int part = 0; part < 2; ++part) {
                room[(1 + part) * wide_ + i] = sums[k + 2 * i + part];
                room[(3 + part) * wide_ + i] = sums[3 * k + 2 * i + part];
            }
            room[5 * wide_ + i] = sums[5 * k + i];
        }
        if (are_parameters) return;
        for (int64_t i = 3 * wide_; i < 5 * wide_; i += LANES)
            store(room + i, of_.largest_log * hyperbolic_tangent(load(room + i) / of_.largest_log));
        for (int64_t i = 5 * wide_; i < 6 * wide_; i += LANES)
            store(room + i, of_.largest_correlation * hyperbolic_tangent(load(room + i)));
        const float most = largest_of(room, wide_);
        double sum = 0.0;
        for (int32_t i = 0; i < k; ++i) sum += std::exp((double)room[i] - most);
        for (int32_t i = 0; i < k; ++i) room[i] = (float)(room[i] - most - std::log(sum));
    }

    int32_t component(double warmth, double uniform, const float *room) const {
        constexpr int32_t MANY = 64;
        double few[MANY] = {};
        std::vector<double> many(of_.components > MANY ? of_.components : 0);
        double *heights = many.empty() ? few : many.data();
        for (int32_t i = 0; i < of_.components; ++i) {
            const double rho = room[5 * wide_ + i], scales = (double)room[3 * wide_ + i] + room[4 * wide_ + i];
            heights[i] = room[i] * (1.0 + of_.bias);
            if (warmth == 0.0) heights[i] -= scales + 0.5 * std::log1p(-rho * rho);  // of the peaks
        }
        return drawn_of(heights, of_.components, warmth, uniform);
    }

    double nats_of_place(const Movement &at, const float *room) const {
        constexpr double LOG_TURN = 1.8378770664093453;
        double most = -std::numeric_limits<double>::infinity(), sum = 0.0;
        for (int32_t i = 0; i < of_.components; ++i) {
            const double s = room[3 * wide_ + i], t = room[4 * wide_ + i], rho = room[5 * wide_ + i], free = 1 - rho * rho;
            const double x = (at.x - room[wide_ + i]) * std::exp(-s), y = (at.y - room[2 * wide_ + i]) * std::exp(-t);
            const double height =
                room[i] - 0.5 * ((x * x + y * y - 2 * rho * x * y) / free + std::log(free)) - s - t - LOG_TURN;
            sum = height > most ? sum * std::exp(most - height) + 1 : sum + std::exp(height - most);
            most = std::max(most, height);
        }
        return -(std::log(sum) + most);
    }

    const statewise_pen &of_;
    const int32_t wide_;
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
