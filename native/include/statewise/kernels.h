/* Recurrences over time on bare memory: the whole interface of the native core.

   Everything is float32, row after row. `steps` T, `rows` B, `features` D, `units` H, `gates` G; a `pair` is one row at
   one step at which it is awake, and pairs are numbered step after step, row after row. Widths are padded to a
   multiple of STATEWISE_PANEL where this interface says "padded", and the padding holds zeros. M is the width of the
   memory and of a gate: H itself, but for a projected LSTM. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { STATEWISE_PANEL = 16 };

/* Order of gates in weights and in `gates`: lstm i f g o; coupled f g o; lstm_1997 i g o; every gru r z n. */
enum statewise_cell {
    STATEWISE_ELMAN_TANH,
    STATEWISE_ELMAN_RELU,
    STATEWISE_LSTM,
    STATEWISE_PEEPHOLE_LSTM,
    STATEWISE_COUPLED_LSTM,
    STATEWISE_LSTM_1997,
    STATEWISE_GRU,
    STATEWISE_GRU_RESET_BEFORE,
    STATEWISE_LAYER_NORM_LSTM,
    STATEWISE_LAYER_NORM_GRU,
    STATEWISE_PROJECTED_LSTM,
    STATEWISE_ZONEOUT_LSTM,
    STATEWISE_ZONEOUT_COUPLED_LSTM,
    STATEWISE_ZONEOUT_GRU,
    STATEWISE_CELLS
};

/* Which pairs there are. A state is kept per pair, after 2 B others: the rows' first states, then the states of rows
   that are reset; `source` is the number of the state that a pair starts from, `last` that of a row's last state. */
struct statewise_schedule {
    int32_t steps, rows, pairs;
    const int32_t *start;  /* [T + 1]: the first pair of each step */
    const int32_t *row;    /* [pairs] */
    const int32_t *place;  /* [pairs]: t * B + b */
    const int32_t *source; /* [pairs] */
    const int32_t *last;   /* [B] */
};

struct statewise_layer {
    int32_t cell, features, units, memory_units;
    const float *input_weights;     /* [G * M, D] */
    const float *recurrent_weights; /* [G * M, H] */
    const float *bias;              /* [G * M] */
    /* Peepholes i f o [3 * H]; gru: the candidate's bias [H]; projected: [H, M]; layer-norm: gains of the inputs' sums
       [G * H] and of the recurrent ones [G * H], and for the lstm the memory's gain and bias [2 * H]; else null. */
    const float *extra;
    /* With zoneout, the share of a state that stays as it was, drawn where there are changes: [pairs, 1 or 2, padded H],
       255 where a hidden value, then a memory, changes. Of another LSTM, the share of its candidates that is lost, and
       with changes [pairs, padded M], 255 where one is kept, divided by the share that is. */
    float rate;
    const uint8_t *changes; /* or null */
};

/* What a forward pass leaves for the backward one. Each 64-byte aligned. */
struct statewise_record {
    float *hidden; /* [2 B + pairs, padded H] */
    float *memory; /* [2 B + pairs, padded M], for cells that have one; without a backward pass to come [2 B, padded M] */
    float *gates;  /* [pairs, G * padded M + STATEWISE_PANEL]; null where no backward pass will come */
    /* What lies between a cell's sums, `inner` * padded M + `moments` numbers a pair. gru: U h + d; reset before: r h;
       projected: o tanh(c); layer-norm: the normal sums of inputs and of hidden values, then means and deviations. */
    float *inner;
};

struct statewise_state {
    const float *hidden, *memory; /* [B, H], [B, M] */
};

struct statewise_gradients {
    const float *outputs;                  /* [T * B], `outputs_stride` apart */
    int64_t outputs_stride;
    struct statewise_state last;           /* of the last state, or nulls */
    float *xs;                             /* [T * B, D], zero where a row sleeps; or null where nobody asks */
    float *input_weights, *recurrent_weights, *bias, *extra;
    float *first_hidden, *first_memory;    /* [B, H], [B, M] */
    float *fresh_hidden, *fresh_memory;    /* the same, or null where no row begins again */
};

/* h_t = decay_t h_{t-1} + drive_t, of real or complex numbers. A row that sleeps keeps its state; one that is reset
   begins at nought. Gaps of `decay` are in floats, and may be nought. */
struct statewise_scan {
    int32_t steps, rows, units, complex;
    const uint8_t *reset, *mask; /* [T, B] of bytes, or null */
    const float *decay;
    int64_t decay_step, decay_row;
    const float *drive, *first; /* [T, B, H] and [B, H] */
    float *states;              /* [T, B, H] */
};

