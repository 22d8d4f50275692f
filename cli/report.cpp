#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "core/error.h"
#include "experiments/compare.h"
#include "experiments/report.h"
#include "session/output.h"
#include "session/report.h"

namespace longshot {
namespace {

struct MergeOptions {
  std::string output;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "output", .flags = "-o,--output", .unit = "DIR", .help = "where the merged run goes"},
          self.output);
  }
};

struct CompareOptions {
  double tolerance = 0.03;
  std::string json;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "tolerance",
                .flags = "--tolerance",
                .minimum = 0,
                .maximum = 1,
                .help = "a speed whose whole interval lies this far below 1 is a regression"},
          self.tolerance);
    visit(Field{.name = "json", .flags = "--json", .unit = "FILE", .help = "write the comparison as JSON"}, self.json);
  }
};

void RequireSame(const std::string& folder, const RunClaim& claim) {
  if (ReadClaim(folder).experiment == claim.experiment) return;
  Throw(ErrorCode::kConfig, "{}: holds another experiment than the first folder; merge shards of one experiment",
        folder);
}

/// Adds the cells of `from` to `to`. Errors: kConfig when both have a cell whose outputs differ though it is exact.
void MergeInto(CellStore& to, const std::string& from) {
  const CellStore source(from);
  for (const nlohmann::json* cell : source.All()) {
    const std::string id = (*cell)["id"];
    if (to.Has(id)) {
      const nlohmann::json& other = to.Get(id);
      if (other["output_sha256"] != (*cell)["output_sha256"] && other["exactness"] == "exact") {
        Throw(ErrorCode::kConfig,
              "cell {}: {} and {} have different outputs of an exact cell; were they made by different builds?", id,
              from, to.folder());
      }
      continue;
    }
    to.Put(*cell);
  }
}

void RequireFolders(const std::vector<std::string>& folders) {
  if (folders.empty()) Throw(ErrorCode::kUsage, "expected the folder of a run");
}

}  // namespace

int RunReport(std::span<const std::string> arguments) {
  std::vector<std::string> folders;
  CommandLine line("report", "Writes the report of runs from their stored cells: HTML, Markdown, CSV and JSON.");
  line.Add(CommandLine::Positional{.name = "DIR", .help = "folders of runs", .values = &folders});
  line.Example("longshot report runs/quick");
  if (!ParseArguments(line, arguments)) return 0;
  RequireFolders(folders);
  for (const std::string& folder : folders) {
    WriteReport(folder, MakeReport(ReadClaim(folder), CellStore(folder)));
    WriteOutput(folder + "/report.html\n");
  }
  return 0;
}

int RunMerge(std::span<const std::string> arguments) {
  std::vector<std::string> folders;
  MergeOptions options;
  CommandLine line("merge", "Puts the shards of a run together.");
  line.Add(CommandLine::Positional{.name = "DIR", .help = "folders of the shards", .values = &folders});
  line.Add({"Options", BindFields(options)});
  line.Example("longshot merge runs/s1 runs/s2 runs/s3 -o runs/all");
  if (!ParseArguments(line, arguments)) return 0;
  RequireFolders(folders);
  if (options.output.empty()) Throw(ErrorCode::kUsage, "merge: expected -o with a folder for the result");
  const RunClaim claim = ReadClaim(folders.front());
  for (const std::string& folder : folders) RequireSame(folder, claim);
  ClaimFolder(options.output, claim, /*resume=*/true);
  CellStore merged(options.output);
  for (const std::string& folder : folders) MergeInto(merged, folder);
  WriteReport(options.output, MakeReport(claim, merged));
  Note(fmt::format("{} of {} cells, out of {} folders", merged.size(), claim.planned_cells, folders.size()));
  WriteOutput(options.output + "/report.html\n");
  return 0;
}

int RunCompare(std::span<const std::string> arguments) {
  CompareOptions options;
  std::string first, second;
  CommandLine line("compare", "Two runs of one experiment, cell by cell. Exit status 1: something got worse.");
  line.Add(CommandLine::Positional{"DIR_A", "folder of the first run", &first});
  line.Add(CommandLine::Positional{"DIR_B", "folder of the second run", &second});
  line.Add({"Options", BindFields(options)});
  line.Example("longshot compare runs/before runs/after");
  if (!ParseArguments(line, arguments)) return 0;
  if (first.empty() || second.empty()) Throw(ErrorCode::kUsage, "compare: expected the folders of two runs");
  const ResultFile result(options.json);
  const Comparison comparison = CompareReports(ReadReport(first), ReadReport(second), options.tolerance);
  if (comparison.lines.empty()) {
    Throw(ErrorCode::kConfig, "{} and {} have no cell in common: are they runs of one experiment?", first, second);
  }
  WriteOutput(FormatComparison(comparison));
  if (result.wanted()) result.Write(Dump(ToJson(comparison)));
  return comparison.Regressed() ? 1 : 0;
}

}  // namespace longshot
