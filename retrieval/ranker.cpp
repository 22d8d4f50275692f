#include "retrieval/ranker.h"

#include <algorithm>

#include "core/error.h"

namespace longshot {

void KeepBest(std::vector<RankedChunk>& chunks, int64_t k) {
  CHECK(k >= 0, "{} chunks", k);
  const auto kept = std::min(k, static_cast<int64_t>(chunks.size()));
  const auto better = [](const RankedChunk& a, const RankedChunk& b) {
    return a.score != b.score ? a.score > b.score : a.chunk < b.chunk;
  };
  std::partial_sort(chunks.begin(), chunks.begin() + kept, chunks.end(), better);
  chunks.resize(static_cast<size_t>(kept));
}

}  // namespace longshot
