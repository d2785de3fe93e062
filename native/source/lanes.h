// A handful of numbers at once, written once for every processor: GCC's vector types, and one instruction by hand.
#pragma once
#include <cstdint>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace statewise {
namespace STATEWISE_TARGET {

#if defined(__AVX512F__)
constexpr int LANES = 16, TILE_ROWS = 12;
#elif defined(__AVX2__)
constexpr int LANES = 8, TILE_ROWS = 6;
#elif defined(__aarch64__)
constexpr int LANES = 4, TILE_ROWS = 6;
#else
constexpr int LANES = 4, TILE_ROWS = 3;
#endif

typedef float Lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t Wholes __attribute__((vector_size(LANES * sizeof(float))));
typedef float Unaligned __attribute__((vector_size(LANES * sizeof(float)), aligned(alignof(float)), may_alias));

static inline Lanes load(const float *from) { return *reinterpret_cast<const Unaligned *>(from); }
static inline void store(float *to, Lanes x) { *reinterpret_cast<Unaligned *>(to) = x; }
static inline Lanes fill(float x) { return x - Lanes{}; }
static inline Lanes at_most(Lanes x, float limit) { return x > limit ? fill(limit) : x; }  // not a number stays that
static inline Lanes absolute(Lanes x) { return (Lanes)((Wholes)x & 0x7fffffff); }
static inline Lanes with_sign_of(Lanes x, Lanes sign) {
    return (Lanes)((Wholes)x | ((Wholes)sign & (int32_t)0x80000000));
}

// a * b + c, rounded once where the processor can: said outright, since a compiler may contract sums as it likes and
// the same sum has to come out the same wherever it stands
static inline Lanes fused(Lanes a, Lanes b, Lanes c) {
#if defined(__AVX512F__)
    return (Lanes)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
    return (Lanes)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
    return (Lanes)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
