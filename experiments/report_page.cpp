#include "experiments/report_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "experiments/page_style.h"
#include "experiments/report_pictures.h"
#include "experiments/report_tables.h"
#include "experiments/svg_plot.h"
#include "experiments/table.h"
#include "experiments/text_table.h"

namespace longshot {
namespace {

using nlohmann::json;

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
  for (const TextTable& table : LengthTables(report)) html += HtmlTable(table, "lengths");
  for (const TextTable& table : SettingTables(report)) html += HtmlTable(table, "setting");
  html += HtmlTable(MemoryTableOf(report), "memory");
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
  for (const TextTable& table : LengthTables(report)) text += MarkdownTable(table);
  for (const TextTable& table : SettingTables(report)) text += MarkdownTable(table);
  return text + MarkdownTable(MemoryTableOf(report));
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
