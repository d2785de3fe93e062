// Wanted items ranked among a sample of the others: scores, loss and gradient while a few rows of scores are in the cache.
#pragma once
#include <vector>

#include "products.h"
#include "ranking_losses.h"
#include "scratch.h"
#include "statewise/kernels.h"
#include "statewise/ranking.h"

namespace statewise {
namespace STATEWISE_TARGET {

// Which of the drawn items are a given one: chains through a table by the last bits of a scattered number.
class Chains {
   public:
    Chains(const int64_t *items, int32_t count) : items_(items), next_(count) {
        size_t size = 16;
        while (size < 2 * (size_t)count) size *= 2;
        first_.assign(size, -1);
        for (int32_t n = 0; n < count; ++n) {
            int32_t &first = first_[slot(items[n])];
            next_[n] = first;
            first = n;
        }
    }
    template <class With>
    void each(int64_t item, With with) const {
        for (int32_t n = first_[slot(item)]; n >= 0; n = next_[n])
            if (items_[n] == item) with(n);
    }

   private:
    size_t slot(int64_t item) const { return ((uint64_t)item * 0x9E3779B97F4A7C15u >> 32) & (first_.size() - 1); }
    const int64_t *items_;
    std::vector<int32_t> first_, next_;
};

// Places pass in rounds. In each, threads first take blocks of it, place by place, then drawn items, whose gradients are
// sums over all places of the round. How places fall into rounds and blocks depends on sizes alone, so the number of
// threads changes no bit.
template <class Loss>
struct Sample {
    static constexpr int32_t ROUND_PLACES = 192, BLOCKS = 4, BLOCK_PLACES = ROUND_PLACES / (2 * BLOCKS);
    static constexpr int64_t ROUND_SCORES = 1 << 19;

    const statewise_ranking &of;
    const statewise_ranking_gradients &to;
    const Chains chains;
    const int32_t places, width, wide, drawn, line, batch_width, round_places, rounds;
    float *panels, *back, *starts, *own_panels, *own_back, *own_starts;  // packed vectors, and what scores start from
    float *scores[2], *batch_scores, *pulls;
    float *packed, *moved, *rows;  // of each thread
    int64_t packed_size, rows_size;
    Barrier barrier;

    Sample(const statewise_ranking &of, const statewise_ranking_gradients &to, int threads)
        : of(of), to(to), chains(of.items + (int64_t)of.steps * of.rows, of.drawn), places(of.steps * of.rows),
          width(of.width), wide(padded(width)), drawn(of.drawn), line(apart(padded(drawn))),
          batch_width(of.in_batch ? padded(of.rows) : 0),
          round_places((int32_t)std::max<int64_t>(BLOCKS, std::min<int64_t>(ROUND_PLACES, ROUND_SCORES / line))),
          rounds((places + round_places - 1) / round_places) {
        const int64_t most = std::max({drawn, width, batch_width}), pairs = std::max(round_places, BLOCK_PAIRS);
        packed_size = std::max(BLOCK_PLACES * most, BLOCK_ROWS * pairs) + 2 * PANEL;
        rows_size = pairs * wide;
        carve({{&panels, (int64_t)padded(drawn) * width}, {&back, (int64_t)wide * drawn}, {&starts, padded(drawn)},
               {&own_panels, (int64_t)of.steps * batch_width * width}, {&own_back, (int64_t)of.steps * wide * batch_width},
               {&own_starts, (int64_t)of.steps * batch_width}, {&scores[0], (int64_t)round_places * line},
               {&scores[1], (int64_t)round_places * line}, {&batch_scores, (int64_t)places * batch_width}, {&pulls, places},
               {&packed, threads * packed_size}, {&moved, (int64_t)threads * BLOCK_PLACES * wide},
               {&rows, threads * rows_size}});
    }

    // Rows whose distance is a power of two would drive each other out of the cache.
    static int32_t apart(int32_t columns) { return ((columns / PANEL + 1) | 1) * PANEL; }
    const float *drawn_vectors() const { return of.vectors + (int64_t)places * width; }
    bool awake(int32_t place) const { return !of.mask || of.mask[place]; }

    // Call `with(step, places)` for the part of each step that lies among some places.
    template <class With>
    void by_step(Range some, With with) const {
        for (int32_t from = some.from, end; from < some.to; from = end) {
            const int32_t step = from / of.rows;
            end = std::min(some.to, (step + 1) * of.rows);
            with(step, Range{from, end});
        }
    }

