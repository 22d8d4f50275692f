#include "cli/available_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>

namespace longshot {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

/// Names of one version of control groups.
struct Version {
  fs::path root;
  const char *limit, *usage, *droppable;
};

/// The number a file holds; nothing for "max" or when it cannot be read.
std::optional<int64_t> Number(const fs::path& path) {
  std::ifstream in(path);
  int64_t value = 0;
  if (in >> value) return value;
  return std::nullopt;
}

int64_t Statistic(const fs::path& path, std::string_view key) {
  std::ifstream in(path);
  std::string name;
  for (int64_t value = 0; in >> name >> value;) {
    if (name == key) return value;
  }
  return 0;
}

/// What is left in a group and in those above it.
int64_t LeftIn(const Version& version, const fs::path& group) {
  int64_t left = kUnlimited;
  for (fs::path at = version.root / group.relative_path();; at = at.parent_path()) {
    const auto limit = Number(at / version.limit), usage = Number(at / version.usage);
    if (limit && usage) {
      const int64_t kept = std::max<int64_t>(0, *usage - Statistic(at / "memory.stat", version.droppable));
      left = std::min(left, std::max<int64_t>(0, *limit - kept));
    }
    if (at == version.root || !at.has_relative_path()) return left;
  }
}

}  // namespace

int64_t GroupMemory(const std::string& proc_self, const std::string& mount) {
  const Version v1{fs::path(mount) / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
  const Version v2{fs::path(mount), "memory.max", "memory.current", "inactive_file"};
  std::ifstream in(proc_self + "/cgroup");
  int64_t left = kUnlimited;
  // Lines are "number:controllers:path"; version 2 has number 0 and no controllers.
  for (std::string line; std::getline(in, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const fs::path group = line.substr(second + 1);
    if (controllers == ",,") left = std::min(left, LeftIn(v2, group));
    if (controllers.find(",memory,") != std::string::npos) left = std::min(left, LeftIn(v1, group));
  }
  return left;
}

}  // namespace longshot
