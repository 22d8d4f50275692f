#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/config/yaml.h"
#include "session/generate_options.h"
#include "tasks/task.h"

namespace longshot {

/// A setting as text, and where it was written.
struct Assignment {
  std::string key;  ///< "sampling.temperature", "task.length"; of a drafter "window"
  std::string text;
  std::string shown_as;  ///< for errors: "suite.yaml:3:5: temperature"
};

/// Values that a setting takes in turn.
struct Axis {
  std::string key;
  std::vector<Assignment> values;
};

/// A drafter that takes part: settings of the block `speculative` on top of the experiment's.
struct DrafterVariant {
  std::string name;  ///< in tables; its method and what it sets otherwise
  std::vector<Assignment> settings;
};

/// A figure of a publication that stands beside ours.
struct PublishedFigure {
  std::string drafter, task, what;
  double value = 0;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "drafter", .flags = "", .help = "whose line it stands beside"}, self.drafter);
    visit(Field{.name = "task", .flags = "", .help = "of which task; empty: of all"}, self.task);
    visit(Field{.name = "what", .flags = "", .help = "what the figure says, and on which model and machine"},
          self.what);
    visit(Field{.name = "value", .flags = "", .minimum = 0, .maximum = 1e9, .help = "the figure"}, self.value);
  }
};

/// What an experiment is called and how often it asks.
struct ExperimentHead {
  std::string name;
  std::string about;
  std::string source;
  int64_t repetitions = 1;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "name", .flags = "", .help = "of the experiment; empty: its file's"}, self.name);
    visit(Field{.name = "about", .flags = "", .help = "what it is to show"}, self.about);
    visit(Field{.name = "source", .flags = "", .help = "publication whose table it follows"}, self.source);
    visit(Field{.name = "repetitions",
                .flags = "",
                .minimum = 1,
                .maximum = 1000,
                .help = "of every question, each with a seed of its own"},
          self.repetitions);
  }
};

/// One YAML file as it is meant: settings, tasks, drafters and the axes between them.
struct Experiment {
  ExperimentHead head;
  GenerateOptions base;
  std::vector<TaskConfig> tasks;
  std::vector<DrafterVariant> drafters;
  std::vector<Axis> matrix;
  std::vector<PublishedFigure> published;
};

/// Reads an experiment and what it `extends`, then `overrides` ("sampling.temperature=0", "repetitions=2", values in
/// YAML). Errors, with file, line and column: kConfig and kUsage for unknown keys (the nearest is named), values out of
/// range, a missing list of tasks, files that extend one another in a circle; those of `ReadYaml`.
Experiment ReadExperiment(const std::string& path, std::span<const std::string> overrides);

/// What a report says of its run, so that it can be repeated.
struct StoredRun {
  Experiment experiment;
  std::map<std::string, nlohmann::json> resolved;  ///< drafters' settings after measurements, by id of the cell
};
/// Errors: as above; kConfig when it is no report of `longshot run`.
StoredRun ReadStoredRun(const std::string& path, std::span<const std::string> overrides);

/// All of it, so that `ReadStoredRun` gives the same again.
nlohmann::json ToJson(const Experiment& experiment);

/// A point of the matrix: settings without a drafter's, and the tasks with their lengths.
struct Setting {
  std::vector<std::pair<std::string, std::string>> axes;  ///< keys and texts of this point
  GenerateOptions options;
  std::vector<TaskConfig> tasks;
};

/// Every point of the matrix, the last axis running fastest. Errors: kConfig for more than `kMostSettings`.
std::vector<Setting> SettingsOf(const Experiment& experiment);
inline constexpr size_t kMostSettings = 10'000;

/// The drafter of a variant in a setting. Errors: kUsage with the place of a value that does not fit.
DrafterConfig DrafterOf(const DrafterVariant& variant, const Setting& setting);

}  // namespace longshot
