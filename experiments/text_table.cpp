#include "experiments/text_table.h"

#include <fmt/format.h>

#include "experiments/svg_plot.h"

namespace longshot {
namespace {

std::string MarkdownText(const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped += c == '|' ? std::string("\\|") : std::string(1, c == '\n' ? ' ' : c);
  return escaped;
}

std::string HtmlCell(const char* tag, bool is_number, const std::string& text) {
  return fmt::format("<{0}{1}>{2}</{0}>", tag, is_number ? " class=\"n\"" : "", EscapeHtml(text));
}

}  // namespace

std::string HtmlTable(const TextTable& table, const std::string& kind) {
  std::string html;
  if (!table.title.empty()) html += fmt::format("<h2>{}</h2>", EscapeHtml(table.title));
  if (!table.note.empty()) html += fmt::format("<p>{}</p>", EscapeHtml(table.note));
  html += fmt::format("<div class=\"scroll\"><table class=\"{}\"><thead><tr>", kind);
  for (const TextTable::Column& column : table.columns) html += HtmlCell("th", column.is_number, column.title);
  html += "</tr></thead><tbody>";
  for (const TextTable::Row& row : table.rows) {
    html += row.failed ? "<tr class=\"failed\">" : "<tr>";
    for (size_t i = 0; i < row.cells.size(); ++i) html += HtmlCell("td", table.columns[i].is_number, row.cells[i]);
    html += "</tr>";
  }
  return html + "</tbody></table></div>\n";
}

std::string MarkdownTable(const TextTable& table) {
  std::string text;
  if (!table.title.empty()) text += fmt::format("\n## {}\n", table.title);
  if (!table.note.empty()) text += fmt::format("\n{}\n", table.note);
  text += "\n|";
  std::string rule = "|";
  for (const TextTable::Column& column : table.columns) {
    text += fmt::format(" {} |", MarkdownText(column.title));
    rule += column.is_number ? "---:|" : "---|";
  }
  text += "\n" + rule + "\n";
  for (const TextTable::Row& row : table.rows) {
    text += "|";
    for (const std::string& cell : row.cells) text += fmt::format(" {} |", MarkdownText(cell));
    text += "\n";
  }
  return text;
}

std::string CsvText(const std::string& text) {
  if (text.find_first_of(",\"\n") == text.npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace longshot
