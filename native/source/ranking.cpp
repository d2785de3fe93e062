// Rankings, compiled once for each instruction set.
#include "sample.h"

namespace statewise {
namespace STATEWISE_TARGET {

template <class Loss>
static void rank_by(const statewise_ranking &of, const statewise_ranking_gradients &to, statewise_parallel parallel,
                    int threads) {
    constexpr int64_t WORTH_A_THREAD = 1 << 19;  // multiplications
    const int64_t all = (int64_t)of.steps * of.rows * of.drawn * of.width;
    threads = (int)std::max<int64_t>(1, std::min<int64_t>(threads, all / WORTH_A_THREAD));
    Sample<Loss> sample(of, to, threads);
    parallel(Sample<Loss>::work, &sample, threads);
}

void rank(const statewise_ranking *of, const statewise_ranking_gradients *to, statewise_parallel parallel, int threads) {
    switch (of->loss) {
        case STATEWISE_BPR: return rank_by<BayesianPersonalized>(*of, *to, parallel, threads);
        case STATEWISE_TOP1: return rank_by<Top1>(*of, *to, parallel, threads);
        case STATEWISE_BPR_MAX: return rank_by<BprMax>(*of, *to, parallel, threads);
        case STATEWISE_TOP1_MAX: return rank_by<Top1Max>(*of, *to, parallel, threads);
        default: return rank_by<CrossEntropy>(*of, *to, parallel, threads);
    }
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
