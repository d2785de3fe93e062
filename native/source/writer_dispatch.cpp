// The interface to networks that write: the instruction set is chosen when one is packed.
#include <cstring>

#include "any_writer.h"

extern "C" {

statewise_writer *statewise_pack_writer(const statewise_kernels *kernels, const statewise_writer_model *model) {
#if defined(__x86_64__)
    if (!std::strcmp(kernels->name, "avx512vnni")) return statewise::avx512vnni::pack_writer(*model);
    if (!std::strcmp(kernels->name, "avx512")) return statewise::avx512::pack_writer(*model);
    if (!std::strcmp(kernels->name, "avx2")) return statewise::avx2::pack_writer(*model);
#endif
    (void)kernels;
    return statewise::baseline::pack_writer(*model);
}

void statewise_drop_writer(statewise_writer *writer) { delete writer; }

int64_t statewise_write(const statewise_writer *writer, const statewise_pen *pen, const statewise_texts *texts,
                        const float *const *before, statewise_written to, statewise_parallel parallel, int threads) {
    return writer->write(*pen, *texts, before, to, parallel, threads);
}
}