struct statewise_scan_gradients {
    const float *states;  /* [T, B, H], or null */
    float *decay, *drive; /* [T, B, H] */
    float *first;         /* [B, H]; in: of the last state */
};

/* One step of a HyperLSTM once its products are there; units are a multiple of STATEWISE_PANEL, gates i f g o. */
struct statewise_hyper {
    int32_t rows, units;
    const float *scales;         /* [3, 4, rows, units]: of what is read, of hidden values, and shifts */
    const float *from_x, *from_h; /* [rows, 4, units]: the products */
    const float *bias, *extra;   /* [4, units]; gains [4, units], 4 * units of no meaning, the memory's gain and bias */
    const float *memory_before;  /* [rows, units] */
    float *memory, *hidden;      /* [rows, units]: after */
    float *gates, *normal;       /* [rows, 4, units]: activations, and sums brought to one scale */
    float *moments;              /* [rows, 8] */
    const uint8_t *candidates;   /* [rows, units]: 255 where one is kept; or null */
    float rate;                  /* of those that are lost */
};

struct statewise_hyper_gradients {
    float *hidden;     /* [rows, units], in: of the hidden value; out: nought */
    float *memory;     /* [rows, units], in: of the memory after; out: of that before */
    float *scales;     /* [3, 4, rows, units] */
    float *from_x, *from_h;
    float *parameters; /* [rows, 14, units], added to: of the bias and of extra */
};

/* An LSTM that reads D inputs and a glimpse of G numbers, its layer's features, and after it a window of K hills over a memory
   of S places, which its hidden value moves. A row that begins again has a memory of zeros from then on. */
struct statewise_window {
    struct statewise_layer layer; /* an LSTM, with peepholes or without */
    int32_t glimpse, hills, places;
    const float *query_weights, *query_bias; /* [3 K, H] and [3 K]: logarithms of heights, of widths, of moves */
    const float *values;                     /* [B, S, G] */
    const uint8_t *there;                    /* [B, S]: whether there is a vector */
};

struct statewise_window_state {
    const float *hidden, *memory, *glimpse, *position; /* [B, H] twice, [B, G], [B, K] */
};

/* What a forward pass leaves for the backward one: states of [2 B + pairs], each padded, and of every pair its gates
   [4 * padded H + STATEWISE_PANEL], what it read [padded D + G], and the hills' heights, widths and moves [3, padded K]. Where it is
   not recorded, states are of [2 B], the last ones the first B, and the rest is of [B]. Each 64-byte aligned. */
struct statewise_window_record {
    int32_t recorded;
    float *hidden, *memory, *glimpse, *position, *gates, *read, *hills;
};

struct statewise_window_state_gradients {
    float *hidden, *memory, *glimpse, *position; /* or nulls */
};

struct statewise_window_gradients {
    const float *outputs;   /* [T * B, H + G], `outputs_stride` apart */
    int64_t outputs_stride;
    struct statewise_window_state last; /* of the last state, or nulls */
    float *xs;                          /* [T * B, D], left as it is where a row sleeps; or null */
    float *input_weights, *recurrent_weights, *bias, *extra, *query_weights, *query_bias;
    float *values;                      /* [B, S, G], or null */
    struct statewise_window_state_gradients first, fresh;
};

/* Numbers that lie one after another. */
struct statewise_numbers {
    const float *at;
    int64_t count;
};

/* Run `work(given, index, count)` on up to `threads` threads at once and return when all have. */
typedef void (*statewise_work)(void *given, int index, int count);
typedef void (*statewise_parallel)(statewise_work work, void *given, int threads);

struct statewise_ranking; /* in ranking.h */
struct statewise_ranking_gradients;
struct statewise_pictures; /* in pictures.h */
struct statewise_pictures_gradients;

