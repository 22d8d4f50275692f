#include "session/available_memory.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>

#include "session/control_groups.h"

namespace longshot {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

/// What one version of control groups calls its files.
struct Names {
  const char *limit, *usage, *droppable;
};
constexpr Names kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr Names kVersion2{"memory.max", "memory.current", "inactive_file"};

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

/// What is left in one group.
int64_t LeftIn(const ControlGroup& group) {
  const Names& names = group.version == 1 ? kVersion1 : kVersion2;
  const auto limit = Number(group.folder / names.limit), usage = Number(group.folder / names.usage);
  if (!limit || !usage) return kUnlimited;
  const int64_t kept = std::max<int64_t>(0, *usage - Statistic(group.folder / "memory.stat", names.droppable));
  return std::max<int64_t>(0, *limit - kept);
}

}  // namespace

int64_t GroupMemory(const std::string& proc_self, const std::string& mount) {
  int64_t left = kUnlimited;
  for (const ControlGroup& group : ControlGroups("memory", proc_self, mount)) left = std::min(left, LeftIn(group));
  return left;
}

}  // namespace longshot
