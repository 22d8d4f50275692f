#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "experiments/cell_store.h"
#include "experiments/experiment.h"

namespace longshot {

/// The folder of a run:
///
///   experiment.json   the resolved experiment and its hash: what its cells belong to
///   cells/ID.json     finished cells
///   report.json, report.html, report.md, cells.csv

/// What a folder is for.
struct RunClaim {
  nlohmann::json experiment;  ///< as `ToJson` gives it
  int64_t planned_cells = 0;  ///< of all shards
};

/// Claims a folder. Errors: kUsage when it was claimed before and `resume` is off, or for another experiment, with the
/// cure; kIo when it cannot be written.
void ClaimFolder(const std::string& folder, const RunClaim& claim, bool resume);

/// What a folder was claimed for. Errors: kIo; kFormat when it is none.
RunClaim ReadClaim(const std::string& folder);

/// Everything that is stored and what follows from it.
nlohmann::json MakeReport(const RunClaim& claim, const CellStore& store);

/// Writes the four files. Errors: kIo; a file is there whole or as it was before.
void WriteReport(const std::string& folder, const nlohmann::json& report);

/// Errors: kIo; kFormat when the folder has no report of this version: `longshot report` makes one.
nlohmann::json ReadReport(const std::string& folder);

}  // namespace longshot
