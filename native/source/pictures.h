// A convolution of many small pictures: each is padded, read and, on the way back, written to while it lies in the cache.
#pragma once
#include "products.h"
#include "scratch.h"
#include "statewise/pictures.h"

namespace statewise {
namespace STATEWISE_TARGET {

constexpr int REACH = STATEWISE_REACH, STRIDE = STATEWISE_STRIDE;

// Sizes of a picture, of what is found in it, and of the runs of numbers that a weight meets: REACH pixels of a row.
struct PictureSizes {
    int32_t height, width, channels, maps, rows, columns, run, terms, padded_maps, padded_run;
    int64_t row_gap, around, places;  // floats of a padded row, and of a padded picture; places where something is found
    explicit PictureSizes(const statewise_pictures &of)
        : height(of.height), width(of.width), channels(of.channels), maps(of.maps), rows((of.height + 1) / STRIDE),
          columns((of.width + 1) / STRIDE), run(REACH * of.channels), terms(REACH * run), padded_maps(padded(of.maps)),
          padded_run((run + LANES - 1) / LANES * LANES), row_gap((int64_t)(STRIDE * columns + 1) * channels),
          around((int64_t)(STRIDE * rows + 1) * row_gap), places((int64_t)rows * columns) {}
    int64_t size() const { return (int64_t)height * width * channels; }
    int64_t at(int32_t row, int32_t column) const { return STRIDE * (row * row_gap + (int64_t)column * channels); }
};

// sums [R, P panels] = what R neighbours find: `a` is where the first one's window begins, each next one `step` later.
template <int R, int P>
static void find(const PictureSizes &of, const float *__restrict a, const float *__restrict b, int64_t panel_gap,
                 const float *bias, float *to) {
    const int64_t step = STRIDE * (int64_t)of.channels;
    Lanes sum[R][P][VECTORS];
    for (int r = 0; r < R; ++r)
        for (int p = 0; p < P; ++p)
            for (int v = 0; v < VECTORS; ++v) sum[r][p][v] = load(bias + p * PANEL + v * LANES);
    for (int k = 0; k < REACH; ++k, a += of.row_gap)
        for (int32_t i = 0; i < of.run; ++i, b += PANEL) {
            Lanes weights[P][VECTORS];
#pragma GCC unroll 4
            for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; ++v) weights[p][v] = load(b + p * panel_gap + v * LANES);
#pragma GCC unroll 16
            for (int r = 0; r < R; ++r) {
                const Lanes x = fill(a[i + r * step]);
#pragma GCC unroll 4
                for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
                    for (int v = 0; v < VECTORS; ++v) sum[r][p][v] = fused(x, weights[p][v], sum[r][p][v]);
            }
        }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) {
                const Lanes found = sum[r][p][v];
                store(to + (r * P + p) * PANEL + v * LANES, found < 0 ? Lanes{} : found);  // not a number stays that
            }
}

// weights [K, P panels] += what all places say: number i + k of a run at a place, times the place's gradient.
template <int K, int P>
static void learn(const PictureSizes &of, const float *__restrict a, const float *__restrict gradient, float *to) {
    Lanes sum[K][P][VECTORS];
    for (int k = 0; k < K; ++k)
        for (int p = 0; p < P; ++p)
            for (int v = 0; v < VECTORS; ++v) sum[k][p][v] = Lanes{};
    const int64_t step = STRIDE * (int64_t)of.channels;
    for (int32_t row = 0; row < of.rows; ++row) {
        const float *x = a + of.at(row, 0);
        for (int32_t column = 0; column < of.columns; ++column, x += step, gradient += of.padded_maps) {
            Lanes g[P][VECTORS];
#pragma GCC unroll 4
            for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; ++v) g[p][v] = load(gradient + p * PANEL + v * LANES);
#pragma GCC unroll 16
            for (int k = 0; k < K; ++k)
#pragma GCC unroll 4
                for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
                    for (int v = 0; v < VECTORS; ++v) sum[k][p][v] = fused(fill(x[k]), g[p][v], sum[k][p][v]);
        }
    }
#pragma GCC unroll 16
    for (int k = 0; k < K; ++k)
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) {
                float *at = to + (int64_t)k * of.padded_maps + p * PANEL + v * LANES;
                store(at, load(at) + sum[k][p][v]);
            }
}

// pictures += what R neighbours owe to V vectors of the run that begins at `to`, the next one's `step` later.
template <int R, int V>
static void owe(const PictureSizes &of, const float *__restrict gradient, const float *__restrict b, float *to) {
    Lanes sum[R][V];
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v) sum[r][v] = Lanes{};
    for (int32_t m = 0; m < of.maps; ++m, b += of.padded_run) {
        Lanes weights[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) weights[v] = load(b + v * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const Lanes g = fill(gradient[r * of.padded_maps + m]);
#pragma GCC unroll 8
            for (int v = 0; v < V; ++v) sum[r][v] = fused(g, weights[v], sum[r][v]);
        }
    }
    const int64_t step = STRIDE * (int64_t)of.channels;
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) {  // neighbours share pixels, so one after another
            float *at = to + r * step + v * LANES;
            store(at, load(at) + sum[r][v]);
        }
}

