#include "experiments/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/mapped_file.h"
#include "core/printable.h"
#include "runtime/config/nearest.h"
#include "runtime/text/bounded_json.h"

namespace longshot {
namespace {

using nlohmann::json;
using Kind = YamlValue::Kind;

constexpr std::string_view kTaskSection = "task";
constexpr int kMostExtends = 8;
/// What tasks supply, so that settings may not.
constexpr std::string_view kOfTasks[] = {"documents", "prompt", "prompt_file"};

bool IsOfTasks(const Field& field) {
  return std::find(std::begin(kOfTasks), std::end(kOfTasks), field.name) != std::end(kOfTasks);
}

std::vector<BoundField> WithoutTaskFields(std::vector<BoundField> fields) {
  std::erase_if(fields, [](const BoundField& bound) { return IsOfTasks(bound.field); });
  return fields;
}

/// The blocks of settings that an experiment may have, bound to `options`.
std::vector<Section> SectionsOf(GenerateOptions& options) {
  std::vector<Section> sections = options.Sections();
  for (Section& section : sections) section.fields = WithoutTaskFields(std::move(section.fields));
  return sections;
}

/// Sets "section.field" of options or, for "task.field", of every task. Errors: kUsage; kConfig for an unknown key.
void Assign(const Assignment& assignment, GenerateOptions& options, std::span<TaskConfig> tasks) {
  const size_t dot = assignment.key.find('.');
  const std::string section_name = assignment.key.substr(0, dot);
  const std::string field_name = dot == assignment.key.npos ? "" : assignment.key.substr(dot + 1);
  std::vector<std::string> known;
  const auto set = [&](const std::string& section, std::span<const BoundField> fields) {
    bool found = false;
    for (const BoundField& bound : fields) {
      known.push_back(fmt::format("{}.{}", section, bound.field.name));
      if (section != section_name || bound.field.name != field_name) continue;
      if (auto* const* texts = std::get_if<std::vector<std::string>*>(&bound.value)) (*texts)->clear();
      SetField(bound, assignment.text, assignment.shown_as);
      found = true;
    }
    return found;
  };
  bool found = false;
  for (Section& section : SectionsOf(options)) found |= set(section.name, section.fields);
  TaskConfig scratch;
  found |= set(std::string(kTaskSection), BindFields(scratch));
  for (TaskConfig& task : tasks) set(std::string(kTaskSection), BindFields(task));
  if (!found) {
    Throw(ErrorCode::kConfig, "{}: unknown setting '{}'; the nearest known one is '{}'", assignment.shown_as,
          Printable(assignment.key), Nearest(assignment.key, known));
  }
}

/// Applies files to an experiment, one after the other.
class Reader {
 public:
  explicit Reader(Experiment& experiment) : experiment_(experiment) {}

  bool HasAxis(const std::string& key) const {
    const auto& axes = experiment_.matrix;
    return std::any_of(axes.begin(), axes.end(), [&](const Axis& axis) { return axis.key == key; });
  }

  void ApplyPath(const std::string& path, int depth) {
    if (depth > kMostExtends) {
      Throw(ErrorCode::kConfig, "{}: files extend one another more than {} times: is there a circle?", path,
            kMostExtends);
    }
    const YamlFile file = ReadYaml(path);
    RequireBlock(file, file.root);
    if (const YamlValue* parent = file.root.Find("extends")) {
      RequireScalar(file, *parent, "extends");
      const std::filesystem::path beside = std::filesystem::path(path).parent_path() / parent->text;
      ApplyPath(beside.string(), depth + 1);
    }
    Apply(file);
    if (file.root.Find("name") == nullptr) experiment_.head.name = std::filesystem::path(path).stem().string();
  }

  void Apply(const YamlFile& file) {
    RequireBlock(file, file.root);
    for (const YamlValue::Entry& entry : file.root.block) ApplyEntry(file, entry);
  }

