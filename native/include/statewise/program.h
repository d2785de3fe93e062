/* A whole model as one object: an encoder, recurrences one after another, and a linear head, packed once and then run
   for n sequences by a step, or for one sequence by n steps, the choice of what to read next included.

   A state is a number of arrays, hidden before memory, recurrence after recurrence, each [rows, units] of float32.
   What comes out for one row depends on no other row, to the last bit, and not on the number of threads. */
#pragma once
#include "statewise/kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How weights are kept: as they are, in half of the bytes, or in a quarter with a scale for every row. */
enum statewise_storage { STATEWISE_FLOAT32, STATEWISE_BFLOAT16, STATEWISE_INT8, STATEWISE_STORAGES };

/* Value 0 is what the encoder gives, value i + 1 what part i gives; part i reads value i. */
struct statewise_part {
    int32_t added; /* the value that is added, where this part only adds; -1 where it is a recurrence up to STATEWISE_GRU,
                      or an LSTM with layer normalisation */
    struct statewise_layer layer;
};

struct statewise_model {
    int32_t storage;
    int32_t choices;              /* inputs are numbers below this, looked up; or 0 where they are vectors */
    int32_t inputs;               /* the width of a vector */
    int32_t features;             /* the width of value 0 */
    const float *embedding;       /* [choices, features] */
    const float *encoder_weights; /* [features, inputs]; null where vectors are read as they are */
    const float *encoder_bias;    /* [features], or null */
    int32_t parts;
    const struct statewise_part *part;
    int32_t outputs;
    const float *head_weights; /* [outputs, the last part's units]; null where these are the outputs */
    const float *head_bias;    /* [outputs] */
};

/* Either may be null. */
struct statewise_input {
    const int64_t *numbers;
    const float *vectors;
};

/* What may be chosen, and how odds are bent. */
struct statewise_rule {
    double temperature; /* 0: always the likeliest */
    int32_t top_k;      /* 0: all */
    double top_p;       /* 1: all */
    const int32_t *never;
    int32_t nevers;
};

/* How a head of strokes is drawn from: its sums are 6 for each component and one for each of the pen's 3 states, or one
   where it is only lifted or not. Log-deviations and correlations are bounded by a hyperbolic tangent. */
struct statewise_pen {
    int32_t components, states;
    float largest_log, largest_correlation;
    double temperature, bias;
    int32_t softened; /* components and states are drawn at half of the temperature and a half */
};

/* What is drawn of some sequences: steps [rows, most, 2 + states], how many each has, the end not among them, what all that
   was drawn cost in nats, and whether the pen has ended it. */
struct statewise_drawing {
    float *steps;
    int64_t *lengths;
    double *nats;
    uint8_t *ended;
};

typedef struct statewise_program statewise_program;

/* Pack a model for some kernels' instruction set; what it pointed to is needed no longer. */
statewise_program *statewise_pack(const struct statewise_kernels *, const struct statewise_model *);
void statewise_drop(statewise_program *);
/* The bytes that it holds. */
size_t statewise_bytes(const statewise_program *);

/* Each returns the position of the first input that is no number below `choices`, or -1 where all went well. */

/* One step of `rows` sequences: outputs [rows, outputs]. */
int64_t statewise_step(const statewise_program *, int32_t rows, struct statewise_input, const float *const *before,
                       float *const *after, float *outputs, statewise_parallel, int threads);
/* `steps` steps of one sequence: the last outputs and, for targets that are not null, minus the logarithm of the
   probability of each, [steps]. */
int64_t statewise_read(const statewise_program *, int64_t steps, struct statewise_input, const int64_t *targets,
                       const float *const *before, float *const *after, float *outputs, float *nats);
/* Choose from `odds` [outputs], read the choice, and so on, `steps` times: the choices and the last outputs. Choice n
   takes the number `first + n` of the stream of `seed`. Returns -2 where odds are not numbers. */
int64_t statewise_sample(const statewise_program *, int64_t steps, const float *odds, const struct statewise_rule *,
                         uint64_t seed, uint64_t first, int64_t *choices, const float *const *before,
                         float *const *after, float *outputs);

/* Draw `rows` sequences to their ends, or to `most` steps, each with its own stream of numbers, four to a step: from
   parameters [rows, outputs] the first one, and what is drawn is read with a row's context, [rows, inputs - 2 - states],
   with it. Returns -2 where odds are not numbers. A row's drawing depends on no other row. */
int64_t statewise_draw(const statewise_program *, const struct statewise_pen *, int32_t rows, int64_t most,
                       const float *parameters, const float *context, const uint64_t *seeds, const float *const *before,
                       struct statewise_drawing, statewise_parallel, int threads);

/* Number n of the stream of a seed, at least 0 and below 1: SplitMix64 of seed + (n + 1) * 0x9e3779b97f4a7c15. */
double statewise_uniform(uint64_t seed, uint64_t n);

#ifdef __cplusplus
}
#endif
