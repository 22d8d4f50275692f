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

/// Claims a folder for an experiment (`ToJson`). Errors: kUsage when it was claimed before and `resume` is off, or for
/// another experiment, with the cure; kIo when it cannot be written.
void ClaimFolder(const std::string& folder, const nlohmann::json& experiment, bool resume);

/// The experiment that a folder was claimed for, as `ToJson` gave it. Errors: kIo; kFormat when it is none.
nlohmann::json ClaimedExperiment(const std::string& folder);

/// Everything that is stored and what follows from it.
nlohmann::json MakeReport(const nlohmann::json& experiment, const CellStore& store);

/// Writes the four files. Errors: kIo; a file is there whole or as it was before.
void WriteReport(const std::string& folder, const nlohmann::json& report);

/// Errors: kIo; kFormat when the folder has no report of this version: `longshot report` makes one.
nlohmann::json ReadReport(const std::string& folder);

}  // namespace longshot
