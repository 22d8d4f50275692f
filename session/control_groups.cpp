#include "session/control_groups.h"

#include <fmt/format.h>

#include <fstream>

namespace longshot {
namespace {

namespace fs = std::filesystem;

/// A group and those above it, up to `root`.
void AddWithParents(const fs::path& root, const fs::path& group, int version, std::vector<ControlGroup>& groups) {
  for (fs::path at = root / group.relative_path();; at = at.parent_path()) {
    groups.push_back({at, version});
    if (at == root || !at.has_relative_path()) return;
  }
}

}  // namespace

std::vector<ControlGroup> ControlGroups(std::string_view controller, const std::string& proc_self,
                                        const std::string& mount) {
  std::vector<ControlGroup> groups;
  std::ifstream in(proc_self + "/cgroup");
  // Lines are "number:controllers:path"; version 2 has number 0 and no controllers.
  for (std::string line; std::getline(in, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const fs::path group = line.substr(second + 1);
    if (controllers == ",,") AddWithParents(mount, group, 2, groups);
    if (controllers.find(fmt::format(",{},", controller)) != std::string::npos) {
      AddWithParents(fs::path(mount) / controller, group, 1, groups);
    }
  }
  return groups;
}

}  // namespace longshot