    // Numbers of a vector [rows, width] as panels [wide / PANEL][terms][PANEL].
    void pack_back(const float *from, Range some, int32_t terms, float *to_panels) const {
        for (int32_t n = some.from; n < some.to; ++n)
            for (int32_t d = 0; d < width; d += PANEL)
                pack_row(from + (int64_t)n * width + d, width - d, to_panels + ((int64_t)d * terms + (int64_t)n * PANEL));
    }

    void pack(int index, int count) const {
        pack_weights(drawn_vectors(), 1, drawn, width, share(padded(drawn) / PANEL, index, count), panels);
        pack_back(drawn_vectors(), share(drawn, index, count), drawn, back);
        const float *lowered = of.lowered + places;
        const Range mine = share(padded(drawn), index, count);
        for (int32_t n = mine.from; n < mine.to; ++n) starts[n] = n < drawn ? lowered[n] : LEFT_OUT;
        const Range steps = share(batch_width ? of.steps : 0, index, count);
        for (int32_t t = steps.from; t < steps.to; ++t) {
            const float *own = of.vectors + (int64_t)t * of.rows * width;
            float *own_back_of = own_back + (int64_t)t * wide * batch_width;
            pack_weights(own, 1, of.rows, width, {0, batch_width / PANEL}, own_panels + (int64_t)t * batch_width * width);
            if (batch_width > of.rows) std::fill_n(own_back_of, (int64_t)wide * batch_width, 0.0f);
            pack_back(own, {0, of.rows}, batch_width, own_back_of);
            for (int32_t b = 0; b < batch_width; ++b)
                own_starts[t * batch_width + b] = b < of.rows ? of.lowered[t * of.rows + b] : LEFT_OUT;
        }
    }

    void score(Range block, float *to_scores, float *here) const {
        const Rows queries{of.queries, width, nullptr};
        const Tiles tiles(block.size());
        pack_rows(queries, block.from, tiles, width, here);
        multiply_each(tiles, here, panels, width, 0, padded(drawn) / PANEL, [&](int32_t n) {
            return Sums{starts + n * PANEL, 0, to_scores + n * PANEL, line};
        });
        if (!batch_width) return;
        by_step(block, [&](int32_t step, Range some) {
            const Tiles few(some.size());
            pack_rows(queries, some.from, few, width, here);
            multiply_each(few, here, own_panels + (int64_t)step * batch_width * width, width, 0, batch_width / PANEL, [&](int32_t n) {
                return Sums{own_starts + step * batch_width + n * PANEL, 0,
                            batch_scores + (int64_t)some.from * batch_width + n * PANEL, batch_width};
            });
        });
    }

    float wanted_score(int32_t place) const {
        const float *query = of.queries + (int64_t)place * width, *own = of.vectors + (int64_t)place * width;
        Lanes sum{};
        int32_t d = 0;
        for (; d + LANES <= width; d += LANES) sum = fused(load(query + d), load(own + d), sum);
        float score = sum_of(sum) + of.biases[place];
        for (; d < width; ++d) score += query[d] * own[d];
        return score;
    }

    // The loss of a place; gradients take the place of its scores.
    void rank(int32_t place, float *its_scores) const {
        const Others others{{its_scores, batch_scores + (int64_t)place * batch_width}, {padded(drawn), batch_width}};
        if (!awake(place)) {
            to.nats[place] = pulls[place] = nothing(others).pull;
            return;
        }
        const int64_t item = of.items[place];
        chains.each(item, [&](int32_t n) { its_scores[n] = LEFT_OUT; });
        const int32_t step = place / of.rows * of.rows;
        for (int32_t b = 0; batch_width && b < of.rows; ++b)
            if (of.items[step + b] == item || !awake(step + b)) others.piece[1][b] = LEFT_OUT;
        const Outcome found = Loss::rank(wanted_score(place), others, of.regularization);
        to.nats[place] = found.nats;
        pulls[place] = found.pull;
    }