typedef void (*Find)(const PictureSizes &, const float *, const float *, int64_t, const float *, float *);
typedef void (*Learn)(const PictureSizes &, const float *, const float *, float *);
typedef void (*Owe)(const PictureSizes &, const float *, const float *, float *);

template <int P, int... R>
static inline Find finding(int rows, std::integer_sequence<int, R...>) {
    static constexpr Find table[] = {find<R + 1, P>...};
    return table[rows - 1];
}
template <int P, int... K>
static inline Learn learning(int terms, std::integer_sequence<int, K...>) {
    static constexpr Learn table[] = {learn<K + 1, P>...};
    return table[terms - 1];
}
template <int R, int... V>
static inline Owe owing(int vectors, std::integer_sequence<int, V...>) {
    static constexpr Owe table[] = {owe<R, V + 1>...};
    return table[vectors - 1];
}

// Rows and vectors that an `owe` holds in registers.
constexpr int OWING_ROWS = 4, OWING_VECTORS = LANES == PANEL ? 6 : TILE_ROWS / 2;

struct Convolution {
    const statewise_pictures &of;
    const statewise_pictures_gradients *to;
    PictureSizes sizes;
    int64_t per_thread, chunks;
    float *panels, *bias, *back, *own, *partial;
    Barrier barrier;

    // Gradients of weights are summed chunk by chunk, whatever the threads are.
    static constexpr int32_t LEAST_CHUNK = 32, MOST_CHUNKS = 64;
    static constexpr auto ROWS = std::make_integer_sequence<int, TILE_ROWS>();

    Convolution(const statewise_pictures &of, const statewise_pictures_gradients *to, int threads) : of(of), to(to), sizes(of) {
        const int64_t room = sizes.around + PANEL, gradient = sizes.places * sizes.padded_maps;
        const int64_t finished = (int64_t)TILE_ROWS * SIDE * PANEL;
        per_thread = room + (to ? gradient + (to->pictures ? room : 0) : finished);
        per_thread = (per_thread + PANEL - 1) / PANEL * PANEL;
        chunks = std::max<int64_t>(1, std::min<int64_t>(MOST_CHUNKS, of.count / LEAST_CHUNK));
        carve({{&panels, (int64_t)sizes.terms * sizes.padded_maps},
               {&bias, sizes.padded_maps},
               {&back, to && to->pictures ? (int64_t)REACH * of.maps * sizes.padded_run : 0},
               {&own, threads * per_thread},
               {&partial, to ? chunks * partial_size() : 0}});
        pack_weights(of.weights, 1, of.maps, sizes.terms, {0, sizes.padded_maps / PANEL}, panels);
        for (int32_t m = 0; m < sizes.padded_maps; ++m) bias[m] = m < of.maps ? of.bias[m] : 0.0f;
        if (to && to->pictures)
            for (int k = 0; k < REACH; ++k)
                for (int32_t m = 0; m < of.maps; ++m) {
                    float *at = back + ((int64_t)k * of.maps + m) * sizes.padded_run;
                    std::copy_n(of.weights + (int64_t)m * sizes.terms + k * sizes.run, sizes.run, at);
                    std::fill(at + sizes.run, at + sizes.padded_run, 0.0f);
                }
    }
    int64_t partial_size() const { return (int64_t)(sizes.terms + 1) * sizes.padded_maps; }

    static void work(void *given, int index, int count) {
        Convolution &pass = *static_cast<Convolution *>(given);
        float *around = pass.own + index * pass.per_thread;
        std::fill(around, around + pass.per_thread, 0.0f);  // what surrounds a picture stays nought
        if (!pass.to) {
            const Range own = share(pass.of.count, index, count);
            for (int32_t n = own.from; n < own.to; ++n) pass.forward(n, around);
            return;
        }
        const Range own = share((int32_t)pass.chunks, index, count);
        for (int32_t chunk = own.from; chunk < own.to; ++chunk) {
            float *sums = pass.partial + chunk * pass.partial_size();
            std::fill(sums, sums + pass.partial_size(), 0.0f);
            const Range numbers = share(pass.of.count, chunk, (int)pass.chunks);
            for (int32_t n = numbers.from; n < numbers.to; ++n) pass.backward(n, around, sums);
        }
        pass.barrier.wait(count);
        pass.add_up(share(pass.of.maps, index, count));
    }

    // A picture with noughts around it, and from there back to one without.
    void surround(int32_t n, float *around) const {
        const float *from = of.pictures + n * of.gap;
        for (int32_t y = 0; y < sizes.height; ++y)
            std::copy_n(from + (int64_t)y * sizes.width * sizes.channels, (int64_t)sizes.width * sizes.channels,
                        around + (y + 1) * sizes.row_gap + sizes.channels);
    }

