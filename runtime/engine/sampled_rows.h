#pragma once

#include <span>
#include <vector>

#include "runtime/spec/sampler.h"
#include "runtime/spec/target.h"
#include "runtime/spec/verifier.h"

namespace longshot {

/// Target laws of one round: scored rows through the sampler, each node with a history of its own (what came
/// before, then the path to the node), made only when a rule asks.
class SampledRows final : public TargetRows {
 public:
  explicit SampledRows(const Sampler* sampler) : sampler_(sampler) {}

  /// Makes room for paths of `depth` tokens.
  void Reserve(int64_t depth) { path_.reserve(depth); }
  /// Begins a round. `history` ends with the pending token, the root of `tree`. All arguments outlive the
  /// round.
  void Bind(const ScoredRows& rows, const TokenTree* tree, std::span<const Token> history);

  const Distribution& At(NodeId node) override;
  int64_t NextPosition(NodeId node) const override;

 private:
  const Sampler* sampler_;
  ScoredRows rows_;
  const TokenTree* tree_ = nullptr;
  std::span<const Token> history_;
  std::vector<Token> path_;
  Distribution law_;
};

}  // namespace longshot
