#include "session/draft_plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "core/error.h"

namespace longshot {
namespace {

/// A timed pass is time without a token: few are. The second row has a point of its own: where one row waits for memory
/// it costs less than those after it, and it decides whether a single guess pays. Where 16 rows cost less than
/// `kCheap` rows, more may pay: the first row of the second tile of 16 is a point of its own there, for cost may be a
/// staircase.
constexpr int kTimedRows[] = {1, 2, 6, 16, 17, kMostTimedRows};
constexpr int kFirstCheapRows = 17;
constexpr double kCheap = 1.5;
/// Where 6 rows cost more than `kDear` rows, 16 would take as long as all other passes together, to tell what the line
/// through 2 and 6 tells: they are not timed.
constexpr int kFirstDearRows = 16;
constexpr double kDear = 2;

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

void RequireOnePass(const DrafterConfig& config, const DraftLimits& limits, int64_t max_rows) {
  if (limits.max_nodes < max_rows) return;
  const bool shaped = !config.tree.shape.empty();
  Throw(ErrorCode::kCapacity, "{} asks for proposals of {} tokens: one pass verifies at most {}; {}",
        shaped ? "--spec-tree-shape " + config.tree.shape : "--spec-draft-n-max", limits.max_nodes, max_rows - 1,
        shaped ? "name fewer or smaller levels" : "lower it");
}

std::vector<VerificationCost::Point> Measure(const PassTimer& timer) {
  std::vector<VerificationCost::Point> points;
  for (const int n : kTimedRows) {
    if (n > timer.timed_rows || (n >= kFirstCheapRows && points.back().ms > kCheap * points.front().ms)) break;
    if (n == kFirstDearRows && points.back().ms > kDear * points.front().ms) break;
    points.push_back({n, timer.verification_ms(n)});
  }
  return points;
}

/// The curve through `points`; where rows were too dear to time more, on along its last line.
VerificationCost CurveOf(std::vector<VerificationCost::Point> points, int timed_rows) {
  const int rows = std::min(timed_rows, kFirstDearRows);
  if (points.size() > 1 && points.back().rows < rows) {
    const auto before = points[points.size() - 2], last = points.back();
    const double row_ms = std::max(0.0, last.ms - before.ms) / (last.rows - before.rows);
    points.push_back({rows, last.ms + row_ms * (rows - last.rows)});
  }
  return VerificationCost(std::move(points));
}

bool HasOwnRows(const DrafterChoice& choice) { return choice.Has("rag") || choice.Has("draft-simple"); }

/// Costs of drafting that `config` left open, in single-row passes of `row_ms`.
void ResolveDraftCosts(const PassTimer& timer, double row_ms, DrafterConfig& config) {
  const DrafterChoice choice(config.type);
  if (choice.Has("window") && config.window.draft_cost == 0) config.window.draft_cost = timer.draft_ms() / row_ms;
  if (!HasOwnRows(choice) || !timer.own_ms) return;
  if (config.rag.draft_cost == 0) config.rag.draft_cost = timer.own_ms() / row_ms;
  if (choice.chooses() && config.rag.read_cost == 0) config.rag.read_cost = timer.read_ms() / row_ms;
}

/// As the configuration stores it.
std::string CostText(const VerificationCost& cost) {
  if (cost.max_rows() == 1) return DraftPlan().cost.ToText();
  std::vector<PassCost::Point> points;
  for (const auto& point : cost.points()) points.push_back({point.rows, point.ms});
  return PassCost(points).ToText();
}

/// Fills what `config` left open from timed passes.
void ResolveOpen(const PassTimer& timer, DrafterConfig& config, DraftPlan& plan) {
  plan.verification_ms = Measure(timer);
  const VerificationCost cost = CurveOf(plan.verification_ms, timer.timed_rows);
  if (config.proposal.pass_cost.empty()) config.proposal.pass_cost = CostText(cost);
  ResolveDraftCosts(timer, cost.Ms(1), config);
  if (plan.limits.max_nodes > 0) return;
  // A drafter that runs the model limits its own depth; beside it, look-ups may go deeper.
  const DrafterChoice choice(config.type);
  const double own = choice.Has("window") ? config.window.draft_cost : HasOwnRows(choice) ? config.rag.draft_cost : 0;
  plan.limits = DraftCap(cost, {.ms_per_level = choice.chooses() ? 0 : own * cost.Ms(1)});
  if (config.proposal.max_depth > 0) {
    plan.limits.max_depth = std::min(plan.limits.max_nodes, config.proposal.max_depth);
  }
  config.proposal.n_max = plan.limits.max_nodes;
}

}  // namespace

void RequireOnePass(const DrafterConfig& config, int64_t max_rows) {
  if (config.type != "none") RequireOnePass(config, ExplicitLimits(config), max_rows);
}

bool NeedsTiming(const DrafterConfig& config) {
  if (config.type == "none") return false;
  const DrafterChoice choice(config.type);
  const bool window = choice.Has("window") && config.window.draft_cost == 0;
  // Of several drafters one with a text of its own may have none, and then no cost.
  const bool wants_ratio = window || (HasOwnRows(choice) && !choice.chooses() && config.rag.draft_cost == 0);
  return ExplicitLimits(config).max_nodes == 0 || config.proposal.pass_cost.empty() || wants_ratio;
}

DraftLimits RoomForDrafts(const DrafterConfig& config) {
  DraftLimits limits = ExplicitLimits(config);
  if (limits.max_nodes == 0) limits = {kMostTimedRows - 1, kMostTimedRows - 1};
  return limits;
}

nlohmann::json DraftPlan::ToJson() const {
  nlohmann::json timed = nlohmann::json::array();
  for (const auto& point : verification_ms) timed.push_back({{"rows", point.rows}, {"ms", point.ms}});
  return {{"max_nodes", limits.max_nodes}, {"max_depth", limits.max_depth},  {"verification_ms", timed},
          {"draft_pass_cost", pass_cost},  {"own_pass_cost", own_pass_cost}, {"read_cost", read_cost}};
}

DraftPlan ResolveDraft(DrafterConfig& config, const PassTimer& timer) {
  const DrafterChoice choice(config.type);
  DraftPlan plan;
  if (config.type == "none") return plan;
  plan.limits = ExplicitLimits(config);
  RequireOnePass(config, plan.limits, timer.max_rows);
  if (NeedsTiming(config)) ResolveOpen(timer, config, plan);
  if (choice.Has("window")) plan.pass_cost = config.window.draft_cost;
  if (HasOwnRows(choice)) plan.own_pass_cost = config.rag.draft_cost, plan.read_cost = config.rag.read_cost;
  config.proposal.max_depth = plan.limits.max_depth;
  plan.cost = PassCost::Parse(config.proposal.pass_cost);
  return plan;
}

}  // namespace longshot
