#pragma once

#include <string>
#include <vector>

namespace longshot {

/// A table of a report before it has a form.
struct TextTable {
  struct Column {
    std::string title;
    bool is_number = false;
  };
  struct Row {
    std::vector<std::string> cells;  ///< one for each column
    bool failed = false;
  };
  std::string title;  ///< empty: it goes on below what stands above it
  std::string note;   ///< a line below the title; may be empty
  std::vector<Column> columns;
  std::vector<Row> rows;
};

/// A heading, the note, and a table of class `kind` that scrolls where the page is narrow.
std::string HtmlTable(const TextTable& table, const std::string& kind);
std::string MarkdownTable(const TextTable& table);

/// A field of a CSV file, quoted where it has to be.
std::string CsvText(const std::string& text);

}  // namespace longshot
