#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "cli/command.h"
#include "core/error.h"
#include "experiments/experiment.h"
#include "experiments/plan.h"
#include "experiments/report.h"
#include "experiments/runner.h"
#include "session/interrupt.h"
#include "session/output.h"

namespace longshot {
namespace {

struct RunOptions {
  std::string experiment, folder, shard = "1/1", config;
  std::vector<std::string> overrides;
  bool resume = false, dry_run = false;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(
        Field{
            .name = "folder", .flags = "-o,--output", .unit = "DIR", .help = "where results go; empty: runs/NAME-HASH"},
        self.folder);
    visit(Field{.name = "set", .flags = "--set", .unit = "KEY=VALUE", .help = "overrides the file; may be repeated"},
          self.overrides);
    visit(Field{.name = "config",
                .flags = "--config",
                .unit = "REPORT",
                .help = "repeat the experiment of this report.json, instead of a YAML file"},
          self.config);
    visit(Field{.name = "resume", .flags = "--resume", .help = "go on with a run: finished cells are kept"},
          self.resume);
    visit(Field{.name = "dry_run", .flags = "--dry-run", .help = "print plan, memory and time, and end"}, self.dry_run);
    visit(Field{.name = "shard", .flags = "--shard", .unit = "i/n", .help = "every n-th question only, from the i-th"},
          self.shard);
  }
};

StoredRun Read(const RunOptions& options) {
  if (options.config.empty() == options.experiment.empty()) {
    Throw(ErrorCode::kUsage, "run: expected either a YAML file or --config with a report.json");
  }
  if (!options.config.empty()) return ReadStoredRun(options.config, options.overrides);
  return {ReadExperiment(options.experiment, options.overrides), {}};
}

/// "runs/quick-1a2b3c4d", of a shard "runs/quick-1a2b3c4d-2of4".
std::string DefaultFolder(const Experiment& experiment, const Shard& shard) {
  std::string name = experiment.head.name;
  for (char& c : name) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!plain) c = '_';
  }
  const std::string part = shard.count == 1 ? "" : fmt::format("-{}of{}", shard.index, shard.count);
  return fmt::format("runs/{}-{}{}", name, ConfigHash(ToJson(experiment)).substr(0, 8), part);
}

/// Refuses to go on with cells that the plan would make anew: a document or the model changed since.
void RequireOwnCells(const Plan& plan, const CellStore& store) {
  std::set<std::string> planned;
  for (const Cell& cell : plan.cells) planned.insert(cell.id);
  for (const nlohmann::json* cell : store.All()) {
    const std::string id = (*cell)["id"];
    if (planned.contains(id)) continue;
    Throw(ErrorCode::kConfig,
          "{}: its cell {} was made with other documents or another model than the experiment has now; choose another "
          "folder with -o",
          store.folder(), id);
  }
}

}  // namespace

int RunExperiment(std::span<const std::string> arguments) {
  RunOptions options;
  CommandLine line("run", "Runs an experiment: a YAML file in, a report out.");
  line.Add(
      CommandLine::Positional{"EXPERIMENT.yaml", "what to ask, with which drafters and settings", &options.experiment});
  line.Add({"Options", BindFields(options)});
  line.Example("longshot run configs/quick.yaml -o runs/quick --set repetitions=7");
  if (!ParseArguments(line, arguments)) return 0;

  const Shard shard = Shard::Parse(options.shard);
  StoredRun stored = Read(options);
  const Experiment& experiment = stored.experiment;
  const std::string folder = options.folder.empty() ? DefaultFolder(experiment, shard) : options.folder;
  const nlohmann::json resolved = ToJson(experiment);
  Plan plan = MakePlan(experiment, shard);
  plan.resolved = std::move(stored.resolved);
  if (options.dry_run) {
    std::unique_ptr<CellStore> made;
    if (options.resume) made = std::make_unique<CellStore>(folder);
    WriteOutput(resolved.dump(2) + "\n" + DescribePlan(plan, made.get()));
    return 0;
  }
  const RunClaim claim{resolved, plan.total_cells};
  ClaimFolder(folder, claim, options.resume);
  CellStore store(folder);
  RequireOwnCells(plan, store);
  CatchInterrupt();
  Note(fmt::format("experiment {}: {} cells, {} of them made before; {}", experiment.head.name, plan.cells.size(),
                   store.size(), folder));
  const RunOutcome outcome = RunPlan(plan, store);
  const nlohmann::json report = MakeReport(claim, store);
  WriteReport(folder, report);
  if (outcome.interrupted) {
    Note(fmt::format("interrupted after {} cells; --resume goes on", outcome.made));
    return kInterruptedStatus;
  }
  WriteOutput(folder + "/report.html\n");
  if (outcome.failed > 0) {
    Throw(ErrorCode::kUnsupported,
          "{} cells failed: their drafters never proposed, so their speed says nothing; see {}", outcome.failed,
          folder + "/report.html");
  }
  return 0;
}

}  // namespace longshot
