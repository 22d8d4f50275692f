#include "experiments/report.h"

#include <fmt/format.h>

#include <filesystem>

#include "core/error.h"
#include "core/mapped_file.h"
#include "experiments/report_page.h"
#include "experiments/table.h"
#include "runtime/config/fields.h"
#include "runtime/text/bounded_json.h"
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

void ClaimFolder(const std::string& folder, const json& wanted, bool resume) {
  const std::string hash = ConfigHash(wanted);
  MakeFolder(folder);
  std::error_code unknown;
  if (std::filesystem::exists(ClaimPath(folder), unknown)) {
    if (ConfigHash(ClaimedExperiment(folder)) != hash) {
      Throw(ErrorCode::kUsage, "{}: holds another experiment; choose another folder with -o", folder);
    }
    if (!resume) {
      Throw(ErrorCode::kUsage,
            "{}: holds a run of this experiment; --resume goes on with it, -o chooses another folder", folder);
    }
    return;
  }
  WriteWhole(ClaimPath(folder), json({{"experiment", wanted}, {"experiment_sha256", hash}}).dump(2) + "\n");
}

json ClaimedExperiment(const std::string& folder) {
  const json claim = ParseBoundedJson(ReadFile(ClaimPath(folder)), ClaimPath(folder));
  const json experiment = claim.is_object() ? claim.value("experiment", json()) : json();
  const auto is_text = [&](const char* key) { return experiment.value(key, json()).is_string(); };
  if (!experiment.is_object() || !is_text("name") || !is_text("about") || !is_text("source")) {
    Throw(ErrorCode::kFormat, "{}: expected the folder of a run, with an experiment.json", folder);
  }
  return experiment;
}

json MakeReport(const json& experiment, const CellStore& store) {
  const std::vector<const json*> ordered = OrderedCells(store);
  json cells = json::array(), table = json::array();
  for (const json* cell : ordered) cells.push_back(*cell);
  for (const TableLine& line : MakeTable(store)) table.push_back(ToJson(line));
  return {{"experiment", experiment},
          {"experiment_sha256", ConfigHash(experiment)},
          {"builds", Distinct(ordered, "build")},
          {"devices", Distinct(ordered, "device")},
          {"models", Distinct(ordered, "model_sha256")},
          {"table", table},
          {"cells", cells}};
}

void WriteReport(const std::string& folder, const json& report) {
  const std::string text = Dump(report);
  WriteWhole(folder + "/report.json", text + "\n");
  // Text is read back: what was not UTF-8 has been replaced.
  const json clean = json::parse(text);
  WriteWhole(folder + "/report.html", HtmlReport(clean));
  WriteWhole(folder + "/report.md", MarkdownReport(clean));
  WriteWhole(folder + "/cells.csv", CellsCsv(clean));
}

json ReadReport(const std::string& folder) {
  const std::string path = folder + "/report.json";
  json report = ParseBoundedJson(ReadFile(path), path);
  if (!report.is_object() || !report.value("cells", json()).is_array()) {
    Throw(ErrorCode::kFormat, "{}: no report of a run; `longshot report {}` makes one", path, folder);
  }
  for (const json& cell : report["cells"]) RequireCell(cell, path);
  return report;
}

}  // namespace longshot