 private:
  static void RequireBlock(const YamlFile& file, const YamlValue& value) {
    if (value.kind == Kind::kBlock) return;
    Throw(ErrorCode::kConfig, "{}expected a block of keys, got {}", file.At(value.place), value.Shown());
  }
  static void RequireList(const YamlFile& file, const YamlValue& value, std::string_view key) {
    if (value.kind == Kind::kList && !value.list.empty()) return;
    Throw(ErrorCode::kConfig, "{}{}: expected a list with at least one entry, got {}", file.At(value.place), key,
          value.kind == Kind::kList ? "an empty one" : value.Shown());
  }
  static void RequireScalar(const YamlFile& file, const YamlValue& value, std::string_view key) {
    if (value.kind == Kind::kScalar) return;
    Throw(ErrorCode::kConfig, "{}{}: expected one value, got {}", file.At(value.place), Printable(key), value.Shown());
  }
  static Assignment MakeAssignment(const YamlFile& file, const std::string& key, const YamlValue& value) {
    RequireScalar(file, value, key);
    return {key, value.text, file.At(value.place) + Printable(key)};
  }

  void ApplyEntry(const YamlFile& file, const YamlValue::Entry& entry) {
    std::vector<std::string> known = {"extends", "tasks", "drafters", "matrix", "published"};
    for (const BoundField& bound : BindFields(experiment_.head)) {
      known.emplace_back(bound.field.name);
      if (bound.field.name == entry.key) return SetFromYaml(file, entry.value, bound);
    }
    for (const Section& section : SectionsOf(experiment_.base)) {
      known.push_back(section.name);
      if (section.name == entry.key) return FromYaml(file, entry.value, section.fields);
    }
    if (entry.key == "extends") return;
    if (entry.key == "tasks") return ApplyTasks(file, entry.value);
    if (entry.key == "drafters") return ApplyDrafters(file, entry.value);
    if (entry.key == "matrix") return ApplyMatrix(file, entry.value);
    if (entry.key == "published") return ApplyPublished(file, entry.value);
    RejectKey(file, entry, known);
  }

  void ApplyTasks(const YamlFile& file, const YamlValue& value) {
    RequireList(file, value, "tasks");
    experiment_.tasks.clear();
    for (const YamlValue& item : value.list) {
      TaskConfig task;
      FromYaml(file, item, BindFields(task));
      if (task.name.empty()) task.name = task.kind;
      const bool taken = std::any_of(experiment_.tasks.begin(), experiment_.tasks.end(),
                                     [&](const TaskConfig& other) { return other.name == task.name; });
      if (taken) {
        Throw(ErrorCode::kConfig, "{}two tasks are called '{}': give one a `name`", file.At(item.place),
              Printable(task.name));
      }
      experiment_.tasks.push_back(std::move(task));
    }
  }

  void ApplyPublished(const YamlFile& file, const YamlValue& value) {
    RequireList(file, value, "published");
    experiment_.published.clear();
    for (const YamlValue& item : value.list) {
      FromYaml(file, item, BindFields(experiment_.published.emplace_back()));
    }
  }

  void ApplyMatrix(const YamlFile& file, const YamlValue& value) {
    RequireBlock(file, value);
    for (const YamlValue::Entry& entry : value.block) {
      RequireList(file, entry.value, entry.key);
      if (entry.key.starts_with("speculative.")) {
        Throw(
            ErrorCode::kConfig,
            "{}{}: settings of drafters vary under `drafters`, so that plain decoding runs once: `drafters: [{{method: "
            "window, {}: [..]}}]`",
            file.At(entry.place), Printable(entry.key), Printable(entry.key.substr(12)));
      }
      Axis axis{entry.key, {}};
      for (const YamlValue& item : entry.value.list) {
        axis.values.push_back(MakeAssignment(file, entry.key, item));
        axis.values.back().shown_as = file.At(item.place) + Printable(entry.key);
        GenerateOptions scratch;  // finds what is wrong with it here and now
        Assign(axis.values.back(), scratch, {});
      }
      const auto same = std::find_if(experiment_.matrix.begin(), experiment_.matrix.end(),
                                     [&](const Axis& other) { return other.key == axis.key; });
      if (same == experiment_.matrix.end()) {
        experiment_.matrix.push_back(std::move(axis));
      } else {
        *same = std::move(axis);
      }
    }
  }

  void ApplyDrafters(const YamlFile& file, const YamlValue& value) {
    RequireList(file, value, "drafters");
    experiment_.drafters.clear();
    for (const YamlValue& item : value.list) {
      if (item.kind == Kind::kScalar) {
        AddDrafter(file, item, {item.text, {MakeAssignment(file, "method", item)}});
      } else {
        ApplyDrafterBlock(file, item);
      }
    }
  }

