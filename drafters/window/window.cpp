#include "drafters/window/window.h"

namespace longshot {

WindowDrafter::WindowDrafter(const ProposalConfig& proposal, const TreeConfig& tree, const WindowConfig& config)
    : ModelDrafter(proposal, tree, config.draft_cost > 0 ? config.draft_cost : WindowConfig::kAssumedDraftCost),
      config_(config),
      policy_(config.sink, config.recent) {}

void WindowDrafter::BeginModel(const DraftContext&) { policy_ = WindowPolicy(config_.sink, config_.recent); }

void WindowDrafter::BeginRound(std::span<const Token> history) {
  view_ = &policy_.View(static_cast<int64_t>(history.size()) - 1);
}

std::span<const float> WindowDrafter::LogitsAfter(const TokenTree& tree, NodeId node) {
  const ScoreRequest request{.sequence = context().sequence, .tree = &tree, .first_node = node, .view = view_};
  return context().target->Score({&request, 1})[0].Logits(node);
}

}  // namespace longshot
