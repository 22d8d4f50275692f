#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "drafters/pay_rule.h"
#include "drafters/proposal_config.h"
#include "runtime/spec/drafter.h"

namespace longshot {

/// A drafter that runs a model: each drafted token costs one pass over its newest node alone. Coupled, it draws with
/// the target's own noise; otherwise it samples its law and hands it to the rejection rule. A chain ends where one more
/// pass would no longer pay. Coupled, runners-up of close draws stand beside the chain as leaves, which cost a row of
/// verification and no draft pass, as many as pay. What differs between such drafters is what their passes read:
/// `LogitsAfter`. Source: draws: exactness of coupled sampling as in Daliri et al. 2024, arXiv 2408.07978; leaves: the
/// comb of Cai et al. 2024, "Medusa", arXiv 2401.10774, with measured chances.
class ModelDrafter : public Drafter {
 public:
  /// Held for each entry of the vocabulary, at most: a law three times, with room to grow.
  static constexpr int64_t kBytesPerToken = 2 * (4 + 8 + 8 + 4 + 4 + 8);

  void Begin(const DraftContext& context) final;
  void Propose(std::span<const Token> history, const DraftBudget& budget, TokenTree& tree) final;
  void Observe(const RoundView& round) final;
  std::optional<Prospect> Foresee(const DraftBudget& budget) const override;
  IdleRounds idle() const override { return idle_; }
  int64_t bytes() const override;

 protected:
  /// `pass_cost`: of one draft pass, in single-row passes of the target, where the budget does not tell. `tree`: its
  /// mode "off" leaves chains.
  ModelDrafter(const ProposalConfig& proposal, const TreeConfig& tree, double pass_cost);

  const DraftContext& context() const { return context_; }  ///< without prompt and prefill

 private:
  static constexpr int kMarginBins = 8;

  /// What the budget says of one draft pass; 0: nothing.
  virtual double TimedPassCost(const DraftBudget& budget) const { return budget.pass_cost; }
  /// A generation begins.
  virtual void BeginModel(const DraftContext& context) = 0;
  /// Tokens that a chain may have, as far as its own memory goes.
  virtual int64_t room() const { return std::numeric_limits<int64_t>::max(); }
  /// A round begins in which it drafts. `history` ends with the pending token.
  virtual void BeginRound(std::span<const Token> history) = 0;
  /// Logits [V] after `node`, the newest one of a chain; valid until the next call. Called for nodes 0, 1, ... in
  /// order.
  virtual std::span<const float> LogitsAfter(const TokenTree& tree, NodeId node) = 0;
  /// A round ended, whoever proposed its tree; `accepted` tokens of this drafter's chain are on the path.
  virtual void EndRound(const RoundView&, int64_t accepted) { static_cast<void>(accepted); }

  struct Draw {
    Token token = kNoToken;
    double margin = 0;           ///< how clearly it won, in nats
    Token runner_up = kNoToken;  ///< of a coupled draw
  };
  /// A leaf beside the chain.
  struct Leaf {
    NodeId parent = 0;
    double chance = 0;
  };

  static int MarginBin(double margin);
  void ResetRates();
  /// Whether this round drafts a token though it does not pay, so that a change is noticed.
  bool Probing() const;
  /// Nodes that a proposal may have, and of them tokens of its chain.
  int64_t MostNodes(const DraftBudget& budget) const;
  int64_t MostTokens(const DraftBudget& budget) const;
  ChainPrices Prices(const DraftBudget& budget) const;
  /// Whether one more draft pass pays behind a chain of `drafted` tokens, all accepted with chance
  /// `accepted`.
  bool NextPassPays(double accepted, int64_t drafted, const DraftBudget& budget) const;
  Draw DrawAfter(std::span<const float> logits, std::span<const Token> history, const DraftBudget& budget);
  Draw DrawCoupled(std::span<const float> logits, int64_t position) const;
  Draw DrawSampled(NodeId parent, uint32_t round);
  /// Adds the runners-up that pay to a drafted chain.
  void AddLeaves(const DraftBudget& budget, TokenTree& tree);
  /// Tokens of this drafter's chain in the round, and those of them on its path.
  int64_t DraftedIn(const RoundView& round) const;
  int64_t AcceptedIn(const RoundView& round) const;

  ProposalConfig proposal_;
  bool grows_leaves_;
  double assumed_cost_;
  DraftContext context_;
  bool sampled_ = false;                           ///< tokens carry their law to the rejection rule
  std::array<AcceptanceRate, kMarginBins> rates_;  ///< by margin
  AcceptanceRate any_rate_;                        ///< over all margins: what a token not yet drawn can hope for
  std::array<AcceptanceRate, kMarginBins> runner_up_rates_;  ///< by margin: the target takes the runner-up
  PayRule pay_;
  int64_t idle_rounds_ = 0;  ///< since the last draft pass
  PassCost cost_;            ///< of the round in flight
  double pass_cost_ = 0;     ///< of one of its draft passes
  int64_t passes_ = 0;       ///< draft passes of the round in flight
  IdleRounds idle_;
  std::vector<Token> drafted_;
  std::vector<double> margins_;
  std::vector<Token> runners_up_;
  std::vector<Leaf> leaves_;
  Distribution law_;
  DraftLaw draft_law_;
  std::vector<double> weights_;
};

}  // namespace longshot
