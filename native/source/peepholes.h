// The gradients of peepholes: of each unit, sums over all pairs of a gate's gradient times the memory that it looks at.
#pragma once
#include "layer.h"

namespace statewise {
namespace STATEWISE_TARGET {

// `gates` are the gradients of all pairs' sums, as a layer lays them; `to` [3, units].
template <class Cell>
static void gradients_of_peepholes(const Layer<Cell> &layer, const float *gates, Range blocks, float *to) {
    static constexpr int GATE[] = {0, 1, 3};
    for (int32_t j = blocks.from; j < blocks.to; ++j)
        for (int u = 0; u < PANEL; u += LANES) {
            Lanes total[3] = {};
            for (int32_t p = 0; p < layer.when.pairs; ++p)
                for (int e = 0; e < Cell::EXTRA; ++e) {
                    const int64_t number = e == 2 ? layer.number(p) : layer.when.source[p];
                    const float *memory = layer.record.memory + number * layer.width + j * PANEL + u;
                    const float *gradient = gates + p * layer.gap() + layer.of_block(j) + GATE[e] * PANEL + u;
                    total[e] = fused(load(gradient), load(memory), total[e]);
                }
            for (int e = 0; e < Cell::EXTRA; ++e)
                for (int v = 0; v < LANES && j * PANEL + u + v < layer.units; ++v)
                    to[(int64_t)e * layer.units + j * PANEL + u + v] = total[e][v];
        }
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
