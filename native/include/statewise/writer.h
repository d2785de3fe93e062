/* A network that writes texts: an LSTM that reads a step and a glimpse of a text through a window, LSTMs above it of which each
   reads the step, the first one's output and the glimpse, and the one before it, and a head of strokes over all of them.

   A state is a number of arrays: hidden, memory, glimpse and position of the first one, then hidden and memory of each above it.
   What comes out for one row depends on no other row, to the last bit, and not on the number of threads. */
#pragma once
#include "statewise/program.h"

#ifdef __cplusplus
extern "C" {
#endif

struct statewise_writer_model {
    int32_t storage;
    struct statewise_layer first; /* an LSTM, with peepholes or without, as all are; its features are the numbers of a step and of a glimpse */
    int32_t glimpse, hills;
    const float *query_weights, *query_bias; /* [3 K, H] and [3 K] */
    int32_t above;
    const struct statewise_layer *layers;
    int32_t outputs;
    const float *head_weights, *head_bias; /* [outputs, all units and the glimpse] and [outputs] */
};

/* What is written, and how far it may go. */
struct statewise_texts {
    int32_t rows, places;
    const float *steps;     /* [rows, 5]: what is read first */
    const float *values;    /* [rows, places, glimpse] */
    const int64_t *letters; /* [rows]: how many of the places are there, at least one; the last one is the end of the text */
    const int64_t *limits;  /* [rows]: points, each at most `most` */
    int64_t most, patience, strokes;
    const uint64_t *seeds;
};

/* What was written of each row: points [rows, most, 5], what each and the end cost [rows, most + 1], how high the window was over
   each place before each [rows, most + 1, places], how many points and costs there are, and whether the pen has ended it. */
struct statewise_written {
    float *points;
    double *nats;
    float *heights;
    int64_t *lengths, *costs;
    uint8_t *ended;
};

typedef struct statewise_writer statewise_writer;

/* Pack a model for some kernels' instruction set; what it pointed to is needed no longer. */
statewise_writer *statewise_pack_writer(const struct statewise_kernels *, const struct statewise_writer_model *);
void statewise_drop_writer(statewise_writer *);

/* Write every row until the pen ends it: it may where the window is at the end of the text or past it; it must, lifted, past it or
   once it was `patience` steps at the end. Or until it has `strokes` strokes, or its limit of points. Each row has its own stream of
   numbers, four to a step. Returns -2 where odds are not numbers, else -1. */
int64_t statewise_write(const statewise_writer *, const struct statewise_pen *, const struct statewise_texts *,
                        const float *const *before, struct statewise_written, statewise_parallel, int threads);

#ifdef __cplusplus
}
#endif
