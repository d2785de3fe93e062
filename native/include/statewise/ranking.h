/* How badly wanted items were ranked among a sample of the others, and the gradient of that, in one pass. */
#pragma once
#include <stdint.h>

/* In the order of `LOSSES` in `kernels/native_ranking.py`; their equations stand in `heads/ranking_losses.py`. */
enum statewise_ranking_loss {
    STATEWISE_CROSS_ENTROPY,
    STATEWISE_BPR,
    STATEWISE_TOP1,
    STATEWISE_BPR_MAX,
    STATEWISE_TOP1_MAX,
    STATEWISE_RANKING_LOSSES
};

/* A place is a row at a step, P = T * B of them. Each wants an item, whose score is  q . v + bias,  and ranks it among
   `drawn` items that all places share and, with `in_batch`, those that the other rows want at its step; their scores are
   q . v + lowered.  Items that are the same as the wanted one do not count, nor do rows that sleep. */
struct statewise_ranking {
    int32_t steps, rows, width, drawn;
    int32_t loss, in_batch;
    float regularization;   /* of bpr_max */
    const uint8_t *mask;    /* [P], or null where no row sleeps */
    const int64_t *items;   /* [P + drawn]: those wanted, then those drawn */
    const float *queries;   /* [P, D]; of rows that sleep, finite numbers */
    const float *vectors;   /* [P + drawn, D] */
    const float *biases;    /* [P + drawn], of which the first P are read */
    const float *lowered;   /* [P + drawn] */
};

struct statewise_ranking_gradients {
    float *nats;    /* [P]: the loss of each place; 0 where a row sleeps */
    float *queries; /* [P, D]: the gradient of their sum, and so the others */
    float *vectors; /* [P + drawn, D] */
    float *biases;  /* [P + drawn]: of biases and of lowered ones together */
};
