#include "session/roofs.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <vector>

#include "core/stopwatch.h"
#include "core/thread_team.h"

namespace longshot {
namespace {

constexpr int64_t kProbeWords = kProbeBytes / int64_t{sizeof(uint64_t)};
constexpr int kProbeTries = 8;

/// Shortest of `tries` runs, in milliseconds, after one that warms up.
template <class Work>
double BestMs(int tries, Work&& work) {
  work();
  double best = std::numeric_limits<double>::max();
  for (int i = 0; i < tries; ++i) {
    Stopwatch watch;
    work();
    best = std::min(best, watch.LapMs());
  }
  return best;
}

uint64_t SumOf(const uint64_t* words, int64_t count) {
  uint64_t sums[8] = {};
  for (int64_t i = 0; i + 8 <= count; i += 8) {
    for (int lane = 0; lane < 8; ++lane) sums[lane] += words[i + lane];
  }
  uint64_t sum = 0;
  for (const uint64_t lane : sums) sum += lane;
  return sum;
}

}  // namespace

double ProbeReadBandwidth(int threads) {
  ThreadTeam team(threads);
  std::vector<uint64_t> words(static_cast<size_t>(kProbeWords), 1);
  std::atomic<uint64_t> sum{0};  // keeps the reads alive
  const double ms = BestMs(kProbeTries, [&] {
    team.ForRange(kProbeWords, 4096,
                  [&](int64_t begin, int64_t end) { sum += SumOf(words.data() + begin, end - begin); });
  });
  return static_cast<double>(kProbeWords) * sizeof(uint64_t) / ms;
}

Roofs ProbeRoofs(Backend& backend) {
  return {.bytes_per_ms = ProbeReadBandwidth(backend.Describe().threads),
          .flops_per_ms = backend.PeakProductRate() / 1e3};
}

PassWork WorkOfPass(const Model& model, int64_t depth, int64_t rows, bool head, int64_t kv_bytes_per_token) {
  const ModelConfig& c = model.config();
  const double embed = c.embed_dim, queries = 1.0 * c.heads * c.head_dim, keys = 1.0 * c.kv_heads * c.head_dim;
  const double layer = embed * (queries + 2 * keys) + queries * embed + 3 * embed * c.ffn_dim;
  const double parameters = layer * c.layers + (head ? embed * c.vocab_size : 0);
  const double n = static_cast<double>(rows), d = static_cast<double>(depth);
  const double seen = n * d + n * (n + 1) / 2;  // keys, summed over the rows of the pass
  return {.bytes = static_cast<double>(model.weight_bytes()) + (d + n) * static_cast<double>(kv_bytes_per_token),
          .flops = n * 2 * parameters + seen * 4 * queries * c.layers};
}

double FloorMs(const PassWork& work, const Roofs& roofs) {
  return std::max(work.bytes / roofs.bytes_per_ms, work.flops / roofs.flops_per_ms);
}

double PrefillFloorMs(const PassWork& work, const Roofs& roofs) { return work.flops / roofs.flops_per_ms; }

}  // namespace longshot
