#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "drafters/pay_rule.h"
#include "drafters/proposal_config.h"
#include "runtime/kv/kv_view.h"
#include "runtime/spec/drafter.h"

namespace longshot {

/// The view that `window` drafts through, and what a draft pass costs.
struct WindowConfig {
  int64_t recent = 1024;
  int64_t sink = 16;
  double draft_cost = 0;  ///< 0: measured behind the first token; kAssumedDraftCost where nobody measures

  static constexpr double kAssumedDraftCost = 0.5;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "draft_window",
                .flags = "--spec-draft-window",
                .minimum = 1,
                .maximum = 1 << 30,
                .unit = "tokens",
                .help = "most recent tokens that a draft pass reads"},
          self.recent);
    visit(Field{.name = "draft_sink",
                .flags = "--spec-draft-sink",
                .minimum = 0,
                .maximum = 1 << 30,
                .unit = "tokens",
                .help = "first tokens of the context that a draft pass reads as well"},
          self.sink);
    visit(Field{.name = "draft_cost_ratio",
                .flags = "--spec-draft-cost-ratio",
                .minimum = 0,
                .maximum = 100,
                .unit = "single-row passes",
                .help = "cost of one draft pass; 0: measured behind the first token"},
          self.draft_cost);
  }
};

/// The target drafts for itself through a view of its own cache that keeps the first `sink` and the most
/// recent `recent` rows: no training, no second model, constant KV per draft pass. Each drafted token costs
/// one pass over its newest node alone. Coupled, it draws with the target's own noise; otherwise it samples
/// its law and hands it to the rejection rule. A chain ends where one more pass would no longer pay. Source:
/// Chen et al. 2024, "MagicDec", arXiv 2408.11049, its StreamingLLM variant, on the shared store at absolute
/// positions; draws: exactness of coupled sampling as in Daliri et al. 2024, arXiv 2408.07978.
class WindowDrafter final : public Drafter {
 public:
  /// Held for each entry of the vocabulary, at most: a law three times, with room to grow.
  static constexpr int64_t kBytesPerToken = 2 * (4 + 8 + 8 + 4 + 4 + 8);

  WindowDrafter(const ProposalConfig& proposal, const WindowConfig& config);

  std::string_view name() const override { return "window"; }
  void Begin(const DraftContext& context) override;
  void Propose(std::span<const Token> history, const DraftBudget& budget, TokenTree& tree) override;
  void Observe(const RoundView& round) override;
  std::optional<Prospect> Foresee(const DraftBudget& budget) const override;
  IdleRounds idle() const override { return idle_; }
  int64_t bytes() const override;

 private:
  static constexpr int kMarginBins = 8;

  struct Draw {
    Token token = kNoToken;
    double margin = 0;  ///< how clearly it won, in nats
  };

  static int MarginBin(double margin);
  void ResetRates();
  /// Whether this round drafts a token though it does not pay, so that a change is noticed.
  bool Probing() const;
  int64_t MostTokens(const DraftBudget& budget) const;
  ChainPrices Prices(const DraftBudget& budget) const;
  /// Whether one more draft pass pays behind a chain of `drafted` tokens, all accepted with chance
  /// `accepted`.
  bool NextPassPays(double accepted, int64_t drafted, const DraftBudget& budget) const;
  /// Logits [V] after `node`, the newest one, as the view sees it.
  std::span<const float> ScoreNode(const TokenTree& tree, NodeId node, const KvView& view);
  Draw DrawAfter(std::span<const float> logits, std::span<const Token> history, const DraftBudget& budget);
  Draw DrawCoupled(std::span<const float> logits, int64_t position) const;
  Draw DrawSampled(NodeId parent, uint32_t round);

  ProposalConfig proposal_;
  WindowConfig config_;
  WindowPolicy policy_;
  DraftContext context_;
  bool sampled_ = false;                           ///< tokens carry their law to the rejection rule
  std::array<AcceptanceRate, kMarginBins> rates_;  ///< by margin
  AcceptanceRate any_rate_;                        ///< over all margins: what a token not yet drawn can hope for
  PayRule pay_;
  int64_t idle_rounds_ = 0;  ///< since the last draft pass
  PassCost cost_;            ///< of the round in flight
  double pass_cost_ = 0;     ///< of one of its draft passes
  int64_t passes_ = 0;       ///< draft passes of the round in flight
  IdleRounds idle_;
  std::vector<Token> drafted_;
  std::vector<double> margins_;
  Distribution law_;
  DraftLaw draft_law_;
  std::vector<double> weights_;
};

}  // namespace longshot
