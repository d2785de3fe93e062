// A packed matrix and its product with packed rows. Sums are made in one order whatever the other columns hold.
#pragma once
#include <cstdlib>
#include <memory>
#include <new>

#include "storage.h"
#include "tiles.h"

namespace statewise {
namespace STATEWISE_TARGET {

struct Freed {
    void operator()(void *memory) const { std::free(memory); }
};
template <class Number>
using Memory = std::unique_ptr<Number[], Freed>;

// Memory on a cache line, with zeros in it. Much of it lies in large pages where there are such: weights are read from
// end to end at every step, and looking up where each small page lies would take a part of the time.
template <class Number>
static Memory<Number> allocate(int64_t count) {
    constexpr size_t LINE = 64, LARGE_PAGE = (size_t)2 << 20;
    const size_t wanted = (size_t)count * sizeof(Number) + LINE, alignment = wanted < LARGE_PAGE / 2 ? LINE : LARGE_PAGE;
    const size_t bytes = (wanted + alignment - 1) / alignment * alignment;
    void *memory = std::aligned_alloc(alignment, bytes);
    if (!memory) throw std::bad_alloc();
    statewise_large_pages(memory, bytes);
    std::memset(memory, 0, bytes);
    return Memory<Number>(static_cast<Number *>(memory));
}

constexpr int TOGETHER = 4;                  // panels that one row meets at once
constexpr int SUMS = TOGETHER * PANEL;       // room for the sums of a row: of four gates, or of four blocks of one

// Panels that a tile of rows meets at once: as many as leave every sum a register of its own.
template <class Storage>
constexpr int MANY = LANES == PANEL && Storage::VECTORS_OF_SUM == 1 ? 2 : 1;

// Rows packed tile after tile for products, each with its scale.
template <class Storage>
struct Packed {
    typename Storage::Word *words;
    float *scales;

    static int32_t steps(int32_t terms) { return (terms + Storage::TERMS - 1) / Storage::TERMS; }
    static int64_t words_of_row(int32_t terms) { return (int64_t)steps(terms) * Storage::WORDS; }

    void pack(const float *rows, int64_t gap, int32_t terms, const Tiles &tiles) const {
        for (int32_t i = 0; i < tiles.count; ++i) {
            const int size = tiles.size(i);
            typename Storage::Word *to = words + tiles.first(i) * words_of_row(terms);
            for (int r = 0; r < size; ++r) {
                const int32_t row = tiles.first(i) + r;
                scales[row] = Storage::pack_row(rows + row * gap, terms, size, to + r * Storage::WORDS);
            }
        }
    }
};

template <class Storage>
struct Stretch {
    const typename Storage::Word *x;
    const uint32_t *weights;
    int64_t weights_gap;
    bool fetched;  // by the tile of rows before
    int steps;
    const float *scales, *weight_scales;
    const int32_t *beginnings;
    const int32_t *slots;
    float *out;
    int64_t out_gap;
};

// out[R, P panels] += rows times panels, over one stretch of terms
template <class Storage, int R, int P>
static void add_stretch(const Stretch<Storage> &of) {
    constexpr int AHEAD = 2048;  // words: eight kilobytes, as far as the third cache is away
    typename Storage::Sum sum[R][P][VECTORS];
    for (int r = 0; r < R; ++r)
        for (int p = 0; p < P; ++p)
            for (int v = 0; v < VECTORS; ++v) sum[r][p][v] = Storage::begin(of.beginnings + p * PANEL + v * LANES);
    const uint32_t *words = of.weights;
    const typename Storage::Word *x = of.x;
#pragma GCC unroll 2
    for (int k = 0; k < of.steps; ++k, words += of.weights_gap, x += R * Storage::WORDS) {
        typename Storage::Weights weights[P][VECTORS];
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p) {
            if (R == 1 || !of.fetched) __builtin_prefetch(words + p * PANEL + AHEAD);
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) weights[p][v] = Storage::weights(load_words(words + p * PANEL + v * LANES));
        }
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
            for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; ++v)
                    sum[r][p][v] = Storage::add(sum[r][p][v], x + r * Storage::WORDS, weights[p][v]);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) {
                float *out = of.out + r * of.out_gap + of.slots[p] * PANEL + v * LANES;
                const float *scales = Storage::SCALED ? of.weight_scales + p * PANEL + v * LANES : nullptr;
                store(out, Storage::finish(sum[r][p][v], load(out), Storage::SCALED ? of.scales[r] : 1.0f, scales));
            }
}

template <class Storage>
using AddStretch = void (*)(const Stretch<Storage> &);

template <class Storage, int P, int... R>
static inline AddStretch<Storage> of_many_rows(int rows, std::integer_sequence<int, R...>) {
    static constexpr AddStretch<Storage> table[] = {add_stretch<Storage, R + 1, P>...};
    return table[rows - 1];
}

template <class Storage>
static inline AddStretch<Storage> of_one_row(int panels) {
    static constexpr AddStretch<Storage> table[] = {add_stretch<Storage, 1, 1>, add_stretch<Storage, 1, 2>,
                                                    add_stretch<Storage, 1, 3>, add_stretch<Storage, 1, 4>};
    return table[panels - 1];
}

