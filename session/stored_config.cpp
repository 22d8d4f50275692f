#include "session/stored_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/mapped_file.h"
#include "core/printable.h"

namespace longshot {

void ReadConfig(const std::string& path, std::span<const Section> sections) {
  using nlohmann::json;
  const json report = json::parse(ReadFile(path), nullptr, false);
  if (!report.is_object() || !report.contains("config") || !report["config"].is_object()) {
    Throw(ErrorCode::kConfig, "--config {}: expected a report with a block `config`, as --json writes it", path);
  }
  for (const auto& [name, block] : report["config"].items()) {
    const auto section =
        std::find_if(sections.begin(), sections.end(), [&](const Section& s) { return s.name == name; });
    if (section == sections.end()) {
      Throw(ErrorCode::kConfig, "--config {}: unknown section '{}'", path, Printable(name));
    }
    FromJson(block, section->fields);
  }
}

}  // namespace longshot
