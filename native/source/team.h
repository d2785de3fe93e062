// Threads at work on one thing, and the point where they wait for each other.
#pragma once
#include <atomic>
#include <cstdint>
#include <sched.h>

#include "statewise/kernels.h"

namespace statewise {
namespace STATEWISE_TARGET {

static inline void pause_briefly() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// A wait is far shorter than a system call while every thread has a core; while other programs are busy it yields.
class Barrier {
   public:
    void wait(int count) {
        if (count <= 1) return;
        const int seen = turn_.load(std::memory_order_relaxed);
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) == count - 1) {
            arrived_.store(0, std::memory_order_relaxed);
            turn_.store(seen + 1, std::memory_order_release);
            return;
        }
        for (int spins = 0; turn_.load(std::memory_order_acquire) == seen; ++spins)
            if (spins < SPINS)
                pause_briefly();
            else
                sched_yield();
    }

   private:
    static constexpr int SPINS = 4000;
    alignas(64) std::atomic<int> arrived_{0};
    alignas(64) std::atomic<int> turn_{0};
};

struct Range {
    int32_t from, to;
    int32_t size() const { return to - from; }
};

static inline Range share(int32_t whole, int index, int count) {
    return {(int32_t)((int64_t)whole * index / count), (int32_t)((int64_t)whole * (index + 1) / count)};
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
