#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace longshot {

struct RankedChunk {
  int64_t chunk = 0;
  double score = 0;
};

/// The best `k` of `chunks`, best first, ties to the earlier chunk. REQUIRES: k >= 0, no score is NaN.
void KeepBest(std::vector<RankedChunk>& chunks, int64_t k);

/// Chunks by how well they answer a query. Seam: `bm25`, dense vectors, `hybrid`.
class Ranker {
 public:
  virtual ~Ranker() = default;
  virtual std::string_view name() const = 0;
  /// The best `k` chunks or fewer, best first, ties to the earlier chunk. A chunk that has nothing to do with the query
  /// (no word in common, for `bm25`) is left out.
  virtual std::vector<RankedChunk> Rank(std::string_view query, int64_t k) const = 0;
};

}  // namespace longshot
