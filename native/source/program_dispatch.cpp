// The interface to programs: the instruction set is chosen when one is packed.
#include <cstring>

#include "any_program.h"

extern "C" {

statewise_program *statewise_pack(const statewise_kernels *kernels, const statewise_model *model) {
#if defined(__x86_64__)
    if (!std::strcmp(kernels->name, "avx512vnni")) return statewise::avx512vnni::pack(*model);
    if (!std::strcmp(kernels->name, "avx512")) return statewise::avx512::pack(*model);
    if (!std::strcmp(kernels->name, "avx2")) return statewise::avx2::pack(*model);
#endif
    (void)kernels;
    return statewise::baseline::pack(*model);
}

void statewise_drop(statewise_program *program) { delete program; }

size_t statewise_bytes(const statewise_program *program) { return program->bytes(); }

int64_t statewise_step(const statewise_program *program, int32_t rows, statewise_input input, const float *const *before,
                       float *const *after, float *outputs, statewise_parallel parallel, int threads) {
    return program->step(rows, input, before, after, outputs, parallel, threads);
}

int64_t statewise_read(const statewise_program *program, int64_t steps, statewise_input input, const int64_t *targets,
                       const float *const *before, float *const *after, float *outputs, float *nats) {
    return program->read(steps, input, targets, before, after, outputs, nats);
}

int64_t statewise_sample(const statewise_program *program, int64_t steps, const float *odds, const statewise_rule *rule,
                         uint64_t seed, uint64_t first, int64_t *choices, const float *const *before,
                         float *const *after, float *outputs) {
    return program->sample(steps, odds, *rule, seed, first, choices, before, after, outputs);
}

int64_t statewise_draw(const statewise_program *program, const statewise_pen *pen, int32_t rows, int64_t most,
                       const float *parameters, const float *context, const uint64_t *seeds, const float *const *before,
                       statewise_drawing to, statewise_parallel parallel, int threads) {
    return program->draw(*pen, rows, most, parameters, context, seeds, before, to, parallel, threads);
}

double statewise_uniform(uint64_t seed, uint64_t n) {
    uint64_t bits = seed + (n + 1) * 0x9e3779b97f4a7c15;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    bits ^= bits >> 31;
    return (double)(bits >> 11) * 0x1p-53;
}
}
