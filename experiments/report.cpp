#include "experiments/report.h"

#include <fmt/format.h>

#include <filesystem>

#include "core/error.h"
#include "core/mapped_file.h"
#include "experiments/report_page.h"
#include "experiments/table.h"
#include "runtime/config/fields.h"
#include "session/build_info.h"
#include "session/report.h"

namespace longshot {
namespace {

using nlohmann::json;

std::string ClaimPath(const std::string& folder) { return folder + "/experiment.json"; }

/// Values that differ, each once, in order.
json Distinct(const std::vector<const json*>& cells, const char* key) {
  json values = json::array();
  for (const json* cell : cells) {
    if (std::find(values.begin(), values.end(), (*cell)[key]) == values.end()) values.push_back((*cell)[key]);
  }
  return values;
}

}  // namespace

void ClaimFolder(const std::string& folder, const Experiment& experiment, bool resume) {
  const json wanted = ToJson(experiment);
  const std::string hash = ConfigHash(wanted);
  MakeFolder(folder);
  if (std::filesystem::exists(ClaimPath(folder))) {
    if (ConfigHash(ClaimedExperiment(folder)) != hash) {
      Throw(ErrorCode::kUsage, "{}: holds another experiment; choose another folder with -o", folder);
    }
    if (!resume) {
      Throw(ErrorCode::kUsage, "{}: holds a run of this experiment; --resume goes on with it, -o chooses another folder",
            folder);
    }
    return;
  }
  WriteWhole(ClaimPath(folder), json({{"experiment", wanted}, {"experiment_sha256", hash}}).dump(2) + "\n");
}

json ClaimedExperiment(const std::string& folder) {
  const json claim = json::parse(ReadFile(ClaimPath(folder)), nullptr, false);
  if (!claim.is_object() || !claim.contains("experiment")) {
    Throw(ErrorCode::kFormat, "{}: expected the folder of a run, with an experiment.json", folder);
  }
  return claim["experiment"];
}

json MakeReport(const json& experiment, const CellStore& store) {
  const std::vector<const json*> ordered = OrderedCells(store);
  json cells = json::array(), table = json::array();
  for (const json* cell : ordered) cells.push_back(*cell);
  for (const TableLine& line : MakeTable(store)) table.push_back(ToJson(line));
  return {{"experiment", experiment},
          {"experiment_sha256", ConfigHash(experiment)},
          {"build", BuildJson()},
          {"devices", Distinct(ordered, "device")},
          {"models", Distinct(ordered, "model_sha256")},
          {"table", table},
          {"cells", cells}};
}

void WriteReport(const std::string& folder, const json& report) {
  WriteWhole(folder + "/report.json", Dump(report) + "\n");
  // Text is read back: what was not UTF-8 has been replaced.
  const json clean = json::parse(Dump(report));
  WriteWhole(folder + "/report.html", HtmlReport(clean));
  WriteWhole(folder + "/report.md", MarkdownReport(clean));
  WriteWhole(folder + "/cells.csv", CellsCsv(clean));
}

json ReadReport(const std::string& folder) {
  const std::string path = folder + "/report.json";
  json report = json::parse(ReadFile(path), nullptr, false);
  if (!report.is_object() || !report.contains("cells") || !report.contains("table")) {
    Throw(ErrorCode::kFormat, "{}: no report of a run; `longshot report {}` makes one", path, folder);
  }
  return report;
}

}  // namespace longshot
