#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "retrieval/ranker.h"

namespace longshot {

/// Reciprocal rank fusion: a chunk scores the sum over the rankers of 1 / (constant + its rank there, from 1); a ranker
/// that leaves it out adds nothing. No scores are compared, so the rankers need no common scale. The smaller the
/// constant, the more counts what a single ranker has at its top. Source: Cormack, Clarke and Buettcher 2009,
/// "Reciprocal Rank Fusion outperforms Condorcet", with their constant 60 and their depth of 1,000.
class Hybrid final : public Ranker {
 public:
  static constexpr double kFusionConstant = 60;
  static constexpr int64_t kDepth = 1000;

  /// The rankers must outlive it. REQUIRES: constant >= 0.
  explicit Hybrid(std::vector<const Ranker*> rankers, double constant = kFusionConstant)
      : rankers_(std::move(rankers)), constant_(constant) {}

  std::string_view name() const override { return "hybrid"; }
  std::vector<RankedChunk> Rank(std::string_view query, int64_t k) const override;

 private:
  std::vector<const Ranker*> rankers_;
  double constant_;
};

}  // namespace longshot
