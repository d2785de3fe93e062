// Memory that is kept from call to call, since a fresh page costs more than the work on it.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "statewise/kernels.h"

namespace {
constexpr size_t LINE = 64, LARGE_PAGE = (size_t)2 << 20, KEPT = (size_t)512 << 20;

size_t rounded(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

void *fresh(size_t bytes) {
    void *memory = std::aligned_alloc(bytes < LARGE_PAGE ? LINE : LARGE_PAGE, bytes);
    if (!memory) throw std::bad_alloc();
    statewise_large_pages(memory, bytes);
    return memory;
}

// Working memory, given back if it grew out of proportion.
struct Scratch {
    float *floats = nullptr;
    size_t bytes = 0;
    ~Scratch() { std::free(floats); }
};
thread_local Scratch scratch;

struct Block {
    void *memory;
    size_t bytes;
};

// What was lent and came back, the longest idle first; no more of it than was ever out at once.
class Idle {
   public:
    void *lend(size_t bytes) {
        const std::lock_guard<std::mutex> held(mutex_);
        void *memory = nullptr;
        for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block)
            if (block->bytes == bytes) {
                memory = block->memory;
                bytes_ -= bytes;
                blocks_.erase(std::next(block).base());
                break;
            }
        if (!memory) memory = fresh(bytes);  // or nothing is lent, and nothing counted
        out_ += bytes;
        most_out_ = std::max(most_out_, out_);
        return memory;
    }
    void take_back(Block block) {
        const std::lock_guard<std::mutex> held(mutex_);
        out_ -= block.bytes;
        bytes_ += block.bytes;
        blocks_.push_back(block);
        keep(std::min(KEPT, most_out_));
    }
    void keep(size_t bytes) {
        while (bytes_ > bytes) {
            std::free(blocks_.front().memory);
            bytes_ -= blocks_.front().bytes;
            blocks_.pop_front();
        }
    }
    size_t bytes() const { return bytes_; }
    void release() {
        const std::lock_guard<std::mutex> held(mutex_);
        keep(0);
        most_out_ = out_;
    }

   private:
    std::mutex mutex_;
    std::deque<Block> blocks_;
    size_t bytes_ = 0, out_ = 0, most_out_ = 0;
};

// Never destroyed: a tensor may outlive everything else that ends with the process.
Idle &idle() {
    static Idle &all = *new Idle;
    return all;
}

// Sizes in eighths of a power of two, so that sequences a little longer or shorter find what others left.
size_t size_to_lend(size_t bytes) {
    size_t step = LINE;
    while (step * 16 < bytes) step *= 2;
    return rounded(std::max<size_t>(bytes, 1), bytes < LARGE_PAGE ? step : std::max(step, LARGE_PAGE));
}
}  // namespace

extern "C" {

// Only pages that lie within the memory wholly, and only where they are a good part of it.
void statewise_large_pages(void *memory, size_t bytes) {
#if defined(MADV_HUGEPAGE)
    const uintptr_t from = rounded(reinterpret_cast<uintptr_t>(memory), LARGE_PAGE);
    const uintptr_t to = (reinterpret_cast<uintptr_t>(memory) + bytes) / LARGE_PAGE * LARGE_PAGE;
    if (bytes >= LARGE_PAGE && from < to) madvise(reinterpret_cast<void *>(from), to - from, MADV_HUGEPAGE);
#else
    (void)memory, (void)bytes;
#endif
}

float *statewise_scratch(size_t floats) {
    const size_t wanted = floats * sizeof(float), needed = rounded(wanted, wanted < LARGE_PAGE ? LINE : LARGE_PAGE);
    if (scratch.bytes < needed || scratch.bytes > KEPT) {
        std::free(scratch.floats);
        scratch.floats = nullptr, scratch.bytes = 0;
        scratch.floats = static_cast<float *>(fresh(needed));
        scratch.bytes = needed;
    }
    return scratch.floats;
}

void *statewise_lend(size_t bytes) { return idle().lend(size_to_lend(bytes)); }

void statewise_take_back(void *memory, size_t bytes) { idle().take_back({memory, size_to_lend(bytes)}); }

size_t statewise_memory_held(void) { return scratch.bytes + idle().bytes(); }

void statewise_memory_release(void) {
    std::free(scratch.floats);
    scratch.floats = nullptr;
    scratch.bytes = 0;
    idle().release();
}
}
