#pragma once

#include <array>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "session/roofs.h"
#include "kernels/timed/operation_cost.h"
#include "runtime/engine/metrics.h"

namespace longshot {

/// What each phase of a generation spent on which operations.
struct Breakdown {
  std::array<OperationCosts, kPhases> costs = {};

  OperationCosts& of(Phase phase) { return costs[static_cast<size_t>(phase)]; }
  const OperationCosts& of(Phase phase) const { return costs[static_cast<size_t>(phase)]; }
  double OperationsMs(Phase phase) const;

  /// One table for each phase that ran operations, the dearest first; what no operation took stands last. `times` are
  /// those of the same generation. Share: of the phase. Roof: least time of products and attention by `roofs` as part
  /// of theirs; "-" where a roof is 0, that is not probed. No line feed at the end.
  std::string Table(const PhaseTimes& times, const Roofs& roofs) const;
  /// The same numbers: {"roofs": ..., "phases": {"score": {"ms": ..., "operations": [{"operation": ..., ...}, ...]}}}.
  nlohmann::json ToJson(const PhaseTimes& times, const Roofs& roofs) const;
};

}  // namespace longshot