  /// A block whose lists stand for their product.
  void ApplyDrafterBlock(const YamlFile& file, const YamlValue& item) {
    RequireBlock(file, item);
    std::vector<DrafterVariant> variants(1);
    std::string name;
    for (const YamlValue::Entry& entry : item.block) {
      if (entry.key == "name") {
        RequireScalar(file, entry.value, "name");
        name = entry.value.text;
        continue;
      }
      const bool is_list = entry.value.kind == Kind::kList;
      if (is_list) RequireList(file, entry.value, entry.key);
      const std::span<const YamlValue> values = is_list ? std::span(entry.value.list) : std::span(&entry.value, 1);
      std::vector<DrafterVariant> more;
      for (const DrafterVariant& variant : variants) {
        for (const YamlValue& each : values) {
          more.push_back(variant);
          more.back().settings.push_back(MakeAssignment(file, entry.key, each));
          const bool shown = entry.key == "method" || is_list;
          if (shown && entry.key == "method") more.back().name = each.text;
          if (shown && entry.key != "method") more.back().name += fmt::format(" {}={}", entry.key, each.text);
        }
      }
      variants = std::move(more);
      constexpr size_t kMostVariants = 1000;
      if (variants.size() > kMostVariants) {
        Throw(ErrorCode::kConfig, "{}more than {} variants of a drafter", file.At(item.place), kMostVariants);
      }
    }
    for (DrafterVariant& variant : variants) {
      if (!name.empty()) variant.name = variants.size() == 1 ? name : name + " " + variant.name;
      AddDrafter(file, item, std::move(variant));
    }
  }

  void AddDrafter(const YamlFile& file, const YamlValue& item, DrafterVariant variant) {
    Setting scratch;
    const DrafterConfig config = DrafterOf(variant, scratch);
    DrafterChoice{config.type};  // refuses what is no drafter
    if (variant.name.empty()) variant.name = config.type;
    for (const DrafterVariant& other : experiment_.drafters) {
      if (other.name == variant.name) {
        Throw(ErrorCode::kConfig, "{}two drafters are called '{}': give one a `name`", file.At(item.place),
              Printable(variant.name));
      }
    }
    experiment_.drafters.push_back(std::move(variant));
  }

