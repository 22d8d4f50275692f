#include "experiments/report_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "experiments/page_style.h"
#include "experiments/svg_plot.h"
#include "experiments/table.h"

namespace longshot {
namespace {

using nlohmann::json;

constexpr size_t kShownPositions = 6;

std::string Ratio(const json& line, const char* key) {
  if (!line.contains(key)) return "-";
  const json& ratio = line[key];
  return fmt::format("{:.2f} ({:.2f}-{:.2f})", ratio["median"].get<double>(), ratio["low"].get<double>(),
                     ratio["high"].get<double>());
}

std::string Positions(const json& line) {
  std::string text;
  for (size_t i = 0; i < std::min(kShownPositions, line["acceptance_rate_per_position"].size()); ++i) {
    text += fmt::format("{}{:.2f}", i == 0 ? "" : " ", line["acceptance_rate_per_position"][i].get<double>());
  }
  return text.empty() ? "-" : text;
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

/// The columns of the main table, in every form.
struct Column {
  const char* title;
  bool is_number;
  std::string (*text)(const json& line);
};
const Column kColumns[] = {
    {"drafter", false, [](const json& l) { return l["drafter"].get<std::string>(); }},
    {"ms/token", true, [](const json& l) { return fmt::format("{:.2f}", l["ms_per_token"].get<double>()); }},
    {"decode speed-up", true, [](const json& l) { return Ratio(l, "decode_speedup"); }},
    {"latency speed-up", true, [](const json& l) { return Ratio(l, "latency_speedup"); }},
    {"tau pooled", true,
     [](const json& l) { return fmt::format("{:.2f}", l["mean_acceptance_length_pooled"].get<double>()); }},
    {"tau of requests", true,
     [](const json& l) { return fmt::format("{:.2f}", l["mean_acceptance_length_of_requests"].get<double>()); }},
    {"acceptance by position", false, Positions},
    {"plain rounds", true, BypassText},
    {"score", true, ScoreText},
    {"pairs", true, [](const json& l) { return fmt::format("{}", l["pairs"].get<int64_t>()); }},
    {"loops", true,
     [](const json& l) { return fmt::format("{}/{}", l["looping_cells"].get<int64_t>(), l["cells"].get<int64_t>()); }},
    {"output", false, OutputText},
};

/// Lines of one setting and task.
struct Group {
  json axes;
  std::string task;
  double prompt_tokens = 0;
  std::vector<const json*> lines;
};
std::vector<Group> GroupsOf(const json& report) {
  std::vector<Group> groups;
  for (const json& line : report["table"]) {
    if (groups.empty() || groups.back().axes != line["axes"] || groups.back().task != line["task"]) {
      groups.push_back({line["axes"], line["task"], line["prompt_tokens"], {}});
    }
    groups.back().lines.push_back(&line);
  }
  return groups;
}

std::string TitleOf(const Group& group) {
  return fmt::format("{} at {:.0f} tokens; {}", group.task, group.prompt_tokens, AxesText(group.axes));
}

/// Drafters in the order of the experiment.
std::vector<std::string> DraftersOf(const json& report) {
  std::vector<std::string> names;
  for (const json& line : report["table"]) {
    const std::string name = line["drafter"];
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::string PublishedText(const json& report, const Group& group) {
  std::string text;
  for (const json& figure : report["experiment"].value("published", json::array())) {
    const std::string task = figure["task"];
    if (!task.empty() && task != group.task) continue;
    text += fmt::format("{}{}: {:.2f} ({})", text.empty() ? "" : "; ", figure["drafter"].get<std::string>(),
                        figure["value"].get<double>(), figure["what"].get<std::string>());
  }
  return text;
}

/// Which drafter was fastest how often, for the head of the page.
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
  for (const auto& [name, count] : wins) {
    text += fmt::format("{}{} in {}", text.empty() ? "" : ", ", name, count);
  }
  return fmt::format(
      "Fastest median decoding, of {} settings and tasks: {}. {} of {} answers loop and are left out of medians where "
      "two "
      "others remain. {} outputs differ from plain decoding; {} cells failed because their drafter never proposed.",
      groups, text.empty() ? "none measured" : text, loops, cells, different, failed);
}

std::string NoteOnPairs(const json& report) {
  int64_t fewest = -1;
  for (const json& line : report["table"]) {
    const auto pairs = line["pairs"].get<int64_t>();
    if (line["method"] != "none" && (fewest < 0 || pairs < fewest)) fewest = pairs;
  }
  return fewest >= 0 && fewest < kMeasuredPairs
             ? fmt::format(
                   "Fewest pairs behind a ratio: {}. Below {} a ratio is a look, not a measurement; in brackets "
                   "then stand least and most, else the 95 % interval of the median.",
                   fewest, kMeasuredPairs)
             : std::string("In brackets: 95 % intervals of the medians.");
}

std::string HtmlTable(const Group& group) {
  std::string html = "<div class=\"scroll\"><table><thead><tr>";
  for (const Column& column : kColumns)
    html += fmt::format("<th{}>{}</th>", column.is_number ? " class=\"n\"" : "", column.title);
  html += "</tr></thead><tbody>";
  for (const json* line : group.lines) {
    html += (*line)["failed_cells"] != 0 ? "<tr class=\"failed\">" : "<tr>";
    for (const Column& column : kColumns) {
      html += fmt::format("<td{}>{}</td>", column.is_number ? " class=\"n\"" : "", EscapeHtml(column.text(*line)));
    }
    html += "</tr>";
  }
  return html + "</tbody></table></div>\n";
}

/// Where a line stands on the axis of lengths: at its axis, or, where documents are what they are, at the mean of all.
double LengthOf(const json& line, const json& report) {
  const std::string asked = line["axes"].value("task.length", "");
  if (!asked.empty()) return std::strtod(asked.c_str(), nullptr);
  double sum = 0;
  for (const json& other : report["table"]) sum += other["prompt_tokens"].get<double>();
  return std::round(sum / static_cast<double>(report["table"].size()));
}

/// A quantity of lines against the length of prompts, one series per drafter.
template <class Value>
LinePlot AgainstLength(const json& report, std::string title, std::string unit, Value&& value) {
  LinePlot plot{std::move(title), "prompt tokens", std::move(unit), {}};
  const std::vector<std::string> drafters = DraftersOf(report);
  for (size_t d = 0; d < drafters.size(); ++d) {
    std::map<double, std::vector<double>> by_length;
    for (const json& line : report["table"]) {
      if (line["drafter"] != drafters[d]) continue;
      if (const auto y = value(line)) by_length[LengthOf(line, report)].push_back(*y);
    }
    Series series{drafters[d], {}, static_cast<int>(d)};
    for (const auto& [length, values] : by_length) series.points.emplace_back(length, Median(values));
    if (!series.points.empty()) plot.series.push_back(std::move(series));
  }
  return plot;
}

std::string Pictures(const json& report) {
  using Maybe = std::optional<double>;
  std::string html = "<div class=\"pictures\">";
  LinePlot speed = AgainstLength(report, "decode speed-up", "times plain", [](const json& line) -> Maybe {
    if (!line.contains("decode_speedup")) return std::nullopt;
    return line["decode_speedup"]["median"].get<double>();
  });
  speed.reference = 1.0;
  html += RenderLines(speed);
  html += RenderLines(AgainstLength(report, "tau: tokens per target pass", "tokens", [](const json& line) -> Maybe {
    return line["mean_acceptance_length_pooled"].get<double>();
  }));
  html += RenderLines(AgainstLength(report, "draft memory", "MB",
                                    [](const json& line) -> Maybe { return line["draft_bytes"].get<double>() / 1e6; }));
  const std::vector<std::string> drafters = DraftersOf(report);
  LinePlot positions{"acceptance by position", "position in the draft", "share", {}};
  BarPlot phases{"time by phase", "ms per token", {"draft", "score", "verify", "commit", "sizing"}, {}};
  for (size_t d = 0; d < drafters.size(); ++d) {
    std::vector<double> rates;
    std::vector<double> ms(phases.parts.size(), 0);
    double lines = 0;
    for (const json& line : report["table"]) {
      if (line["drafter"] != drafters[d]) continue;
      const json& accepted = line["acceptance_rate_per_position"];
      rates.resize(std::max(rates.size(), accepted.size()));
      for (size_t i = 0; i < accepted.size(); ++i) rates[i] += accepted[i].get<double>();
      for (size_t p = 0; p < ms.size(); ++p) ms[p] += line["phases_ms_per_token"].value(phases.parts[p], 0.0);
      ++lines;
    }
    Series series{drafters[d], {}, static_cast<int>(d)};
    for (size_t i = 0; i < rates.size(); ++i) {
      series.points.emplace_back(static_cast<double>(i + 1), rates[i] / lines);
    }
    if (!series.points.empty()) positions.series.push_back(std::move(series));
    for (double& each : ms) each /= std::max(1.0, lines);
    phases.bars.push_back({drafters[d], ms});
  }
  html += RenderLines(positions) + RenderBars(phases);
  std::map<double, std::map<double, std::vector<double>>> costs;  // by thousand prompt tokens, by rows
  for (const json& cell : report["cells"]) {
    const double length = std::round(cell["prompt_tokens"].get<double>() / 1000);
    for (const json& point : cell["draft_plan"]["verification_ms"]) {
      costs[length][point["rows"]].push_back(point["ms"]);
    }
  }
  LinePlot rows{"cost of verification", "rows in one pass", "ms", {}};
  for (const auto& [length, by_rows] : costs) {
    Series series{fmt::format("at {:.0f}K", length), {}, static_cast<int>(rows.series.size())};
    for (const auto& [count, values] : by_rows) series.points.emplace_back(count, Median(values));
    rows.series.push_back(std::move(series));
  }
  return html + RenderLines(rows) + "</div>\n";
}

std::string Traces(const json& report) {
  std::set<std::string> proposers;
  for (const json& cell : report["cells"]) {
    for (const json& run : cell["proposers"]) {
      if (run[0] != "") proposers.insert(run[0]);
    }
  }
  const std::vector<std::string> names(proposers.begin(), proposers.end());
  std::string html =
      "<h2>Answers</h2><p>Tokens that a drafter proposed stand on its colour; the others are the target's own.</p><p "
      "class=\"legend\">";
  for (size_t i = 0; i < names.size(); ++i) {
    html += fmt::format("<span><i class=\"c{}\"></i>{}</span>", (i + 1) % 8, EscapeHtml(names[i]));
  }
  html += "</p>";
  for (const json& cell : report["cells"]) {
    if (cell["method"] == "none") continue;
    html += fmt::format(
        "<details class=\"trace\"><summary>{}/{}, run {}: {}{}{}</summary><p class=\"ask\">{}</p><p class=\"answer\">",
        EscapeHtml(cell["task"]), EscapeHtml(cell["sample"]), cell["repetition"].get<int64_t>() + 1,
        EscapeHtml(cell["drafter"]), cell["axes"].empty() ? "" : ", " + EscapeHtml(AxesText(cell["axes"])),
        cell["looping"] == true ? " (loops)" : "", EscapeHtml(cell["question"]));
    for (const json& run : cell["proposers"]) {
      const std::string who = run[0], text = EscapeHtml(run[2]);
      if (who.empty()) {
        html += text;
      } else {
        const auto at = std::find(names.begin(), names.end(), who) - names.begin();
        html += fmt::format("<mark class=\"c{}\" title=\"{}, {} tokens\">{}</mark>", (at + 1) % 8, EscapeHtml(who),
                            run[1].get<int64_t>(), text);
      }
    }
    html += "</p>";
    if (cell.contains("choices")) html += fmt::format("<p class=\"ask\">{}</p>", EscapeHtml(cell["choices"]));
    if (cell["failed"] != "") html += fmt::format("<p class=\"ask\">failed: {}</p>", EscapeHtml(cell["failed"]));
    html += "</details>\n";
  }
  return html;
}

std::string Environment(const json& report) {
  json shown = {{"builds", report["builds"]},
                {"devices", report["devices"]},
                {"models", report["models"]},
                {"experiment", report["experiment"]}};
  return fmt::format(
      "<h2>Environment and configuration</h2><details><summary>everything that decides the run</summary>"
      "<pre>{}</pre></details>\n",
      EscapeHtml(shown.dump(2)));
}

std::string MarkdownText(const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped += c == '|' ? std::string("\\|") : std::string(1, c == '\n' ? ' ' : c);
  return escaped;
}

std::string CsvText(const std::string& text) {
  if (text.find_first_of(",\"\n") == text.npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

std::string HtmlReport(const json& report) {
  const json& head = report["experiment"];
  const std::string name = EscapeHtml(head["name"]);
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>{}</title><style>{}</style></head><body><main><h1>{}</h1>",
      name, kPageStyle, name);
  const std::string about = head["about"], source = head["source"];
  if (!about.empty()) html += fmt::format("<p>{}</p>", EscapeHtml(about));
  if (!source.empty()) html += fmt::format("<p>Follows: {}</p>", EscapeHtml(source));
  html +=
      fmt::format("<p class=\"summary\">{}</p><p>{}</p>", EscapeHtml(Summary(report)), EscapeHtml(NoteOnPairs(report)));
  html += Pictures(report);
  for (const Group& group : GroupsOf(report)) {
    html += fmt::format("<h2>{}</h2>", EscapeHtml(TitleOf(group)));
    if (const std::string published = PublishedText(report, group); !published.empty()) {
      html += fmt::format("<p>Published: {}</p>", EscapeHtml(published));
    }
    html += HtmlTable(group);
  }
  html += Traces(report) + Environment(report);
  return html + "</main></body></html>\n";
}

std::string MarkdownReport(const json& report) {
  const json& head = report["experiment"];
  std::string text = fmt::format("# {}\n\n", head["name"].get<std::string>());
  const std::string about = head["about"], source = head["source"];
  if (!about.empty()) text += about + "\n\n";
  if (!source.empty()) text += "Follows: " + source + "\n\n";
  text += Summary(report) + "\n\n" + NoteOnPairs(report) + "\n";
  for (const Group& group : GroupsOf(report)) {
    text += fmt::format("\n## {}\n\n", TitleOf(group));
    if (const std::string published = PublishedText(report, group); !published.empty()) {
      text += "Published: " + published + "\n\n";
    }
    std::string rule = "|";
    text += "|";
    for (const Column& column : kColumns) {
      text += fmt::format(" {} |", column.title);
      rule += column.is_number ? "---:|" : "---|";
    }
    text += "\n" + rule + "\n";
    for (const json* line : group.lines) {
      text += "|";
      for (const Column& column : kColumns) text += fmt::format(" {} |", MarkdownText(column.text(*line)));
      text += "\n";
    }
  }
  return text;
}

std::string CellsCsv(const json& report) {
  std::string text =
      "id,axes,task,sample,repetition,seed,drafter,method,prompt_tokens,tokens,decode_ms,prefill_ms,"
      "mean_acceptance_length,metric,score,looping,failed,exactness,output_sha256\n";
  for (const json& cell : report["cells"]) {
    const std::string score = cell.contains("score") ? fmt::format("{}", cell["score"].get<double>()) : "";
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", cell["id"].get<std::string>(),
                        CsvText(AxesText(cell["axes"])), CsvText(cell["task"]), CsvText(cell["sample"]),
                        cell["repetition"].get<int64_t>(), cell["seed"].get<int64_t>(), CsvText(cell["drafter"]),
                        CsvText(cell["method"]), cell["prompt_tokens"].get<int64_t>(),
                        cell["timings"]["predicted_n"].get<int64_t>(), cell["timings"]["predicted_ms"].get<double>(),
                        cell["prefill_ms"].get<double>(), cell["metrics"]["mean_acceptance_length"].get<double>(),
                        cell["metric"].get<std::string>(), score, cell["looping"].get<bool>(), CsvText(cell["failed"]),
                        cell["exactness"].get<std::string>(), cell["output_sha256"].get<std::string>());
  }
  return text;
}

}  // namespace longshot
