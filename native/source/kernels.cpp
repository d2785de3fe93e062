// Everything that is compiled once for each instruction set.
#include "backward.h"
#include "forward.h"
#include "hyper.h"
#include "scan.h"
#include "staged_backward.h"
#include "staged_forward.h"
#include "window_backward.h"
#include "window_forward.h"

namespace statewise {
namespace STATEWISE_TARGET {

// The passes of a cell: in stages where it says that it has them.
template <class Cell, class = void>
struct Passes {
    typedef statewise::STATEWISE_TARGET::Forward<Cell> Forward;
    typedef statewise::STATEWISE_TARGET::Backward<Cell> Backward;
};
template <class Cell>
struct Passes<Cell, decltype((void)Cell::STAGES)> {
    typedef StagedForward<Cell> Forward;
    typedef StagedBackward<Cell> Backward;
};

// How many threads a layer is worth.
template <class Cell>
static int worth(const statewise_layer &of, int32_t rows, int threads) {
    return worth((int64_t)Cell::GATES * of.memory_units * (of.units + of.features) * rows, threads);
}

template <class Cell>
static void forward(const statewise_layer *layer, const statewise_schedule *when, const float *xs, int64_t xs_stride,
                    statewise_state first, statewise_state fresh, const statewise_record *record,
                    statewise_parallel parallel, int threads) {
    typedef typename Passes<Cell>::Forward Pass;
    threads = worth<Cell>(*layer, when->rows, threads);
    Pass pass(*layer, *when, *record, xs, xs_stride, threads);
    pass.begin(first, fresh);
    parallel(Pass::work, &pass, threads);
}

template <class Cell>
static void backward(const statewise_layer *layer, const statewise_schedule *when, const float *xs, int64_t xs_stride,
                     const statewise_record *record, const statewise_gradients *to, statewise_parallel parallel,
                     int threads) {
    typedef typename Passes<Cell>::Backward Pass;
    threads = worth<Cell>(*layer, when->rows, threads);
    Pass pass(*layer, *when, *record, xs, xs_stride, *to, threads);
    pass.begin();
    parallel(Pass::work, &pass, threads);
    pass.end();
}

// Call `with` an empty value of the cell's own type.
template <class With>
static void with_cell(int32_t cell, With with) {
    switch (cell) {
        case STATEWISE_GRU_RESET_BEFORE: return with(EarlyReset());
        case STATEWISE_LAYER_NORM_LSTM: return with(NormalizedLSTM());
        case STATEWISE_LAYER_NORM_GRU: return with(NormalizedGRU());
        case STATEWISE_PROJECTED_LSTM: return with(Projected());
        case STATEWISE_ZONEOUT_LSTM: return with(Zoned<LongShortTerm<Forget::GATE, false>>());
        case STATEWISE_ZONEOUT_COUPLED_LSTM: return with(Zoned<LongShortTerm<Forget::COUPLED, false>>());
        case STATEWISE_ZONEOUT_GRU: return with(Zoned<GatedUnit>());
        default: return with_plain_cell(cell, with);
    }
}

static void any_forward(const statewise_layer *layer, const statewise_schedule *when, const float *xs,
                        int64_t xs_stride, statewise_state first, statewise_state fresh,
                        const statewise_record *record, statewise_parallel parallel, int threads) {
    with_cell(layer->cell, [&](auto cell) {
        forward<decltype(cell)>(layer, when, xs, xs_stride, first, fresh, record, parallel, threads);
    });
}

static void any_backward(const statewise_layer *layer, const statewise_schedule *when, const float *xs,
                         int64_t xs_stride, const statewise_record *record, const statewise_gradients *to,
                         statewise_parallel parallel, int threads) {
    with_cell(layer->cell, [&](auto cell) {
        backward<decltype(cell)>(layer, when, xs, xs_stride, record, to, parallel, threads);
    });
}

// Rows go each its own way, so more threads than rows have nothing to do.
static int worth(const statewise_window &of, int32_t rows, int threads) {
    const statewise_layer &layer = of.layer;
    return std::min(worth((int64_t)4 * layer.units * (layer.units + layer.features) * rows, threads), rows);
}

template <class With>
static void with_window_cell(const statewise_window &of, With with) {
    if (of.layer.cell == STATEWISE_PEEPHOLE_LSTM) return with(LongShortTerm<Forget::GATE, true>());
    with(LongShortTerm<Forget::GATE, false>());
}

static void window_forward(const statewise_window *of, const statewise_schedule *when, const float *xs, int64_t xs_stride,
                           statewise_window_state first, statewise_window_state fresh, const statewise_window_record *record,
                           float *ys, statewise_parallel parallel, int threads) {
    with_window_cell(*of, [&](auto cell) {
        typedef WindowForward<decltype(cell)> Pass;
        Pass pass(*of, *when, *record, xs, xs_stride, ys);
        pass.begin(first, fresh);
        parallel(Pass::work, &pass, worth(*of, when->rows, threads));
    });
}

static void window_backward(const statewise_window *of, const statewise_schedule *when, const statewise_window_record *record,
                            const statewise_window_gradients *to, statewise_parallel parallel, int threads) {
    threads = worth(*of, when->rows, threads);
    with_window_cell(*of, [&](auto cell) {
        typedef WindowBackward<decltype(cell)> Pass;
        Pass pass(*of, *when, *record, *to, threads);
        pass.begin();
        parallel(Pass::work, &pass, threads);
        pass.end();
    });
}

template <Lanes (*function)(Lanes)>
static void each(const float *from, float *to, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        const int here = (int)std::min<int64_t>(LANES, n - i);
        alignas(64) float some[LANES] = {};
        std::copy_n(from + i, here, some);
        store(some, function(load(some)));
        std::copy_n(some, here, to + i);
    }
}

struct Product {
    const float *a, *b;
    float *c, *panels, *packed;
    int32_t m, n, k;
    Barrier barrier;

