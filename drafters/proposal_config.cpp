#include "drafters/proposal_config.h"

#include <charconv>

#include "core/error.h"

namespace longshot {

std::vector<int64_t> ParseTreeShape(std::string_view shape) {
  std::vector<int64_t> levels;
  for (std::string_view rest = shape; !rest.empty();) {
    const size_t comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    int64_t width = 0;
    const auto [end, status] = std::from_chars(item.data(), item.data() + item.size(), width);
    const bool last_comma = comma != std::string_view::npos && comma + 1 == rest.size();
    if (status != std::errc() || end != item.data() + item.size() || width < 1 || width > 4096 || last_comma) {
      Throw(ErrorCode::kUsage,
            "--spec-tree-shape: expected level sizes from 1 to 4096 separated by commas, such as 4,16,16; "
            "got \"{}\"",
            shape);
    }
    levels.push_back(width);
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  return levels;
}

}  // namespace longshot
