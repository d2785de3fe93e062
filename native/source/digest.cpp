// A few bits that tell whether numbers are still the same, compiled once for each instruction set.
#include "lanes.h"
#include "statewise/kernels.h"

namespace statewise {
namespace STATEWISE_TARGET {

typedef uint32_t Words __attribute__((vector_size(LANES * sizeof(uint32_t))));
typedef uint32_t UnalignedWords __attribute__((vector_size(LANES * sizeof(uint32_t)), aligned(alignof(uint32_t)), may_alias));

static inline Words words(const float *from) { return *reinterpret_cast<const UnalignedWords *>(from); }
// Turned, so that it matters where a word stands; another word at one place always gives another sum.
static inline Words and_then(Words sum, Words next) { return (sum << 5 | sum >> 27) + next; }

uint64_t digest(const statewise_numbers *of, int32_t count, int32_t part, int32_t parts) {
    constexpr int SUMS = 4;
    Words sums[SUMS] = {};
    for (int32_t s = 0; s < count; ++s) {
        const int64_t from = of[s].count * part / parts, to = of[s].count * (part + 1) / parts;
        int64_t i = from;
        for (; i + SUMS * LANES <= to; i += SUMS * LANES)
            for (int v = 0; v < SUMS; ++v) sums[v] = and_then(sums[v], words(of[s].at + i + v * LANES));
        for (; i + LANES <= to; i += LANES) sums[0] = and_then(sums[0], words(of[s].at + i));
        if (i == to) continue;
        float rest[LANES] = {};
        for (int64_t at = i; at < to; ++at) rest[at - i] = of[s].at[at];
        sums[1] = and_then(sums[1], words(rest));
    }
    for (int v = 1; v < SUMS; ++v) sums[0] = and_then(sums[0], sums[v]);
    uint64_t all = 0;
    for (int v = 0; v < LANES; ++v) all = (all ^ sums[0][v]) * 0x9E3779B97F4A7C15u;
    return all ^ all >> 32;
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
