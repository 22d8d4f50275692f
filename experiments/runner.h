#pragma once

#include <cstdint>
#include <string>

#include "experiments/cell_store.h"
#include "experiments/plan.h"

namespace longshot {

/// How a run ended.
struct RunOutcome {
  int64_t made = 0;    ///< cells of this run
  int64_t failed = 0;  ///< of all cells, those whose drafter never proposed
  bool interrupted = false;
};

/// Makes every cell of `plan` that `store` lacks and saves each at once. Drafters take turns within a question and a
/// repetition, each time begun by another one; a document is read once for all of its questions. Shows what is done
/// and the time that is left. Ctrl-C ends it, and nothing finished is lost.
/// Errors: those of models and of `CellStore::Put`.
RunOutcome RunPlan(const Plan& plan, CellStore& store);

/// The plan for people: settings, cells, memory, and the time it should take on this machine. Cost: a second of
/// probing.
std::string DescribePlan(const Plan& plan, const CellStore* store);

}  // namespace longshot