struct statewise_kernels {
    const char *name; /* of the instruction set */
    void (*forward)(const struct statewise_layer *, const struct statewise_schedule *, const float *xs,
                    int64_t xs_stride, struct statewise_state first, struct statewise_state fresh,
                    const struct statewise_record *, statewise_parallel, int threads);
    void (*backward)(const struct statewise_layer *, const struct statewise_schedule *, const float *xs,
                     int64_t xs_stride, const struct statewise_record *, const struct statewise_gradients *,
                     statewise_parallel, int threads);
    /* Fill the states, or where there are gradients to find, these. */
    void (*scan)(const struct statewise_scan *, const struct statewise_scan_gradients *, statewise_parallel,
                 int threads);
    /* Find the losses of wanted items ranked among a sample of the others, and their gradient. */
    void (*rank)(const struct statewise_ranking *, const struct statewise_ranking_gradients *, statewise_parallel,
                 int threads);
    /* Fill what is found in pictures, or where there are gradients to find, these. */
    void (*pictures)(const struct statewise_pictures *, const struct statewise_pictures_gradients *, statewise_parallel,
                     int threads);
    /* Fill what is after a step, or where there are gradients to find, these. */
    void (*hyper)(const struct statewise_hyper *, const struct statewise_hyper_gradients *, statewise_parallel, int threads);
    /* Read a sequence, xs [T * B, D], `xs_stride` apart, into ys [T * B, H + G]; what a row that sleeps has there stays. */
    void (*window_forward)(const struct statewise_window *, const struct statewise_schedule *, const float *xs, int64_t xs_stride,
                           struct statewise_window_state first, struct statewise_window_state fresh,
                           const struct statewise_window_record *, float *ys, statewise_parallel, int threads);
    void (*window_backward)(const struct statewise_window *, const struct statewise_schedule *,
                            const struct statewise_window_record *, const struct statewise_window_gradients *, statewise_parallel,
                            int threads);
    /* A few bits of part `part` of `parts` of each of `count` arrays, other bits if any one number in it is another. */
    uint64_t (*digest)(const struct statewise_numbers *, int32_t count, int32_t part, int32_t parts);
    /* sigmoid(x) and tanh(x) of n numbers: for tests of their exactness */
    void (*sigmoid)(const float *, float *, int64_t n);
    void (*tanh)(const float *, float *, int64_t n);
    /* c [m, n] = a [m, k] b [n, k]^T, as every product here is summed: for tests and the roofline */
    void (*product)(const float *a, const float *b, float *c, int32_t m, int32_t n, int32_t k, statewise_parallel,
                    int threads);
    /* Multiply and add in registers alone, and return how many floating-point operations that were: the roof. */
    double (*multiply_adds)(int64_t times);
};

/* The best kernels for this processor, or those of a named instruction set; null where it has none. */
const struct statewise_kernels *statewise_best(void);
const struct statewise_kernels *statewise_named(const char *name);

/* How many gates and memories (0 or 1) a cell has, and how much of a record's `inner`. */
struct statewise_form {
    int32_t gates, memories, inner, moments;
    int32_t extra; /* numbers of `extra` per unit, but for the projection */
};
struct statewise_form statewise_form_of(int32_t cell);

/* Fill the arrays of a schedule, each as long as it can get, and return the number of pairs.
   `reset` and `mask` are [T, B] of bytes, or null where no row is reset or sleeps. */
int32_t statewise_fill_schedule(int32_t steps, int32_t rows, const uint8_t *reset, const uint8_t *mask, int32_t *start,
                                int32_t *row, int32_t *place, int32_t *source, int32_t *last);

/* Streams of random numbers, [B] each: a seed, and how many draws were taken from it. */
struct statewise_noise {
    int64_t *seed, *draws;
};
/* Draw the changes of all pairs, [pairs, parts, padded H], from the streams of first and fresh states, and return the
   last streams. Of 2^24 numbers that can be drawn, those from `kept` on are a change. */
void statewise_draw_changes(const struct statewise_schedule *, int32_t units, int32_t parts, int32_t kept,
                            struct statewise_noise first, struct statewise_noise fresh, uint8_t *changes,
                            struct statewise_noise last);

/* Copy outputs of pairs to their places [T * B, H]; the rest is left as it is. */
void statewise_spread(const struct statewise_schedule *, int32_t units, const float *hidden, float *ys);
/* Copy the states numbered `from`, or the first ones where it is null, to [rows, H]. */
void statewise_gather(int32_t rows, int32_t units, const float *states, const int32_t *from, float *to);

/* Working memory of this thread, at least so many floats, 64-byte aligned; what was there before is lost. */
float *statewise_scratch(size_t floats);
/* Memory for as long as the borrower wants it, 64-byte aligned and not cleared, and the way to bring it back: with the
   bytes that were asked for, from any thread. */
void *statewise_lend(size_t bytes);
void statewise_take_back(void *memory, size_t bytes);
/* The bytes of both that are unused at the moment (of working memory, this thread's), and how to free them. */
size_t statewise_memory_held(void);
void statewise_memory_release(void);

/* Ask the system for large pages under memory that was not written yet: where a row is as long as a small page, looking
   up where each lies takes longer than what is done with it. Without effect where there are none. */
void statewise_large_pages(void *memory, size_t bytes);

#ifdef __cplusplus
}
#endif
