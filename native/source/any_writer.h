// What the interface knows of a network that writes; each instruction set has its own.
#pragma once
#include "statewise/writer.h"

struct statewise_writer {
    virtual ~statewise_writer() = default;
    virtual int64_t write(const statewise_pen &, const statewise_texts &, const float *const *before, const statewise_written &,
                          statewise_parallel, int threads) const = 0;
};

namespace statewise {
#if defined(__x86_64__)
namespace avx512vnni {
statewise_writer *pack_writer(const statewise_writer_model &);
}
namespace avx512 {
statewise_writer *pack_writer(const statewise_writer_model &);
}
namespace avx2 {
statewise_writer *pack_writer(const statewise_writer_model &);
}
#endif
namespace baseline {
statewise_writer *pack_writer(const statewise_writer_model &);
}
}  // namespace statewise
