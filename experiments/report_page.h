#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace longshot {

/// The forms of a report, all from `report.json`'s content, so that they cannot differ.

/// One page with tables, pictures and traces; it loads nothing from anywhere.
std::string HtmlReport(const nlohmann::json& report);
/// The tables as Markdown.
std::string MarkdownReport(const nlohmann::json& report);
/// One line per cell.
std::string CellsCsv(const nlohmann::json& report);

}  // namespace longshot
