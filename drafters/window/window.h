#pragma once

#include "drafters/model_drafter.h"
#include "runtime/kv/kv_view.h"

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
/// one pass over its newest node alone. Source: Chen et al. 2024, "MagicDec", arXiv 2408.11049, its StreamingLLM
/// variant, on the shared store at absolute positions.
class WindowDrafter final : public ModelDrafter {
 public:
  WindowDrafter(const ProposalConfig& proposal, const TreeConfig& tree, const WindowConfig& config);

  std::string_view name() const override { return "window"; }

 private:
  void BeginModel(const DraftContext& context) override;
  void BeginRound(std::span<const Token> history) override;
  std::span<const float> LogitsAfter(const TokenTree& tree, NodeId node) override;

  WindowConfig config_;
  WindowPolicy policy_;
  const KvView* view_ = nullptr;  ///< of the round in flight
};

}  // namespace longshot
