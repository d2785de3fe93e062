/* What 3 x 3 weights find at every second pixel of many small pictures, and the gradient of that. */
#pragma once
#include <stdint.h>

enum { STATEWISE_REACH = 3, STATEWISE_STRIDE = 2 };

/* found [n, i, j] = relu(bias + sum over k, l of weights[:, k, l] . pictures[n, 2 i + k - 1, 2 j + l - 1]), with noughts
   around a picture. `found` has ceil(height / 2) rows and ceil(width / 2) columns. */
struct statewise_pictures {
    int32_t count, height, width, channels, maps;
    const float *pictures; /* [count, height, width, channels] */
    int64_t gap;           /* floats from one picture to the next */
    const float *weights;  /* [maps, 3, 3, channels] */
    const float *bias;     /* [maps] */
    float *found;          /* [count, rows, columns, maps] */
};

struct statewise_pictures_gradients {
    const float *found; /* as what it is the gradient of */
    float *pictures;    /* [count, height, width, channels] one after another; or null where nobody asks */
    float *weights;     /* [maps, 3, 3, channels] */
    float *bias;        /* [maps] */
};