    void move_queries(Range block, const float *its_scores, float *here, float *its_moved) const {
        const Tiles tiles(block.size());
        pack_rows({its_scores, line, nullptr}, 0, tiles, drawn, here);
        multiply_each(tiles, here, back, drawn, 0, wide / PANEL, [&](int32_t n) {
            return Sums{nullptr, 0, its_moved + n * PANEL, wide};
        });
        if (batch_width)
            by_step(block, [&](int32_t step, Range some) {
                const Tiles few(some.size());
                float *moved_here = its_moved + (int64_t)(some.from - block.from) * wide;
                pack_rows({batch_scores, batch_width, nullptr}, some.from, few, batch_width, here);
                multiply_each(few, here, own_back + (int64_t)step * wide * batch_width, batch_width, 0, wide / PANEL, [&](int32_t n) {
                    return Sums{moved_here + n * PANEL, wide, moved_here + n * PANEL, wide};
                });
            });
        for (int32_t place = block.from; place < block.to; ++place, its_moved += wide)
            for (int32_t d = 0; d < width; ++d)
                to.queries[(int64_t)place * width + d] = its_moved[d] + pulls[place] * of.vectors[(int64_t)place * width + d];
    }

    // gradient [.., width] of rows `some` = the sums over places of what is in their columns, times the places' queries
    void move_vectors(const SumColumns &columns, Range some, Range of_places, bool adds, float *here, float *its_rows,
                      float *vectors, float *biases) const {
        const Range pairs{0, of_places.size()};
        pack_back(of.queries + (int64_t)of_places.from * width, pairs, pairs.to, its_rows);
        if (!adds) std::fill(biases + some.from, biases + some.to, 0.0f);
        for (int32_t m = some.from; m < some.to; m += BLOCK_ROWS)
            add_block(columns, pairs, {m, std::min(some.to, m + BLOCK_ROWS)}, its_rows, width, adds, here, vectors, biases);
    }

    void move_own(Range mine, float *here, float *its_rows) const {
        by_step(mine, [&](int32_t step, Range some) {
            const int32_t first = step * of.rows;
            float *vectors = to.vectors + (int64_t)first * width, *biases = to.biases + first;
            const Range block{some.from - first, some.to - first};
            for (int32_t p = 0; batch_width && p < of.rows; p += BLOCK_PAIRS) {
                const Range pairs{first + p, first + std::min(of.rows, p + BLOCK_PAIRS)};
                const SumColumns columns{batch_scores + (int64_t)pairs.from * batch_width, batch_width, of.rows, 0, PANEL};
                move_vectors(columns, block, pairs, p > 0, here, its_rows, vectors, biases);
            }
        });
        for (int32_t place = mine.from; place < mine.to; ++place) {
            const int64_t at = (int64_t)place * width;
            for (int32_t d = 0; d < width; ++d)
                to.vectors[at + d] = (batch_width ? to.vectors[at + d] : 0.0f) + pulls[place] * of.queries[at + d];
            to.biases[place] = (batch_width ? to.biases[place] : 0.0f) + pulls[place];
        }
    }

    void pass(int index, int count) {
        float *here = packed + index * packed_size, *its_moved = moved + (int64_t)index * BLOCK_PLACES * wide;
        float *its_rows = rows + index * rows_size;
        pack(index, count);
        barrier.wait(count);
        for (int32_t r = 0; r < rounds; ++r) {
            const Range round = share(places, r, rounds);
            float *round_scores = scores[r % 2];  // in turns, so that nobody waits until all have read the last ones
            const int32_t blocks = BLOCKS * ((round.size() + BLOCKS * BLOCK_PLACES - 1) / (BLOCKS * BLOCK_PLACES));
            const Range mine = share(blocks, index, count);
            for (int32_t b = mine.from; b < mine.to; ++b) {
                const Range part = share(round.size(), b, blocks), block{round.from + part.from, round.from + part.to};
                if (!block.size()) continue;
                float *its_scores = round_scores + (int64_t)part.from * line;
                score(block, its_scores, here);
                for (int32_t i = 0; i < block.size(); ++i) rank(block.from + i, its_scores + (int64_t)i * line);
                move_queries(block, its_scores, here, its_moved);
            }
            barrier.wait(count);
            move_vectors({round_scores, line, drawn, 0, PANEL}, share(drawn, index, count), round, r > 0, here, its_rows,
                         to.vectors + (int64_t)places * width, to.biases + places);
        }
        move_own(share(places, index, count), here, its_rows);
    }
    static void work(void *given, int index, int count) { static_cast<Sample *>(given)->pass(index, count); }
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
