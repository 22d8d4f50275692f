#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "drafters/pay_rule.h"
#include "drafters/proposal_config.h"
#include "drafters/token_recycling/adjacency.h"
#include "runtime/spec/drafter.h"

namespace longshot {

/// Grows a tree from a table of likely successors of every token, which the target's own top-8 at every
/// scored node, accepted or not, keeps up to date. Nodes enter best first by the product of their estimated
/// acceptance, which is counted by (depth, rank); a fixed shape takes the best ones level by level instead.
/// Source: Luo et al. 2024, "Turning Trash into Treasure: Accelerating Inference of LLMs with Token
/// Recycling", arXiv 2408.08696; best-first selection: Chen et al. 2024, "Sequoia", arXiv 2402.12374.
class TokenRecyclingDrafter final : public Drafter {
 public:
  /// Errors: kUsage when the tree's shape cannot be parsed.
  TokenRecyclingDrafter(const ProposalConfig& proposal, const TreeConfig& tree);

  std::string_view name() const override { return "token-recycling"; }
  Taps Needs() const override { return {.top_k = Adjacency::kRow, .prefill_rows = kPrefillRows}; }
  void Begin(const DraftContext& context) override;
  void Propose(std::span<const Token> history, const DraftBudget& budget, TokenTree& tree) override;
  void Observe(const RoundView& round) override;
  std::span<const double> survival() const override { return survival_; }
  IdleRounds idle() const override { return idle_; }
  int64_t bytes() const override { return successors_.bytes(); }

 private:
  static constexpr int kPrefillRows = 512;
  static constexpr int kRateDepths = 6;  ///< deeper levels share the last one's estimates

  struct Candidate {
    double accepted = 0;  ///< estimated chance that the whole path is accepted
    NodeId parent = 0;
    int32_t rank = 0;
  };
  /// A proposed node, so that a tree can be made again.
  struct Pick {
    NodeId parent = 0;
    Token token = kNoToken;
  };
  /// Heap order: likelier first, then older parent, then lower rank.
  static bool Later(const Candidate& a, const Candidate& b);

  void ResetRates();
  AcceptanceRate& Rate(int32_t depth, int32_t rank);
  ProposalLimits Limits(const DraftBudget& budget) const;
  /// Children of `node`, reached with chance `accepted`, that may be proposed join `candidates_`.
  void Expand(const TokenTree& tree, NodeId node, double accepted, double least);
  void GrowBestFirst(const ProposalLimits& limits, const DraftBudget& budget, TokenTree& tree);
  /// Keeps the first `nodes` proposed nodes and counts what is expected of them.
  void Cut(int64_t nodes, TokenTree& tree);
  void GrowShape(const ProposalLimits& limits, TokenTree& tree);
  void CountRanks(const RoundView& round);
  void Recycle(const RoundView& round);

  ProposalConfig proposal_;
  TreeConfig tree_;
  std::vector<int64_t> shape_;
  Adjacency successors_;
  std::array<std::array<AcceptanceRate, Adjacency::kRow>, kRateDepths> rates_;  ///< [depth of the parent][rank]
  PayRule pay_;
  PassCost cost_;  ///< of the round in flight
  IdleRounds idle_;
  std::vector<Candidate> candidates_;
  std::vector<NodeId> level_, next_level_;
  std::vector<double> path_accepted_;  ///< by node
  std::vector<double> survival_;       ///< of the last proposal
  std::vector<Pick> picks_;
};

}  // namespace longshot
