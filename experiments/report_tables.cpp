#include "experiments/report_tables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "experiments/statistics.h"
#include "experiments/table.h"

namespace longshot {
namespace {

using nlohmann::json;

constexpr size_t kShownPositions = 6;
constexpr const char* kLengthAxis = "task.length";

std::string RatioText(const json& line, const char* key) {
  return line.contains(key) ? Text(IntervalFrom(line[key])) : "-";
}

std::string Positions(const json& line) {
  std::string text;
  for (size_t i = 0; i < std::min(kShownPositions, line["acceptance_rate_per_position"].size()); ++i) {
    text += fmt::format("{}{:.2f}", i == 0 ? "" : " ", line["acceptance_rate_per_position"][i].get<double>());
  }
  return text.empty() ? "-" : text;
}

std::string MsText(const json& line) {
  const double ms = line["ms_per_token"];
  return ms > 0 ? fmt::format("{:.2f}", ms) : "-";
}

std::string ScoreText(const json& line) {
  if (!line.contains("score")) return "-";
  return fmt::format("{:.2f} {}", line["score"].get<double>(), line["metric"].get<std::string>());
}

/// Of a chooser, the share of rounds in which it took no drafter.
std::string BypassText(const json& line) {
  const bool chooses = line["method"] == "auto" || line["method"].get<std::string>().find(',') != std::string::npos;
  return chooses ? fmt::format("{:.0f} %", line["bypassed_share"].get<double>() * 100) : "-";
}

std::string OutputText(const json& line) {
  const auto different = line["different_outputs"].get<int64_t>(), compared = line["compared_cells"].get<int64_t>();
  const auto cells = line["cells"].get<int64_t>();
  std::string text = line["exactness"];
  text += different == 0 ? ", identical" : fmt::format(", {} differ", different);
  return compared == cells ? text : text + fmt::format(" ({} of {} compared)", compared, cells);
}

/// Figures of publications for this drafter and task.
std::string PublishedText(const json& line) {
  std::string text;
  for (const json& figure : line["published"]) {
    text += fmt::format("{}{:.2f} ({})", text.empty() ? "" : "; ", figure["value"].get<double>(),
                        figure["what"].get<std::string>());
  }
  return text.empty() ? "-" : text;
}

std::string CountText(const json& line) {
  return fmt::format("{}/{}", line["looping_cells"].get<int64_t>(), line["cells"].get<int64_t>());
}

struct LineColumn {
  const char* title;
  bool is_number;
  std::string (*text)(const json& line);
};
const LineColumn kColumns[] = {
    {"drafter", false, [](const json& l) { return l["drafter"].get<std::string>(); }},
    {"ms/token", true, MsText},
    {"decode speed-up", true, [](const json& l) { return RatioText(l, "decode_speedup"); }},
    {"latency speed-up", true, [](const json& l) { return RatioText(l, "latency_speedup"); }},
    {"tau pooled", true,
     [](const json& l) { return fmt::format("{:.2f}", l["mean_acceptance_length_pooled"].get<double>()); }},
    {"tau of requests", true,
     [](const json& l) { return fmt::format("{:.2f}", l["mean_acceptance_length_of_requests"].get<double>()); }},
    {"acceptance by position", false, Positions},
    {"plain rounds", true, BypassText},
    {"score", true, ScoreText},
    {"pairs", true, [](const json& l) { return fmt::format("{}", l["pairs"].get<int64_t>()); }},
    {"loops", true, CountText},
    {"output", false, OutputText},
};
constexpr LineColumn kShiftColumn = {"law shift per token", true, [](const json& l) {
                                       return fmt::format("{:.3f}", l["law_shift_per_token"].get<double>());
                                     }};
constexpr LineColumn kPublishedColumn = {"published", false, PublishedText};

/// Lines of one setting and task.
struct Group {
  std::string title;
  std::vector<const json*> lines;
};
std::vector<Group> GroupsOf(const json& report) {
  std::vector<Group> groups;
  for (const json& line : report["table"]) {
    const json* last = groups.empty() ? nullptr : groups.back().lines.front();
    if (last == nullptr || (*last)["axes"] != line["axes"] || (*last)["task"] != line["task"]) {
      groups.push_back({fmt::format("{} at {:.0f} tokens; {}", line["task"].get<std::string>(),
                                    line["prompt_tokens"].get<double>(), AxesText(line["axes"])),
                        {}});
    }
    groups.back().lines.push_back(&line);
  }
  return groups;
}

/// Speed-ups of one drafter on one task, or on all, by length.
using ByLength = std::map<double, std::vector<Interval>>;

std::string SpeedupAt(const ByLength& speedups, double length) {
  const auto found = speedups.find(length);
  if (found == speedups.end()) return "-";
  if (found->second.size() == 1) return Text(found->second.front());
  std::vector<double> medians;
  for (const Interval& interval : found->second) medians.push_back(interval.median);
  return fmt::format("{:.2f}", GeometricMean(medians));
}

TextTable::Row LengthRow(std::string task, std::string drafter, const ByLength& speedups,
                         const std::set<double>& lengths) {
  TextTable::Row row{{std::move(task), std::move(drafter)}};
  for (const double length : lengths) row.cells.push_back(SpeedupAt(speedups, length));
  return row;
}

/// Tasks with a figure of every drafter at every length: means over others would compare different tasks.
std::vector<std::string> CompleteTasks(const std::vector<std::string>& tasks,
                                       const std::map<std::pair<std::string, std::string>, ByLength>& by_task,
                                       const std::set<double>& lengths) {
  std::set<std::string> drafters;
  for (const auto& [key, speedups] : by_task) drafters.insert(key.second);
  std::vector<std::string> complete;
  for (const std::string& task : tasks) {
    const bool whole = std::all_of(drafters.begin(), drafters.end(), [&](const std::string& drafter) {
      const auto found = by_task.find({task, drafter});
      return found != by_task.end() && found->second.size() == lengths.size();
    });
    if (whole) complete.push_back(task);
  }
  return complete;
}

/// A line below a table of lengths: several tasks together.
void AddMeans(const std::vector<std::string>& tasks, const std::vector<std::string>& drafters,
              const std::map<std::pair<std::string, std::string>, ByLength>& by_task, const std::set<double>& lengths,
              TextTable& table) {
  const std::vector<std::string> complete = CompleteTasks(tasks, by_task, lengths);
  if (complete.size() < 2) return;
  table.note = fmt::format("Together: geometric means of the medians of {}.", fmt::join(complete, ", "));
  for (const std::string& drafter : drafters) {
    ByLength all;
    for (const std::string& task : complete) {
      const auto found = by_task.find({task, drafter});
      if (found == by_task.end()) continue;
      for (const auto& [length, intervals] : found->second) all[length].push_back(intervals.front());
    }
    if (!all.empty()) table.rows.push_back(LengthRow("together", drafter, all, lengths));
  }
}

/// The lines of one setting but for its length.
TextTable LengthTable(const std::string& setting, const std::vector<const json*>& lines, const json& report) {
  std::set<double> lengths;
  std::vector<std::string> tasks;
  std::map<std::pair<std::string, std::string>, ByLength> by_task;
  for (const json* line : lines) {
    if (!line->contains("decode_speedup") || (*line)["method"] == "none") continue;
    const std::string task = (*line)["task"], drafter = (*line)["drafter"];
    const double length = LengthOf(*line, report);
    lengths.insert(length);
    if (std::find(tasks.begin(), tasks.end(), task) == tasks.end()) tasks.push_back(task);
    by_task[{task, drafter}][length].push_back(IntervalFrom((*line)["decode_speedup"]));
  }
  TextTable table{.title = "Decode speed-up by prompt length; " + setting, .note = {}, .columns = {}, .rows = {}};
  table.columns = {{"task"}, {"drafter"}};
  for (const double length : lengths) table.columns.push_back({fmt::format("{:.0f}", length), true});
  for (const std::string& task : tasks) {
    for (const std::string& drafter : DraftersOf(report)) {
      const auto found = by_task.find({task, drafter});
      if (found != by_task.end()) table.rows.push_back(LengthRow(task, drafter, found->second, lengths));
    }
  }
  AddMeans(tasks, DraftersOf(report), by_task, lengths, table);
  return table;
}

}  // namespace

std::vector<std::string> DraftersOf(const json& report) {
  std::vector<std::string> names;
  for (const json& line : report["table"]) {
    const std::string name = line["drafter"];
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

double LengthOf(const json& line, const json& report) {
  const std::string asked = line["axes"].value(kLengthAxis, "");
  if (!asked.empty()) return std::strtod(asked.c_str(), nullptr);
  double sum = 0;
  for (const json& other : report["table"]) sum += other["prompt_tokens"].get<double>();
  return std::round(sum / static_cast<double>(report["table"].size()));
}

std::vector<TextTable> SettingTables(const json& report) {
  std::vector<TextTable> tables;
  for (const Group& group : GroupsOf(report)) {
    std::vector<LineColumn> columns(std::begin(kColumns), std::end(kColumns));
    const auto has_figures = [](const json* line) { return !(*line)["published"].empty(); };
    const auto is_shifted = [](const json* line) { return (*line)["law_shift_per_token"] > 0; };
    if (std::any_of(group.lines.begin(), group.lines.end(), is_shifted)) columns.push_back(kShiftColumn);
    if (std::any_of(group.lines.begin(), group.lines.end(), has_figures)) columns.push_back(kPublishedColumn);
    TextTable table{.title = group.title, .note = {}, .columns = {}, .rows = {}};
    for (const LineColumn& column : columns) table.columns.push_back({column.title, column.is_number});
    for (const json* line : group.lines) {
      TextTable::Row row{.cells = {}, .failed = (*line)["failed_cells"] != 0};
      for (const LineColumn& column : columns) row.cells.push_back(column.text(*line));
      table.rows.push_back(std::move(row));
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

std::vector<TextTable> LengthTables(const json& report) {
  std::vector<std::pair<std::string, std::vector<const json*>>> settings;
  std::set<std::string> lengths;
  for (const json& line : report["table"]) {
    json axes = line["axes"];
    lengths.insert(axes.value(kLengthAxis, ""));
    axes.erase(kLengthAxis);
    const std::string setting = AxesText(axes);
    auto found = std::find_if(settings.begin(), settings.end(), [&](const auto& s) { return s.first == setting; });
    if (found == settings.end()) found = settings.insert(settings.end(), {setting, {}});
    found->second.push_back(&line);
  }
  std::vector<TextTable> tables;
  if (lengths.size() < 2) return tables;
  for (const auto& [setting, lines] : settings) {
    TextTable table = LengthTable(setting, lines, report);
    if (!table.rows.empty()) tables.push_back(std::move(table));
  }
  return tables;
}

TextTable MemoryTableOf(const json& report) {
  TextTable table{.title = "Memory, MB",
                  .note =
                      "Weights, KV cache for the longest prompt and its answer, and scratch are planned before "
                      "anything is loaded; what a drafter held is counted after its answers.",
                  .columns = {},
                  .rows = {}};
  table.columns = {{"setting"}, {"weights", true}, {"target KV", true}, {"scratch", true}};
  const std::vector<std::string> drafters = DraftersOf(report);
  for (const std::string& drafter : drafters) table.columns.push_back({drafter, true});
  const auto megabytes = [](const json& bytes) { return fmt::format("{:.1f}", bytes.get<double>() / 1e6); };
  for (const json& entry : report["memory"]) {
    const json& planned = entry["planned"];
    TextTable::Row row{{entry["setting"], megabytes(planned["weights"]), megabytes(planned["target_kv"]),
                        megabytes(planned["scratch"])}};
    for (const std::string& drafter : drafters) row.cells.push_back(megabytes(entry["draft_held"].value(drafter, 0.0)));
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string Summary(const json& report) {
  std::map<std::string, int64_t> wins;
  int64_t groups = 0, loops = 0, cells = 0, different = 0, failed = 0;
  for (const Group& group : GroupsOf(report)) {
    std::string best;
    double most = 0;
    for (const json* line : group.lines) {
      loops += (*line)["looping_cells"].get<int64_t>(), cells += (*line)["cells"].get<int64_t>();
      different += (*line)["different_outputs"].get<int64_t>(), failed += (*line)["failed_cells"].get<int64_t>();
      if (!line->contains("decode_speedup")) continue;
      const double median = (*line)["decode_speedup"]["median"];
      if (median > most) most = median, best = (*line)["drafter"];
    }
    if (!best.empty()) ++wins[best], ++groups;
  }
  std::string text;
  for (const auto& [name, count] : wins) text += fmt::format("{}{} in {}", text.empty() ? "" : ", ", name, count);
  text = fmt::format(
      "Fastest median decoding, of {} settings and tasks: {}. {} of {} answers loop and are left out of medians where "
      "two others remain. {} outputs differ from plain decoding; {} cells failed because their drafter never proposed.",
      groups, text.empty() ? "none measured" : text, loops, cells, different, failed);
  const auto planned = report["planned_cells"].get<int64_t>();
  if (cells < planned) text += fmt::format(" {} of {} cells are still to be made.", planned - cells, planned);
  return text;
}

}  // namespace longshot
