#include "experiments/report.h"

#include <fmt/format.h>

#include <algorithm>
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

bool HoldsFigures(const json& experiment) {
  const json figures = experiment.value("published", json::array());
  return figures.is_array() && std::all_of(figures.begin(), figures.end(), [](const json& figure) {
           return figure.is_object() && figure.value("drafter", json()).is_string() &&
                  figure.value("task", json()).is_string() && figure.value("what", json()).is_string() &&
                  figure.value("value", json()).is_number();
         });
}

/// Values that differ, each once, in order.
json Distinct(const std::vector<const json*>& cells, const char* key) {
  json values = json::array();
  for (const json* cell : cells) {
    if (std::find(values.begin(), values.end(), (*cell)[key]) == values.end()) values.push_back((*cell)[key]);
  }
  return values;
}

/// Figures of the experiment's source that stand beside a line.
json PublishedFor(const TableLine& line, const json& experiment) {
  json figures = json::array();
  for (const json& figure : experiment.value("published", json::array())) {
    const bool fits = figure["task"] == "" || figure["task"] == line.task;
    if (fits && figure["drafter"] == line.drafter) figures.push_back(figure);
  }
  return figures;
}

/// What the loaded models of a run took, each once, named by the first setting that had it, and the most that each
/// drafter held beside it.
json MemoryOf(const std::vector<const json*>& cells) {
  json entries = json::array();
  for (const json* cell : cells) {
    json planned = (*cell)["memory_bytes"];
    planned.erase("draft_held");
    auto entry = std::find_if(entries.begin(), entries.end(), [&](const json& e) { return e["planned"] == planned; });
    if (entry == entries.end()) {
      entries.push_back({{"planned", planned}, {"setting", AxesText((*cell)["axes"])}, {"draft_held", json::object()}});
      entry = entries.end() - 1;
    }
    json& held = (*entry)["draft_held"][(*cell)["drafter"].get<std::string>()];
    held = std::max(held.is_null() ? 0.0 : held.get<double>(), (*cell)["memory_bytes"].value("draft_held", 0.0));
  }
  return entries;
}

/// Cells of one question, repetition and drafter, made of another document or model: figures of both would be mixed.
void RequireDistinctPlaces(const std::vector<const json*>& ordered, const std::string& folder) {
  for (size_t i = 1; i < ordered.size(); ++i) {
    if ((*ordered[i])["place"] != (*ordered[i - 1])["place"]) continue;
    Throw(ErrorCode::kConfig,
          "{}: cells {} and {} answer the same question with other documents or another model; keep one of them",
          folder, (*ordered[i - 1])["id"].get<std::string>(), (*ordered[i])["id"].get<std::string>());
  }
}

}  // namespace

void ClaimFolder(const std::string& folder, const RunClaim& claim, bool resume) {
  const std::string hash = ConfigHash(claim.experiment);
  MakeFolder(folder);
  std::error_code unknown;
  if (std::filesystem::exists(ClaimPath(folder), unknown)) {
    if (ConfigHash(ReadClaim(folder).experiment) != hash) {
      Throw(ErrorCode::kUsage, "{}: holds another experiment; choose another folder with -o", folder);
    }
    if (!resume) {
      Throw(ErrorCode::kUsage,
            "{}: holds a run of this experiment; --resume goes on with it, -o chooses another folder", folder);
    }
    return;
  }
  const json stored = {
      {"experiment", claim.experiment}, {"experiment_sha256", hash}, {"planned_cells", claim.planned_cells}};
  WriteWhole(ClaimPath(folder), stored.dump(2) + "\n");
}

RunClaim ReadClaim(const std::string& folder) {
  const json stored = ParseBoundedJson(ReadFile(ClaimPath(folder)), ClaimPath(folder));
  const json experiment = stored.is_object() ? stored.value("experiment", json()) : json();
  const auto is_text = [&](const char* key) { return experiment.value(key, json()).is_string(); };
  if (!experiment.is_object() || !is_text("name") || !is_text("about") || !is_text("source") ||
      !stored.value("planned_cells", json()).is_number_integer() || !HoldsFigures(experiment)) {
    Throw(ErrorCode::kFormat, "{}: expected the folder of a run, with an experiment.json of this version", folder);
  }
  return {experiment, stored["planned_cells"]};
}

json MakeReport(const RunClaim& claim, const CellStore& store) {
  const std::vector<const json*> ordered = OrderedCells(store);
  RequireDistinctPlaces(ordered, store.folder());
  json cells = json::array(), table = json::array();
  for (const json* cell : ordered) cells.push_back(*cell);
  for (const TableLine& line : MakeTable(store)) {
    table.push_back(ToJson(line));
    table.back()["published"] = PublishedFor(line, claim.experiment);
  }
  return {{"experiment", claim.experiment},
          {"experiment_sha256", ConfigHash(claim.experiment)},
          {"planned_cells", claim.planned_cells},
          {"builds", Distinct(ordered, "build")},
          {"devices", Distinct(ordered, "device")},
          {"models", Distinct(ordered, "model_sha256")},
          {"memory", MemoryOf(ordered)},
          {"table", table},
          {"cells", cells}};
}

void WriteReport(const std::string& folder, const json& report) {
  const std::string text = Compact(report);
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
