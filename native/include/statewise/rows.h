/* Some rows of large tables: gradients that name the same row brought together, rows taken out and put back. */
#pragma once
#include "statewise/kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bring `count` rows of `values` [count, width] to one a number: `which` becomes the different numbers, rising, and
   `sums` [.., width] the sum of the rows of each, in the order they were given, whatever the number of threads. Returns
   how many there are, or -1, with nothing done, where one of `numbers` is not from 0 to `limit` - 1. */
int64_t statewise_merge_rows(int64_t count, int32_t width, int64_t limit, const int64_t *numbers, const float *values,
                             int64_t *which, float *sums, statewise_parallel, int threads);

/* A table and some of its rows. */
struct statewise_rows {
    float *table; /* [limit, width] */
    float *rows;  /* [count, width] */
    int64_t limit;
    int32_t width;
};

/* Copy the rows `which` of each table out of it, or into it where they are `put`. Returns -1, with nothing done, where a
   table has no such row, else 0. */
int32_t statewise_copy_rows(int64_t count, const int64_t *which, const struct statewise_rows *of, int32_t tables, int32_t put,
                         statewise_parallel, int threads);

#ifdef __cplusplus
}
#endif