// Weights [gates * units, terms] as groups of panels [steps][panels][PANEL], block after block of units and in each gate
// after gate; a group holds whole blocks. Products of a group are added to the slots of sums that `slots` names.
template <class Storage>
class Matrix {
   public:
    Matrix() = default;
    Matrix(const float *weights, int gates, int32_t units, int32_t terms)
        : terms_(terms), steps_(Packed<Storage>::steps(terms)), panels_(gates * (padded(units) / PANEL)),
          together_(gates == 1 ? TOGETHER : gates), words_(allocate<uint32_t>((int64_t)panels_ * steps_ * PANEL)),
          scales_(allocate<float>(Storage::SCALED ? panels_ * PANEL : 0)),
          beginnings_(allocate<int32_t>(Storage::SCALED ? (int64_t)panels_ * stretches() * PANEL : 0)) {
        for (int32_t p = 0; p < panels_; ++p)
            for (int c = 0; c < PANEL && p / gates * PANEL + c < units; ++c)
                pack_column(weights + ((int64_t)(p % gates) * units + p / gates * PANEL + c) * terms, p, c);
    }

    int32_t terms() const { return terms_; }
    int32_t groups() const { return (panels_ + together_ - 1) / together_; }
    size_t bytes() const {
        return ((size_t)panels_ * steps_ * sizeof(uint32_t) + (Storage::SCALED ? panels_ * sizeof(float) : 0)) * PANEL;
    }

    void add_product(int32_t group, const Packed<Storage> &rows, const Tiles &tiles, const int32_t *slots, float *out,
                     int64_t out_gap) const {
        const int panels = panels_of(group);
        const float *scales = scales_.get() + (int64_t)group * together_ * PANEL;
        const int32_t *beginnings = beginnings_.get() + (int64_t)group * together_ * stretches() * PANEL;
        for (int32_t k = 0; k < steps_; k += STRETCH_STEPS, beginnings += Storage::SCALED ? panels * PANEL : 0) {
            const int length = std::min(STRETCH_STEPS, steps_ - k);
            const uint32_t *words = words_.get() + ((int64_t)group * together_ * steps_ + (int64_t)k * panels) * PANEL;
            const int at_once = tiles.rows == 1 ? panels : MANY<Storage>;
            for (int p = 0; p < panels; p += at_once)
                for (int32_t i = 0; i < tiles.count; ++i) {
                    const int32_t row = tiles.first(i);
                    const int size = tiles.size(i), here = std::min(at_once, panels - p);
                    chosen(size, here)({rows.words + row * Packed<Storage>::words_of_row(terms_) + (int64_t)k * size * Storage::WORDS,
                                        words + p * PANEL, panels * PANEL, i > 0, length, rows.scales + row, scales + p * PANEL,
                                        beginnings + (Storage::SCALED ? p * PANEL : 0), slots + p, out + row * out_gap, out_gap});
                }
        }
    }

   private:
    int panels_of(int32_t group) const { return std::min(together_, panels_ - group * together_); }

    static AddStretch<Storage> chosen(int rows, int panels) {
        if (rows == 1) return of_one_row<Storage>(panels);
        constexpr auto ROWS = std::make_integer_sequence<int, TILE_ROWS>();
        return panels == MANY<Storage> ? of_many_rows<Storage, MANY<Storage>>(rows, ROWS) : of_many_rows<Storage, 1>(rows, ROWS);
    }

    static constexpr int STRETCH_STEPS = Storage::STRETCH_TERMS / Storage::TERMS;
    int32_t stretches() const { return (steps_ + STRETCH_STEPS - 1) / STRETCH_STEPS; }

    void pack_column(const float *weights, int32_t panel, int column) {
        float scale = 1.0f;
        if (Storage::SCALED) {
            float largest = 0.0f;
            for (int32_t k = 0; k < terms_; ++k) largest = std::max(largest, std::fabs(weights[k]));
            scales_[panel * PANEL + column] = scale = largest / Int8::LARGEST;
        }
        const int32_t group = panel / together_, panels = panels_of(group);
        uint32_t *to = words_.get() + ((int64_t)group * together_ * steps_ + panel % together_) * PANEL + column;
        int32_t *beginnings = beginnings_.get() + ((int64_t)group * together_ * stretches() + panel % together_) * PANEL + column;
        for (int32_t step = 0, k = 0; step < steps_; ++step, k += Storage::TERMS, to += panels * PANEL) {
            *to = Storage::pack(weights + k, std::min(Storage::TERMS, terms_ - k), scale);
            if (Storage::SCALED) beginnings[step / STRETCH_STEPS * panels * PANEL] += Int8::beginning(*to);
        }
    }

    int32_t terms_ = 0, steps_ = 0, panels_ = 0;
    int together_ = 1;
    Memory<uint32_t> words_;
    Memory<float> scales_;
    Memory<int32_t> beginnings_;
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
