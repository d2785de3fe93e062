// Convolutions of pictures, compiled once for each instruction set.
#include "pictures.h"

namespace statewise {
namespace STATEWISE_TARGET {

void pictures(const statewise_pictures *of, const statewise_pictures_gradients *to, statewise_parallel parallel, int threads) {
    constexpr int64_t WORTH_A_THREAD = 1 << 19;  // multiplications
    const PictureSizes sizes(*of);
    const int64_t all = of->count * sizes.places * sizes.terms * of->maps;
    threads = (int)std::max<int64_t>(1, std::min<int64_t>(threads, all / WORTH_A_THREAD));
    Convolution pass(*of, to, threads);
    parallel(Convolution::work, &pass, threads);
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
