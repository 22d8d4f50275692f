#include "cli/draft_plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.h"

namespace longshot {
namespace {

constexpr int kMeasuredRows[] = {1, 2, 4, 8, 16, 32};
constexpr int kRepeats = 3;

/// Limits that the user named, or 0.
DraftLimits ExplicitLimits(const DrafterConfig& config) {
  const std::vector<int64_t> levels = ParseTreeShape(config.tree.shape);
  if (!levels.empty()) {
    return {std::accumulate(levels.begin(), levels.end(), int64_t{0}), static_cast<int64_t>(levels.size())};
  }
  return {config.proposal.n_max, config.proposal.n_max};
}

}  // namespace

nlohmann::json DraftPlan::ToJson() const {
  nlohmann::json cost = nlohmann::json::array();
  for (const auto& point : verification_ms) cost.push_back({{"rows", point.rows}, {"ms", point.ms}});
  return {{"max_nodes", limits.max_nodes},
          {"max_depth", limits.max_depth},
          {"row_cost", row_cost},
          {"verification_ms", cost},
          {"draft_pass_ms", draft_pass_ms}};
}

DraftPlan ResolveDraft(DrafterConfig& config, const PassTimer& timer) {
  const DrafterEntry& entry = FindDrafter(config.type);
  DraftPlan plan;
  if (entry.name == "none") return plan;
  plan.limits = ExplicitLimits(config);
  if (plan.limits.max_nodes >= timer.max_rows) {
    Throw(ErrorCode::kCapacity,
          "a proposal of {} tokens: one pass verifies at most {}; lower --spec-draft-n-max",
          plan.limits.max_nodes, timer.max_rows - 1);
  }
  const bool runs_model = entry.draws_own_law;
  const bool wants_ratio = runs_model && config.window.draft_cost == 0;

  std::vector<int> rows;
  for (const int n : kMeasuredRows) {
    if (n <= timer.max_rows) rows.push_back(n);
  }
  const VerificationCost cost = VerificationCost::Measure(rows, kRepeats, timer.verification_ms);
  plan.verification_ms.assign(cost.points().begin(), cost.points().end());
  if (cost.max_rows() > 1)
    plan.row_cost = (cost.Ms(cost.max_rows()) / cost.Ms(1) - 1) / (cost.max_rows() - 1);
  if (runs_model) {
    if (wants_ratio) config.window.draft_cost = timer.draft_ms() / cost.Ms(1);
    plan.draft_pass_ms = config.window.draft_cost * cost.Ms(1);
  }
  if (plan.limits.max_nodes == 0) {
    plan.limits = DraftCap(cost, {.ms_per_level = plan.draft_pass_ms});
    config.proposal.n_max = plan.limits.max_nodes;
  }
  return plan;
}

}  // namespace longshot