    static void work(void *given, int index, int count) {
        Product &of = *static_cast<Product *>(given);
        pack_weights(of.b, 1, of.n, of.k, share(padded(of.n) / PANEL, index, count), of.panels);
        of.barrier.wait(count);
        rows_by_panels({of.a, of.k, nullptr}, share(of.m, index, count), of.k, of.panels, of.n, of.c, nullptr,
                       of.packed + (int64_t)index * BLOCK_ROWS * of.k);
    }
};

static void product(const float *a, const float *b, float *c, int32_t m, int32_t n, int32_t k,
                    statewise_parallel parallel, int threads) {
    Product pass{a, b, c, nullptr, nullptr, m, n, k, {}};
    carve({{&pass.panels, (int64_t)padded(n) * k}, {&pass.packed, (int64_t)threads * BLOCK_ROWS * k}});
    parallel(Product::work, &pass, threads);
}

static double multiply_adds(int64_t times) {
    constexpr int SUMS = LANES == PANEL ? 24 : 12;
    Lanes sums[SUMS], x = fill(0.5f);
    for (int i = 0; i < SUMS; ++i) sums[i] = fill((float)i);  // all different, or one would be made for all
    for (int64_t n = 0; n < times; ++n)
#pragma GCC unroll 24
        for (int i = 0; i < SUMS; ++i) sums[i] = fused(sums[i], x, x);
    for (int i = 1; i < SUMS; ++i) sums[0] += sums[i];
    volatile float kept = sums[0][0];  // so that none of it is left out
    (void)kept;
    return 2.0 * LANES * SUMS * times;
}

void rank(const statewise_ranking *, const statewise_ranking_gradients *, statewise_parallel, int threads);
void pictures(const statewise_pictures *, const statewise_pictures_gradients *, statewise_parallel, int threads);
uint64_t digest(const statewise_numbers *, int32_t count, int32_t part, int32_t parts);

#define STATEWISE_TEXT_OF(name) #name
#define STATEWISE_TEXT(name) STATEWISE_TEXT_OF(name)

extern const statewise_kernels kernels;
const statewise_kernels kernels = {STATEWISE_TEXT(STATEWISE_TARGET), any_forward, any_backward, scan, rank, pictures, hyper,
                                   window_forward, window_backward, digest,
                                   each<sigmoid>, each<hyperbolic_tangent>, product, multiply_adds};

}  // namespace STATEWISE_TARGET
}  // namespace statewise
