#include "retrieval/hybrid.h"

#include <algorithm>
#include <unordered_map>

namespace longshot {

std::vector<RankedChunk> Hybrid::Rank(std::string_view query, int64_t k) const {
  std::unordered_map<int64_t, double> scores;
  for (const Ranker* ranker : rankers_) {
    double rank = 0;
    for (const RankedChunk& chunk : ranker->Rank(query, std::max(k, kDepth))) {
      scores[chunk.chunk] += 1 / (constant_ + ++rank);
    }
  }
  std::vector<RankedChunk> ranked;
  ranked.reserve(scores.size());
  for (const auto& [chunk, score] : scores) ranked.push_back({chunk, score});
  KeepBest(ranked, k);
  return ranked;
}

}  // namespace longshot