  Experiment& experiment_;
};

void ApplyOverrides(Reader& reader, std::span<const std::string> overrides) {
  for (const std::string& text : overrides) {
    const size_t equals = text.find('=');
    if (equals == text.npos || equals == 0) {
      Throw(ErrorCode::kUsage, "--set: expected key=value, got '{}'", Printable(text));
    }
    const std::string key = text.substr(0, equals), value = text.substr(equals + 1);
    if (key == "extends") Throw(ErrorCode::kUsage, "--set extends: only a file may extend another");
    if (reader.HasAxis(key)) {
      Throw(ErrorCode::kUsage, "--set {}: it is an axis of the experiment; --set 'matrix.{}=[...]' sets its values",
            Printable(key), Printable(key));
    }
    const size_t dot = key.find('.');
    // Only the first dot parts blocks: axes have dots of their own.
    const std::string yaml = dot == key.npos
                                 ? fmt::format("{}: {}", key, value)
                                 : fmt::format("{}: {{{}: {}}}", key.substr(0, dot), key.substr(dot + 1), value);
    reader.Apply(ParseYaml("--set " + text, yaml));
  }
}

void Finish(Experiment& experiment) {
  if (const std::string& type = experiment.base.drafter.type; type != DrafterConfig().type) {
    Throw(ErrorCode::kConfig, "speculative.method: {}: drafters of an experiment stand under `drafters`",
          Printable(type));
  }
  if (experiment.tasks.empty()) {
    Throw(ErrorCode::kConfig, "{}: expected `tasks`: a list of what is asked", Printable(experiment.head.name));
  }
  const auto is_plain = [](const DrafterVariant& v) { return DrafterOf(v, {}).type == "none"; };
  auto plain = std::find_if(experiment.drafters.begin(), experiment.drafters.end(), is_plain);
  if (plain == experiment.drafters.end()) {
    experiment.drafters.insert(experiment.drafters.begin(), {"none", {{"method", "none", "drafters: method"}}});
  } else {
    std::rotate(experiment.drafters.begin(), plain, plain + 1);  // the baseline comes first
  }
}

json TextsOf(const Axis& axis) {
  json texts = json::array();
  for (const Assignment& value : axis.values) texts.push_back(value.text);
  return texts;
}

}  // namespace

Experiment ReadExperiment(const std::string& path, std::span<const std::string> overrides) {
  Experiment experiment;
  Reader reader(experiment);
  reader.ApplyPath(path, 0);
  ApplyOverrides(reader, overrides);
  Finish(experiment);
  return experiment;
}

StoredRun ReadStoredRun(const std::string& path, std::span<const std::string> overrides) {
  const json report = ParseBoundedJson(ReadFile(path), path);
  const json stored = report.is_object() ? report.value("experiment", json()) : json();
  if (!stored.is_object()) {
    Throw(ErrorCode::kConfig, "--config {}: expected a report.json of `longshot run`, with a block `experiment`", path);
  }
  StoredRun run;
  Reader reader(run.experiment);
  reader.Apply(ParseYaml(path, stored.dump()));  // JSON is YAML
  ApplyOverrides(reader, overrides);
  Finish(run.experiment);
  for (const json& cell : report.value("cells", json::array())) {
    const json settings = cell.is_object() ? cell.value("settings", json::object()) : json::object();
    if (!settings.is_object() || !settings.contains("speculative") || !cell.contains("id")) continue;
    if (cell["id"].is_string()) run.resolved.emplace(cell["id"], settings["speculative"]);
  }
  return run;
}

json ToJson(const Experiment& experiment) {
  Experiment copy = experiment;  // fields are bound to what they read
  json result = ToJson(BindFields(copy.head));
  for (Section& section : SectionsOf(copy.base)) result[section.name] = ToJson(section.fields);
  result["tasks"] = json::array();
  for (TaskConfig& task : copy.tasks) result["tasks"].push_back(ToJson(BindFields(task)));
  result["drafters"] = json::array();
  for (const DrafterVariant& variant : copy.drafters) {
    json block = {{"name", variant.name}};
    for (const Assignment& setting : variant.settings) block[setting.key] = setting.text;
    result["drafters"].push_back(std::move(block));
  }
  result["matrix"] = json::object();
  for (const Axis& axis : copy.matrix) result["matrix"][axis.key] = TextsOf(axis);
  if (!copy.published.empty()) {
    for (PublishedFigure& figure : copy.published) result["published"].push_back(ToJson(BindFields(figure)));
  }
  return result;
}

std::vector<Setting> SettingsOf(const Experiment& experiment) {
  std::vector<Setting> settings = {{{}, experiment.base, experiment.tasks}};
  for (const Axis& axis : experiment.matrix) {
    if (settings.size() * axis.values.size() > kMostSettings) {
      Throw(ErrorCode::kConfig, "matrix: more than {} points; shorten an axis", kMostSettings);
    }
    std::vector<Setting> more;
    for (const Setting& setting : settings) {
      for (const Assignment& value : axis.values) {
        more.push_back(setting);
        more.back().axes.emplace_back(axis.key, value.text);
        Assign(value, more.back().options, more.back().tasks);
      }
    }
    settings = std::move(more);
  }
  return settings;
}

DrafterConfig DrafterOf(const DrafterVariant& variant, const Setting& setting) {
  DrafterConfig config = setting.options.drafter;
  const std::vector<BoundField> fields = BindFields(config);
  std::vector<std::string> names;
  for (const BoundField& bound : fields) names.emplace_back(bound.field.name);
  for (const Assignment& assignment : variant.settings) {
    const auto found = std::find(names.begin(), names.end(), assignment.key);
    if (found == names.end()) {
      Throw(ErrorCode::kConfig, "{}: unknown key '{}'; the nearest known one is '{}'", assignment.shown_as,
            Printable(assignment.key), Nearest(assignment.key, names));
    }
    SetField(fields[static_cast<size_t>(found - names.begin())], assignment.text, assignment.shown_as);
  }
  return config;
}

}  // namespace longshot
