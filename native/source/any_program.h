// What the interface knows of a program; each instruction set has its own.
#pragma once
#include "statewise/program.h"

struct statewise_program {
    virtual ~statewise_program() = default;
    virtual size_t bytes() const = 0;
    virtual int64_t step(int32_t rows, statewise_input, const float *const *before, float *const *after, float *outputs,
                         statewise_parallel, int threads) const = 0;
    virtual int64_t read(int64_t steps, statewise_input, const int64_t *targets, const float *const *before,
                         float *const *after, float *outputs, float *nats) const = 0;
    virtual int64_t sample(int64_t steps, const float *odds, const statewise_rule &, uint64_t seed, uint64_t first,
                           int64_t *choices, const float *const *before, float *const *after,
                           float *outputs) const = 0;
    virtual int64_t draw(const statewise_pen &, int32_t rows, int64_t most, const float *parameters, const float *context,
                         const uint64_t *seeds, const float *const *before, const statewise_drawing &, statewise_parallel,
                         int threads) const = 0;
};

namespace statewise {
#if defined(__x86_64__)
namespace avx512vnni {
statewise_program *pack(const statewise_model &);
}
namespace avx512 {
statewise_program *pack(const statewise_model &);
}
namespace avx2 {
statewise_program *pack(const statewise_model &);
}
#endif
namespace baseline {
statewise_program *pack(const statewise_model &);
}
}  // namespace statewise
