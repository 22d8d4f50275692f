#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "drafters/registry.h"
#include "runtime/engine/cost_model.h"

namespace longshot {

/// Limits of every proposal of a run, resolved once, and the measurement they came from.
struct DraftPlan {
  DraftLimits limits{.max_nodes = 0, .max_depth = 0};
  double row_cost =
      0.02;  ///< time of one more verified row, as a share of a single-row pass; as `GenerateRequest`
  std::vector<VerificationCost::Point> verification_ms;  ///< empty: not measured
  double draft_pass_ms = 0;                              ///< of a drafter that runs the model; 0 for look-ups

  nlohmann::json ToJson() const;
};

/// How a pass is timed at the context in use.
struct PassTimer {
  std::function<double(int rows)> verification_ms;  ///< one full pass of that many rows
  std::function<double()> draft_ms;                 ///< one pass of one row through the drafter's view
  int max_rows = 1;                                 ///< rows one pass may have
};

/// Resolves `config` in place: limits that were left open come from the measured cost of verification, at
/// least 1; an explicit number of tokens or tree shape is taken as it is. With drafter `none` nothing is
/// measured. Errors: kUsage for a malformed tree shape; kCapacity when an explicit limit exceeds what one
/// pass can take.
DraftPlan ResolveDraft(DrafterConfig& config, const PassTimer& timer);

}  // namespace longshot
