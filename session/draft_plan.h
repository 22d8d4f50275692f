#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "drafters/registry.h"
#include "runtime/engine/cost_model.h"

namespace longshot {

/// Limits of every proposal of a run, resolved once, and the measurement they came from, if there was one.
struct DraftPlan {
  DraftLimits limits{.max_nodes = 0, .max_depth = 0};
  PassCost cost{};                                       ///< of verification, by rows; as `GenerateRequest`
  std::vector<VerificationCost::Point> verification_ms;  ///< empty: not measured
  double pass_cost = 0;      ///< of one draft pass through a view, in single-row passes; 0: nobody drafts by one
  double own_pass_cost = 0;  ///< of one over rows of a drafter's own; the same
  double read_cost = 0;      ///< of one token of a drafter's own text; the same

  nlohmann::json ToJson() const;
};

/// Passes of more rows are not timed; `DraftCap` proposes less.
inline constexpr int kMostTimedRows = 32;

/// How a pass is timed at the context in use.
struct PassTimer {
  std::function<double(int rows)> verification_ms;  ///< one full pass of that many rows
  std::function<double()> draft_ms;                 ///< one pass of one row through the window drafter's view
  std::function<double()> own_ms = {};              ///< the same over rows of a drafter's own; empty: there is none
  std::function<double()> read_ms = {};             ///< one token of what such a drafter reads first; the same
  int max_rows = 1;                                 ///< rows one pass of the target may have
  int timed_rows = 1;                               ///< of them, those that fit the context
};

/// Refuses explicit limits that one pass of `max_rows` rows cannot take. Errors: kUsage for a malformed tree shape;
/// kCapacity naming the flag.
void RequireOnePass(const DrafterConfig& config, int64_t max_rows);

/// Whether `config` leaves open what only timed passes tell.
bool NeedsTiming(const DrafterConfig& config);
/// The most that proposals of `config` may come to hold, before anything is timed.
DraftLimits RoomForDrafts(const DrafterConfig& config);

/// Resolves `config` in place: limits and costs that were left open (0) come from passes timed here, the
/// limits at least 1; an explicit number of tokens or tree shape is taken as it is. Whatever decides a
/// proposal stands in `config` afterwards, so that resolving it again measures nothing and gives the same
/// plan. With drafter `none` nothing is measured. Errors: those of `RequireOnePass`.
DraftPlan ResolveDraft(DrafterConfig& config, const PassTimer& timer);

}  // namespace longshot
