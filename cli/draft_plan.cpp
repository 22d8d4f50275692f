#include "cli/draft_plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.h"

namespace longshot {
namespace {

constexpr int kMeasuredRows[] = {1, 2, 4, 8, 16, kMostTimedRows};
constexpr int kRepeats = 3;

/// Keeps a measured cost from reading as "not measured".
constexpr double kLeastRowCost = 1e-6;

/// Limits that the user named, or 0.
DraftLimits ExplicitLimits(const DrafterConfig& config) {
  const std::vector<int64_t> levels = ParseTreeShape(config.tree.shape);
  DraftLimits limits{config.proposal.n_max, config.proposal.n_max};
  if (!levels.empty()) {
    limits = {std::accumulate(levels.begin(), levels.end(), int64_t{0}), static_cast<int64_t>(levels.size())};
  }
  if (config.proposal.max_depth > 0) limits.max_depth = std::min(limits.max_depth, config.proposal.max_depth);
  return limits;
}

void RequireOnePass(const DrafterConfig& config, const DraftLimits& limits, int max_rows) {
  if (limits.max_nodes < max_rows) return;
  const bool shaped = !config.tree.shape.empty();
  Throw(ErrorCode::kCapacity, "{} asks for proposals of {} tokens: one pass verifies at most {}; {}",
        shaped ? "--spec-tree-shape " + config.tree.shape : "--spec-draft-n-max", limits.max_nodes, max_rows - 1,
        shaped ? "name fewer or smaller levels" : "lower it");
}

VerificationCost Measure(const PassTimer& timer) {
  std::vector<int> rows;
  for (const int n : kMeasuredRows) {
    if (n <= timer.timed_rows) rows.push_back(n);
  }
  return VerificationCost::Measure(rows, kRepeats, timer.verification_ms);
}

double RowCost(const VerificationCost& cost) {
  if (cost.max_rows() == 1) return DraftPlan().row_cost;
  return std::max(kLeastRowCost, (cost.Ms(cost.max_rows()) / cost.Ms(1) - 1) / (cost.max_rows() - 1));
}

/// Fills what `config` left open from timed passes.
void ResolveOpen(const PassTimer& timer, bool runs_model, DrafterConfig& config, DraftPlan& plan) {
  const VerificationCost cost = Measure(timer);
  plan.verification_ms.assign(cost.points().begin(), cost.points().end());
  if (config.proposal.row_cost == 0) config.proposal.row_cost = RowCost(cost);
  if (runs_model) {
    if (config.window.draft_cost == 0) config.window.draft_cost = timer.draft_ms() / cost.Ms(1);
    plan.draft_pass_ms = config.window.draft_cost * cost.Ms(1);
  }
  if (plan.limits.max_nodes > 0) return;
  plan.limits = DraftCap(cost, {.ms_per_level = plan.draft_pass_ms});
  if (config.proposal.max_depth > 0) {
    plan.limits.max_depth = std::min(plan.limits.max_nodes, config.proposal.max_depth);
  }
  config.proposal.n_max = plan.limits.max_nodes;
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
  RequireOnePass(config, plan.limits, timer.max_rows);
  const bool runs_model = entry.draws_own_law;
  const bool wants_ratio = runs_model && config.window.draft_cost == 0;
  if (plan.limits.max_nodes == 0 || config.proposal.row_cost == 0 || wants_ratio) {
    ResolveOpen(timer, runs_model, config, plan);
  }
  config.proposal.max_depth = plan.limits.max_depth;
  plan.row_cost = config.proposal.row_cost;
  return plan;
}

}  // namespace longshot