    void forward(int32_t n, float *around) const {
        surround(n, around);
        float *finished = around + sizes.around + PANEL;
        float *found = of.found + n * sizes.places * of.maps;
        const int64_t panel_gap = (int64_t)sizes.terms * PANEL;
        const Tiles tiles(sizes.columns);
        for (int32_t row = 0; row < sizes.rows; ++row)
            for (int32_t i = 0; i < tiles.count; ++i) {
                const int32_t column = tiles.first(i), size = tiles.size(i);
                for (int32_t from = 0, here; from < sizes.padded_maps; from += here * PANEL) {
                    here = sizes.padded_maps - from >= SIDE * PANEL ? SIDE : 1;
                    const Find by = here == 1 ? finding<1>(size, ROWS) : finding<SIDE>(size, ROWS);
                    by(sizes, around + sizes.at(row, column), panels + from / PANEL * panel_gap, panel_gap, bias + from,
                       finished);
                    for (int32_t r = 0; r < size; ++r)
                        for (int p = 0; p < here; ++p)
                            unpack(finished + (r * here + p) * PANEL, of.maps - from - p * PANEL,
                                   found + ((int64_t)row * sizes.columns + column + r) * of.maps + from + p * PANEL);
                }
            }
    }

    void backward(int32_t n, float *around, float *sums) const {
        surround(n, around);
        float *gradient = around + sizes.around + PANEL;
        const int64_t first = n * sizes.places * of.maps;
        for (int64_t p = 0; p < sizes.places; ++p) {
            const float *found = of.found + first + p * of.maps, *given = to->found + first + p * of.maps;
            float *at = gradient + p * sizes.padded_maps;
            for (int32_t m = 0; m < of.maps; ++m) at[m] = found[m] <= 0 ? 0.0f : given[m];
        }
        float *to_bias = sums + (int64_t)sizes.terms * sizes.padded_maps;
        for (int32_t m = 0; m < sizes.padded_maps; m += LANES) {
            Lanes sum{};
            for (int64_t p = 0; p < sizes.places; ++p) sum += load(gradient + p * sizes.padded_maps + m);
            store(to_bias + m, load(to_bias + m) + sum);
        }
        for (int k = 0; k < REACH; ++k) {
            const Tiles tiles(sizes.run);
            for (int32_t i = 0; i < tiles.count; ++i)
                for (int32_t from = 0, here; from < sizes.padded_maps; from += here * PANEL) {
                    here = sizes.padded_maps - from >= SIDE * PANEL ? SIDE : 1;
                    const Learn by = here == 1 ? learning<1>(tiles.size(i), ROWS) : learning<SIDE>(tiles.size(i), ROWS);
                    const int32_t term = k * sizes.run + tiles.first(i);
                    by(sizes, around + k * sizes.row_gap + tiles.first(i), gradient + from,
                       sums + (int64_t)term * sizes.padded_maps + from);
                }
        }
        if (to->pictures) bring_back(n, gradient, gradient + sizes.places * sizes.padded_maps);
    }

    // The gradient of a picture: what all places owe to it.
    void bring_back(int32_t n, const float *gradient, float *around) const {
        constexpr auto VECTORS_OWED = std::make_integer_sequence<int, OWING_VECTORS>();
        std::fill(around, around + sizes.around, 0.0f);
        for (int k = 0; k < REACH; ++k)
            for (int32_t from = 0, here; from < sizes.padded_run; from += here * LANES) {
                here = std::min<int32_t>(OWING_VECTORS, (sizes.padded_run - from) / LANES);
                const float *weights = back + (int64_t)k * of.maps * sizes.padded_run + from;
                const Owe many = owing<OWING_ROWS>(here, VECTORS_OWED), one = owing<1>(here, VECTORS_OWED);
                for (int32_t row = 0; row < sizes.rows; ++row)
                    for (int32_t column = 0; column < sizes.columns;) {
                        const bool is_many = sizes.columns - column >= OWING_ROWS;
                        (is_many ? many : one)(
                            sizes, gradient + ((int64_t)row * sizes.columns + column) * sizes.padded_maps, weights,
                            around + sizes.at(row, column) + k * sizes.row_gap + from);
                        column += is_many ? OWING_ROWS : 1;
                    }
            }
        float *out = to->pictures + n * sizes.size();
        for (int32_t y = 0; y < sizes.height; ++y)
            std::copy_n(around + (y + 1) * sizes.row_gap + sizes.channels, (int64_t)sizes.width * sizes.channels,
                        out + (int64_t)y * sizes.width * sizes.channels);
    }

    // The sums of all chunks, in their order, for some maps.
    void add_up(Range maps) const {
        for (int64_t term = 0; term <= sizes.terms; ++term)
            for (int32_t m = maps.from; m < maps.to; ++m) {
                float sum = 0.0f;
                for (int64_t chunk = 0; chunk < chunks; ++chunk)
                    sum += partial[chunk * partial_size() + term * sizes.padded_maps + m];
                *(term < sizes.terms ? to->weights + (int64_t)m * sizes.terms + term : to->bias + m) = sum;
            }
    }
};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
